// Small shared facts (who is alive, leases): keys with a last value and compare-and-set.
//
// Its content may vanish at any time and is written again by those it is about.
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
  virtual Result<uint64_t> Put(const std::string& key, std::string_view value) = 0;
  // revision 0: the key must not exist. kConflict: it is at another revision.
  virtual Result<uint64_t> CompareAndSet(const std::string& key, std::string_view value,
                                         uint64_t revision) = 0;
  // kNotFound: no such key.
  virtual Result<MetaEntry> Get(const std::string& key) = 0;
  virtual Status Delete(const std::string& key) = 0;
  // All entries whose key starts with `prefix`.
  virtual Result<std::map<std::string, MetaEntry>> List(const std::string& prefix) = 0;
  // The same as far as it is known here, for looks that are repeated: behind by what is under way,
  // and for some seconds by more when the store was emptied. Asks nobody.
  virtual Result<std::map<std::string, MetaEntry>> Recent(const std::string& prefix) {
    return List(prefix);
  }
  // One entry of that. kNotFound: no such key.
  Result<MetaEntry> RecentEntry(const std::string& key) {
    HL_ASSIGN(auto entries, Recent(key));
    const auto it = entries.find(key);
    if (it == entries.end()) return MakeError(ErrorCode::kNotFound, "no entry {}", key);
    return std::move(it->second);
  }
};

}  // namespace harmonylite::ports
