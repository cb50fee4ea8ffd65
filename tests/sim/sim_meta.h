// A simulated registry: keys with revisions, whose contents may vanish, go back to an earlier
// state, or be shown late. Each node reaches it through a MetaClient of its own.
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

  // The entries as they were `back` changes ago, or in the oldest state that is still remembered.
  const Entries& entries(size_t back = 0) const { return states_[Index(back)].entries; }
  size_t states() const { return states_.size(); }

  uint64_t Put(const std::string& key, std::string_view value) {
    State& state = Advance();
    state.entries[key] = {std::string(value), ++state.revision};
    return state.revision;
  }
  void Delete(const std::string& key) { Advance().entries.erase(key); }
  // Removes all keys. Revisions go on from where they were.
  void Forget() { Advance().entries.clear(); }
  // Puts an older state in place, from which revisions count on: some are given out a second time.
  void PutBack(size_t back) {
    State copy = states_[Index(back)];
    Advance() = std::move(copy);
  }

 private:
  struct State {
    Entries entries;
    uint64_t revision = 0;  // the revision of the newest write
  };
  static constexpr size_t kMostStates = 200;

  size_t Index(size_t back) const {
    return states_.size() - 1 - std::min(back, states_.size() - 1);
  }
  State& Advance() {
    states_.push_back(states_.back());
    if (states_.size() > kMostStates) states_.pop_front();
    return states_.back();
  }

  std::deque<State> states_{1};  // never empty; the newest state is the last
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
    // A replica that lags catches up by up to three states with each call, so the node sees one
    // older state after the other.
    if (behind > 0) behind -= std::min(behind, static_cast<size_t>(random_->Below(4)));
    SimMeta::Entries out;
    for (const auto& [key, entry] : store_->entries(behind))
      if (key.starts_with(prefix)) out[key] = entry;
    return out;
  }

  bool connected = true;
  size_t behind = 0;  // by how many states the replica that List() reads lags

 private:
  static Error Disconnected() { return MakeError(ErrorCode::kRetryLater, "simulated: cut off"); }
  SimMeta* store_;
  Random* random_;
};

}  // namespace harmonylite::sim
