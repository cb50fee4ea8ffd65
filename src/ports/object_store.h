// A store of large named objects, for snapshots. Objects are put, got, listed and deleted as a
// whole.
//
// Implementations: adapters/nats/object_store.h, adapters/stores/store_*.h (a directory, S3,
// WebDAV, SFTP), and a simulated one in tests/sim. tests/support/object_store_contract.h has the
// tests that each must pass. No store is trusted to return what was put: the reader checks what it
// got.
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
  uint64_t size = 0;  // In bytes.
};

// Watches one call of an ObjectStore, and can end it. Threads: any.
struct Transfer {
  std::atomic<uint64_t> bytes{0};      // Bytes moved so far; each attempt counts from 0.
  std::atomic<bool> cancelled{false};  // Once set, the call ends soon, with kRetryLater.
};

constexpr size_t kMaxObjectName = 200;  // In bytes.
// True for a name of letters, digits, '.', '-' and '_' that does not start with '.' and is not too
// long. There are no folders.
bool IsObjectName(std::string_view name);
// kInvalidArgument: `name` is not an object's name.
Status CheckObjectName(std::string_view name);

// A store of objects. Other things that lie in the same place are left alone and not listed.
// `transfer` may be null. Memory is bounded, whatever an object's size.
//
// Errors of all calls: kRetryLater if the same call may succeed later (the store cannot be reached,
// its disk is full), after the store's own retries; kInvalidArgument if the operator must change
// something (credentials, address, bucket) or a name is not an object's name. Threads: one call at
// a time.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  // Puts an object, and replaces one of the same name. A reader sees the old object or the whole
  // new one.
  virtual Status Put(const std::string& name, const Spool& content, Transfer* transfer) = 0;
  // Replaces the content of `out` by the object; after an error `out` must be thrown away.
  // kNotFound: there is no such object. kCorruption: the store itself says that the object is
  // damaged.
  virtual Status Get(const std::string& name, Spool* out, Transfer* transfer) = 0;
  // Put and Get for bytes that come and go piece by piece, if streams() is true. Stores that must
  // know an object's size or checksum before its first byte cannot do this.
  virtual bool streams() const { return false; }
  virtual Status PutFrom(const std::string& name, ObjectSource* source, Transfer* transfer);
  virtual Status GetInto(const std::string& name, ObjectSink* sink, Transfer* transfer);
  // The objects whose name starts with `prefix`, ordered by name.
  virtual Result<std::vector<ObjectInfo>> List(const std::string& prefix) = 0;
  // Deletes an object. It succeeds if there is no such object.
  virtual Status Delete(const std::string& name) = 0;
};

}  // namespace harmonylite::ports
