// Small shared facts (who is alive, leases): keys with a last value and compare-and-set.
//
// Its content may vanish at any time and is written again by those it is about.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::log {

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
};

}  // namespace harmonylite::log
