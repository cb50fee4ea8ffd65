// A simulated registry: keys with revisions, whose content may vanish. Each node has a MetaClient.
//
// Threads: one.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "log/meta_store.h"

namespace harmonylite::sim {

class SimMeta {
 public:
  std::map<std::string, log::MetaEntry> entries;
  uint64_t revision = 0;  // of the newest write; goes on when the content vanishes

  // What is here now is on the server's disk; its power is cut, and it has what was synced.
  void Sync() { synced_ = {entries, revision}; }
  void LosePower() { std::tie(entries, revision) = synced_; }

 private:
  std::pair<std::map<std::string, log::MetaEntry>, uint64_t> synced_;
};

class MetaClient final : public log::MetaStore {
 public:
  explicit MetaClient(SimMeta* store) : store_(store) {}

  Result<uint64_t> Put(const std::string& key, std::string_view value) override {
    if (!connected) return Disconnected();
    store_->entries[key] = {std::string(value), ++store_->revision};
    return store_->revision;
  }
  Result<uint64_t> CompareAndSet(const std::string& key, std::string_view value,
                                 uint64_t revision) override {
    if (!connected) return Disconnected();
    const auto it = store_->entries.find(key);
    if ((it == store_->entries.end() ? 0 : it->second.revision) != revision)
      return MakeError(ErrorCode::kConflict, "simulated: another revision");
    return Put(key, value);
  }
  Result<log::MetaEntry> Get(const std::string& key) override {
    if (!connected) return Disconnected();
    const auto it = store_->entries.find(key);
    if (it == store_->entries.end()) return MakeError(ErrorCode::kNotFound, "no key {}", key);
    return it->second;
  }
  Status Delete(const std::string& key) override {
    if (!connected) return Disconnected();
    store_->entries.erase(key);
    return Ok();
  }
  Result<std::map<std::string, log::MetaEntry>> List(const std::string& prefix) override {
    if (!connected) return Disconnected();
    std::map<std::string, log::MetaEntry> out;
    for (const auto& [key, entry] : store_->entries)
      if (key.starts_with(prefix)) out[key] = entry;
    return out;
  }

  bool connected = true;

 private:
  static Error Disconnected() { return MakeError(ErrorCode::kRetryLater, "simulated: cut off"); }
  SimMeta* store_;
};

}  // namespace harmonylite::sim
