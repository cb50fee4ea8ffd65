// The meta store as a JetStream key-value bucket "<stream_prefix>-v<format>-meta", readable by any
// NATS client. Made when it is missing, again after somebody wiped the store.
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
  int format = 0;    // the wire format's number, part of the name; the caller must set it
  int replicas = 1;  // when the bucket is made; an existing one is used as it is
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
  // Shows everything written before the call. Costs one small question to the server: the entries
  // are pushed to us as they change.
  Result<std::map<std::string, ports::MetaEntry>> List(const std::string& prefix) override;
  Result<std::map<std::string, ports::MetaEntry>> Recent(const std::string& prefix) override;

 private:
  using Entries = std::map<std::string, ports::MetaEntry>;
  struct Write;
  struct Stored;
  Result<uint64_t> Send(const std::string& key, const Write& write);
  // The newest entry of a key, a deleted one included. kNotFound: none.
  Result<Stored> Load(const std::string& key);
  Status EnsureBucket(Session& session);
  Result<Entries> FromMirror(const std::string& prefix,
                             Status (BucketMirror::*update)(const std::shared_ptr<Session>&));

  const std::shared_ptr<Connection> connection_;
  const KvMetaStoreOptions options_;
  const std::string bucket_;
  const std::string stream_;        // "KV_<bucket>"
  const std::string subject_root_;  // "$KV.<bucket>."

  std::mutex mirror_mutex_;               // guards mirror_, held during List and Recent
  std::unique_ptr<BucketMirror> mirror_;  // null until the first List
};

}  // namespace harmonylite::nats
