#include "node/cluster/lease.h"

#include <fmt/format.h>

namespace harmonylite::node {

namespace {

constexpr std::string_view kMagic = "harmonylite-lease 1";

std::string HolderLine(NodeId node) { return fmt::format("node {}\n", node.value); }

}  // namespace

Lease::Lease(ports::MetaStore* store, const Clock* clock, Options options)
    : store_(store), clock_(clock), options_(std::move(options)) {}

std::string Lease::Value(std::string_view note) const {
  return fmt::format("{}\n{}session {}\nnote {}\n", kMagic, HolderLine(options_.node),
                     options_.session, note);
}

bool Lease::held() const { return held_ && clock_->MonotonicMs() - since_ms_ < options_.ttl_ms; }

// Writes the entry if it is still at `revision` (0: if there is none). False if another process
// wrote it meanwhile. The time of the write is taken before it, so that the holder's time to live
// ends before any other node's count does.
Result<bool> Lease::Take(std::string_view note, uint64_t revision) {
  const int64_t now = clock_->MonotonicMs();
  auto taken = store_->CompareAndSet(options_.key, Value(note), revision);
  if (!taken.ok()) {
    held_ = false;
    if (taken.error().code() == ErrorCode::kConflict) return false;
    return std::move(taken).error();
  }
  held_ = true;
  revision_ = *taken;
  since_ms_ = now;
  note_ = note;
  return true;
}

Result<bool> Lease::Renew(std::string_view note) {
  if (note == note_ && clock_->MonotonicMs() - since_ms_ < options_.ttl_ms / 3) return true;
  const uint64_t revision = revision_;
  const int64_t since = since_ms_;
  auto renewed = Take(note, revision);
  if (renewed.ok()) {
    // After a conflict the entry is another process's, or gone, so the next Step() looks at it
    // anew.
    revision_ = *renewed ? revision_ : 0;
    return renewed;
  }
  // The registry did not answer. The lease stays held until its time to live ends, because no other
  // node may take it before that.
  held_ = clock_->MonotonicMs() - since < options_.ttl_ms;
  return renewed;
}

Result<bool> Lease::Step(bool willing, std::string_view note) {
  if (held_ && !held()) {
    held_ = false;
    revision_ = 0;
  }
  if (held_) return Renew(note);
  auto entry = store_->RecentEntry(options_.key);
  if (!entry.ok()) {
    if (entry.error().code() != ErrorCode::kNotFound) return std::move(entry).error();
    return willing ? Take(note, 0) : Result<bool>(false);
  }
  const int64_t now = clock_->MonotonicMs();
  if (entry->revision != revision_) {
    revision_ = entry->revision;
    since_ms_ = now;
  }
  if (!willing) return false;
  // An entry of this node was left by a former process of it, because only one process runs per
  // database. It is taken over without waiting.
  const bool ours = entry->value.find("\n" + HolderLine(options_.node)) != std::string::npos;
  if (!ours && now - since_ms_ < options_.ttl_ms) return false;
  return Take(note, revision_);
}

void Lease::Release() {
  if (!held_) return;
  held_ = false;
  // If the entry cannot be deleted, it stays until it expires, and the next holder waits for that.
  auto entry = store_->Get(options_.key);
  if (entry.ok() && entry->revision == revision_ && !store_->Delete(options_.key).ok())
    revision_ = 0;
}

Result<std::string> Lease::NoteOf(ports::MetaStore* store, const std::string& key) {
  HL_ASSIGN(const ports::MetaEntry entry, store->Get(key));
  const size_t at = entry.value.find("\nnote ");
  if (at == std::string::npos) return std::string();
  const size_t begin = at + 6;
  return entry.value.substr(begin, entry.value.find('\n', begin) - begin);
}

}  // namespace harmonylite::node
