// A registry in memory, which several nodes of a test may share. Threads: one at a time.
#pragma once

#include <map>
#include <string>

#include "ports/meta_store.h"

namespace harmonylite::test {

class MemoryMetaStore final : public ports::MetaStore {
 public:
  Result<uint64_t> Put(const std::string& key, std::string_view value) override {
    if (broken) return Broken();
    entries[key] = {std::string(value), ++revision};
    return revision;
  }
  Result<uint64_t> CompareAndSet(const std::string& key, std::string_view value,
                                 uint64_t expected) override {
    if (broken) return Broken();
    const auto it = entries.find(key);
    if ((it == entries.end() ? 0 : it->second.revision) != expected)
      return MakeError(ErrorCode::kConflict, "{} is at another revision", key);
    return Put(key, value);
  }
  Result<ports::MetaEntry> Get(const std::string& key) override {
    if (broken) return Broken();
    const auto it = entries.find(key);
    if (it == entries.end()) return MakeError(ErrorCode::kNotFound, "no {}", key);
    return it->second;
  }
  Status Delete(const std::string& key) override {
    if (broken) return Broken();
    entries.erase(key);
    return Ok();
  }
  Result<std::map<std::string, ports::MetaEntry>> List(const std::string& prefix) override {
    if (broken) return Broken();
    std::map<std::string, ports::MetaEntry> out;
    for (const auto& [key, entry] : entries)
      if (key.starts_with(prefix)) out[key] = entry;
    return out;
  }
  Result<std::map<std::string, ports::MetaEntry>> Recent(const std::string& prefix) override {
    if (!lags) return List(prefix);
    return std::map<std::string, ports::MetaEntry>();
  }

  std::map<std::string, ports::MetaEntry> entries;
  uint64_t revision = 0;
  bool broken = false;  // true: the registry is out of reach
  bool lags = false;    // true: Recent() has heard of nothing yet

 private:
  static Error Broken() { return MakeError(ErrorCode::kRetryLater, "out of reach"); }
};

}  // namespace harmonylite::test
