// Stores objects in an S3 bucket, at Amazon or at any server that speaks its protocol.
//
// Requests are signed with signature version 4 over their bytes, so the server refuses a request
// that was altered on its way. Large objects are sent in parts. No reader sees an object before it
// is complete.
//
// Threads: one call at a time, as ports::ObjectStore demands.
#pragma once

#include <functional>
#include <string>

#include "adapters/stores/store_limits.h"
#include "ports/object_store.h"

namespace harmonylite::stores {

class CurlHandle;    // private, adapters/stores/store_curl.h
class UploadSource;  // private, adapters/stores/store_curl.h
struct HttpRequest;  // private, adapters/stores/store_http.h
struct HttpResponse;

struct S3Options {
  std::string endpoint;  // host or host:port
  bool use_tls = false;
  std::string bucket;  // the first Put() makes it if it is missing
  std::string path;    // folder within the bucket; may be empty
  std::string region = "us-east-1";
  // Whether the bucket is part of the path; otherwise it is part of the host's name.
  bool path_style = true;
  std::string access_key;  // if empty, requests are not signed
  std::string secret;
  std::string session_token;        // may be empty
  std::string ca_file;              // certificates to trust; empty for the system's
  uint64_t part_bytes = 16 << 20;   // the protocol demands at least 5 MiB
  uint64_t whole_limit = 64 << 20;  // larger objects are sent in parts
  StoreLimits limits;
};

class S3Store final : public ports::ObjectStore {
 public:
  explicit S3Store(S3Options options);
  ~S3Store() override;

  Status Put(const std::string& name, const Spool& content, ports::Transfer* transfer) override;
  Status Get(const std::string& name, Spool* out, ports::Transfer* transfer) override;
  Result<std::vector<ports::ObjectInfo>> List(const std::string& prefix) override;
  Status Delete(const std::string& name) override;

 private:
  struct Upload;
  struct Part;

  std::string UrlOfBucket() const;
  std::string UrlOf(const std::string& name) const;
  std::string KeyPrefix() const;  // "path/", or empty without a path
  Error WithPlace(Error error, const std::string& what) const;

  // Sends a request, and turns a status that is no success into an error.
  Result<HttpResponse> Send(HttpRequest request, bool* final);
  Result<HttpResponse> SendBytes(HttpRequest request, const Spool& content, uint64_t offset,
                                 uint64_t length, bool* final);
  Result<HttpResponse> SendText(const std::string& method, const std::string& url,
                                const std::string& text, ports::Transfer* transfer, bool* final);
  Error ErrorOf(const HttpRequest& request, const HttpResponse& response, bool* final) const;
  std::string WithoutSecrets(std::string text) const;

  Status MakeBucket(bool* final);
  Status PutWhole(const std::string& name, const Spool& content, ports::Transfer* transfer,
                  bool* final);
  Status PutInParts(const std::string& name, const Spool& content, ports::Transfer* transfer);
  Status Begin(Upload* upload, bool* final);
  Status SendPart(const Upload& upload, const Spool& content, Part* part, bool* final);
  Status Complete(const Upload& upload, bool* final);
  void Abort(const Upload& upload);

  const S3Options options_;
  const std::unique_ptr<CurlHandle> curl_;
};

}  // namespace harmonylite::stores
