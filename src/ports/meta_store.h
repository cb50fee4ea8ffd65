// The registry as HarmonyLite needs it: a store of small shared facts, such as heartbeats and
// leases. Each key has a last value and can be changed by compare-and-set.
//
// The content may vanish at any time, and the nodes that it is about write it again.
// Implementations: adapters/nats/kv_meta_store.h, and simulated ones in tests.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::ports {

struct MetaEntry {
  std::string value;
  uint64_t revision = 0;
};

// Threads: all methods may be called from any thread. Keys: letters, digits, '.', '-', '_'.
class MetaStore {
 public:
  virtual ~MetaStore() = default;
  // Sets the value whatever it was, and returns its new revision.
  virtual Result<uint64_t> Put(const std::string& key, std::string_view value) = 0;
  // Sets the value if the key is at `revision`; 0 means that the key must not exist. Returns the
  // new revision. kConflict: the key is at another revision.
  virtual Result<uint64_t> CompareAndSet(const std::string& key, std::string_view value,
                                         uint64_t revision) = 0;
  // kNotFound: there is no such key.
  virtual Result<MetaEntry> Get(const std::string& key) = 0;
  virtual Status Delete(const std::string& key) = 0;
  // All entries whose key starts with `prefix`.
  virtual Result<std::map<std::string, MetaEntry>> List(const std::string& prefix) = 0;
  // The entries that List() would return, as far as this node has heard of them; it sends no
  // request, so it is fit for repeated looks. It lags behind by what is under way, and by some
  // seconds more after the store was emptied.
  virtual Result<std::map<std::string, MetaEntry>> Recent(const std::string& prefix) {
    return List(prefix);
  }
  // One entry of Recent(). kNotFound: there is no such entry.
  Result<MetaEntry> RecentEntry(const std::string& key) {
    HL_ASSIGN(auto entries, Recent(key));
    const auto it = entries.find(key);
    if (it == entries.end()) return MakeError(ErrorCode::kNotFound, "no entry {}", key);
    return std::move(it->second);
  }
};

}  // namespace harmonylite::ports
