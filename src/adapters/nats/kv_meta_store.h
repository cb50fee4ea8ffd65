// The registry as a JetStream key-value bucket "<stream_prefix>-v<format>-meta", readable by any
// NATS client. The bucket is made when it is missing, also after somebody wiped the servers'
// storage.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "adapters/nats/connection.h"
#include "ports/meta_store.h"

namespace harmonylite::nats {

class BucketMirror;  // private, adapters/nats/bucket_mirror.h

struct KvMetaStoreOptions {
  std::string stream_prefix = "harmonylite-changes";
  int format = 0;    // number of the wire format, part of the name; the caller must set it
  int replicas = 1;  // used when the bucket is made; an existing bucket keeps its own
  std::chrono::milliseconds timeout{5000};
};

// Threads: every method may be called from any thread.
class KvMetaStore final : public ports::MetaStore {
 public:
  KvMetaStore(std::shared_ptr<Connection> connection, KvMetaStoreOptions options);
  ~KvMetaStore() override;

  Result<uint64_t> Put(const std::string& key, std::string_view value) override;
  Result<uint64_t> CompareAndSet(const std::string& key, std::string_view value,
                                 uint64_t revision) override;
  Result<ports::MetaEntry> Get(const std::string& key) override;
  Status Delete(const std::string& key) override;
  // Returns everything written before the call. It costs one small question to the server, because
  // the server pushes the entries to us as they change.
  Result<std::map<std::string, ports::MetaEntry>> List(const std::string& prefix) override;
  Result<std::map<std::string, ports::MetaEntry>> Recent(const std::string& prefix) override;

 private:
  using Entries = std::map<std::string, ports::MetaEntry>;
  struct Write;
  struct Stored;
  Result<uint64_t> Send(const std::string& key, const Write& write);
  // Returns the newest entry of a key, even if it only records a deletion. kNotFound: there is
  // none.
  Result<Stored> Load(const std::string& key);
  Status EnsureBucket(Session& session);
  Result<Entries> FromMirror(const std::string& prefix,
                             Status (BucketMirror::*update)(const std::shared_ptr<Session>&));

  const std::shared_ptr<Connection> connection_;
  const KvMetaStoreOptions options_;
  const std::string bucket_;
  const std::string stream_;        // "KV_<bucket>"
  const std::string subject_root_;  // "$KV.<bucket>."

  std::mutex mirror_mutex_;               // guards mirror_; held during List() and Recent()
  std::unique_ptr<BucketMirror> mirror_;  // null until the first List() or Recent()
};

}  // namespace harmonylite::nats
