// A simulated registry: keys with revisions, whose content may vanish, go back to what it was, or be shown late. Each
// node has a MetaClient.
//
// Threads: one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <string>

#include "ports/meta_store.h"
#include "sim/random.h"

namespace harmonylite::sim {

class SimMeta {
 public:
  using Entries = std::map<std::string, ports::MetaEntry>;

  // `back` states ago; what is further back than is remembered is the oldest.
  const Entries& entries(size_t back = 0) const { return states_[Index(back)].entries; }
  size_t states() const { return states_.size(); }

  uint64_t Put(const std::string& key, std::string_view value) {
    State& state = Advance();
    state.entries[key] = {std::string(value), ++state.revision};
    return state.revision;
  }
  void Delete(const std::string& key) { Advance().entries.erase(key); }
  // Revisions go on.
  void Forget() { Advance().entries.clear(); }
  // An older copy is put in place: its revisions are given once more.
  void PutBack(size_t back) {
    State copy = states_[Index(back)];
    Advance() = std::move(copy);
  }

 private:
  struct State {
    Entries entries;
    uint64_t revision = 0;  // of the newest write
  };
  static constexpr size_t kMostStates = 200;

  size_t Index(size_t back) const { return states_.size() - 1 - std::min(back, states_.size() - 1); }
  State& Advance() {
    states_.push_back(states_.back());
    if (states_.size() > kMostStates) states_.pop_front();
    return states_.back();
  }

  std::deque<State> states_{1};  // the newest last
};

class MetaClient final : public ports::MetaStore {
 public:
  MetaClient(SimMeta* store, Random* random) : store_(store), random_(random) {}

  Result<uint64_t> Put(const std::string& key, std::string_view value) override {
    if (!connected) return Disconnected();
    return store_->Put(key, value);
  }
  Result<uint64_t> CompareAndSet(const std::string& key, std::string_view value,
                                 uint64_t revision) override {
    if (!connected) return Disconnected();
    const auto it = store_->entries().find(key);
    if ((it == store_->entries().end() ? 0 : it->second.revision) != revision)
      return MakeError(ErrorCode::kConflict, "simulated: another revision");
    return Put(key, value);
  }
  Result<ports::MetaEntry> Get(const std::string& key) override {
    if (!connected) return Disconnected();
    const auto it = store_->entries().find(key);
    if (it == store_->entries().end()) return MakeError(ErrorCode::kNotFound, "no key {}", key);
    return it->second;
  }
  Status Delete(const std::string& key) override {
    if (!connected) return Disconnected();
    store_->Delete(key);
    return Ok();
  }
  Result<SimMeta::Entries> List(const std::string& prefix) override {
    if (!connected) return Disconnected();
    // A replica that lags shows one older state after the other until it has caught up.
    if (behind > 0) behind -= std::min(behind, static_cast<size_t>(random_->Below(4)));
    SimMeta::Entries out;
    for (const auto& [key, entry] : store_->entries(behind))
      if (key.starts_with(prefix)) out[key] = entry;
    return out;
  }

  bool connected = true;
  size_t behind = 0;  // states by which the replica that it reads from lags

 private:
  static Error Disconnected() { return MakeError(ErrorCode::kRetryLater, "simulated: cut off"); }
  SimMeta* store_;
  Random* random_;
};

}  // namespace harmonylite::sim
