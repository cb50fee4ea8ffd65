// Private to src/adapters/stores: one libcurl handle with our limits; its failures become errors.
//
// Everything runs in this process, so no credential is ever part of a command line. TLS
// certificates are verified.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "adapters/stores/store_limits.h"
#include "ports/object_store.h"
#include "ports/retry.h"

namespace harmonylite::stores {

struct SlistFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using SlistPtr = std::unique_ptr<curl_slist, SlistFree>;
SlistPtr MakeSlist(const std::vector<std::string>& lines);

// The bytes of an upload: a range of a spool, or a text. libcurl may ask to read again from any
// position.
class UploadSource {
 public:
  UploadSource(const Spool* spool, uint64_t offset, uint64_t length);
  explicit UploadSource(std::string text);
  uint64_t size() const { return length_; }
  const Status& status() const { return status_; }
  void Attach(CURL* curl);

 private:
  static size_t Read(char* buffer, size_t size, size_t count, void* self);
  static int Seek(void* self, curl_off_t offset, int origin);

  const Spool* const spool_;  // not owned; null if the bytes are in text_
  const uint64_t offset_ = 0;
  const uint64_t length_;
  const std::string text_;
  uint64_t done_ = 0;
  std::string chunk_;
  Status status_ = Ok();
};

// One libcurl handle. It keeps its connection from one transfer to the next. Threads: one at a
// time.
class CurlHandle {
 public:
  // `ca_file` holds the certificates to trust; if empty, the system's are used.
  CurlHandle(const StoreLimits& limits, std::string ca_file);
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;
  ~CurlHandle();

  CURL* get() const { return curl_; }
  // Sets all options to their initial values.
  void Reset();
  // Runs the transfer that the handle is set up for. Counts bytes in `transfer`, beginning at
  // `base`. Sets *final as ports::TransferAttempt asks. Errors name `place`, which must hold no
  // credentials.
  Status Perform(const std::string& place, ports::Transfer* transfer, uint64_t base, bool* final);

 private:
  struct Watch;
  static int OnProgress(void* watch, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                        curl_off_t up);
  Error ErrorOf(CURLcode code, const std::string& place) const;

  const StoreLimits limits_;
  const std::string ca_file_;
  CURL* const curl_;  // owned
  char text_[CURL_ERROR_SIZE] = {};
};

}  // namespace harmonylite::stores
