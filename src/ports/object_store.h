// Large objects with names, for snapshots: put whole, got whole, listed, deleted.
//
// Implementations: adapters/nats/object_store.h, adapters/stores/store_*.h (a directory, S3, WebDAV, SFTP), and a
// simulated one in tests/sim. None is trusted to give back what was put: whoever reads checks what
// it got.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/spool.h"
#include "ports/object_stream.h"

namespace harmonylite::ports {

struct ObjectInfo {
  std::string name;
  uint64_t size = 0;  // bytes
};

// Watches and ends one call of an ObjectStore. Threads: any.
struct Transfer {
  std::atomic<uint64_t> bytes{0};      // moved so far; starts again when an attempt does
  std::atomic<bool> cancelled{false};  // set it and the call ends soon, with kRetryLater
};

constexpr size_t kMaxObjectName = 200;  // bytes
// Letters, digits, '.', '-', '_', not starting with '.'; no folders.
bool IsObjectName(std::string_view name);
// kInvalidArgument: it is none.
Status CheckObjectName(std::string_view name);

// Threads: one call at a time. Names: IsObjectName, else kInvalidArgument. What else lies in the
// place of the objects is left alone and not listed. `transfer` may be null. Errors of all calls:
// kRetryLater when the same call may succeed later (the store is out of reach, its disk is full),
// after the store's own retries; kInvalidArgument when the operator must change something
// (credentials, address, bucket). Memory is bounded, whatever an object's size.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  // Replaces an object of that name. Readers see the old one, or the new one whole.
  virtual Status Put(const std::string& name, const Spool& content, Transfer* transfer) = 0;
  // Puts the object into `out`, whatever was in it; after an error `out` is to be thrown away.
  // kNotFound: no such object. kCorruption: the store itself says that it is damaged.
  virtual Status Get(const std::string& name, Spool* out, Transfer* transfer) = 0;
  // The same two for bytes that come and go piece by piece; only where streams() says so. Stores that must know an
  // object's size or checksum before its first byte cannot.
  virtual bool streams() const { return false; }
  virtual Status PutFrom(const std::string& name, ObjectSource* source, Transfer* transfer);
  virtual Status GetInto(const std::string& name, ObjectSink* sink, Transfer* transfer);
  // Objects whose name starts with `prefix`, by name.
  virtual Result<std::vector<ObjectInfo>> List(const std::string& prefix) = 0;
  // Deleting what does not exist is fine.
  virtual Status Delete(const std::string& name) = 0;
};

}  // namespace harmonylite::ports
