#include "node/replication/hold_queue.h"

#include <algorithm>

#include "base/mutant.h"
#include "node/options.h"

namespace harmonylite::node {

using change::Cover;

namespace {

// True if the batch's sender had seen the origin's changes up to `lseq`, or the batch brings them.
// A sender has always seen its own changes.
bool HadSeen(const change::BatchHeader& header, const change::Retirements& retirements,
             const Origin& origin, Lseq lseq) {
  if (origin == header.sender || change::SeenBySender(header, retirements).Covers(origin, lseq))
    return true;
  return std::any_of(header.covers.begin(), header.covers.end(),
                     [&](const Cover& c) { return c.origin == origin && lseq <= c.to; });
}

}  // namespace

Judgement Judge(const change::BatchHeader& header, const change::ProgressVector& progress,
                const Origin& self, int64_t now_ms, int64_t max_clock_skew_ms,
                const change::ProgressVector& collected, const change::Retirements& retirements) {
  // Our own changes count as applied. The consumer therefore applies nothing until it is known that
  // this file is not an older copy, which would lack some of them (SharedState::identified).
  const change::Knowledge ours(progress, retirements, self, Lseq(INT64_MAX));
  const auto have = [&](const Origin& origin, Lseq lseq) { return ours.Covers(origin, lseq); };
  const bool had = std::all_of(header.covers.begin(), header.covers.end(),
                               [&](const Cover& c) { return have(c.origin, c.to); });
  if (had) return {Verdict::kHad, {}, {}};
  for (const Cover& cover : header.covers)
    if (!have(cover.origin, cover.from) && !HL_MUTANT(hole_ignored))
      return {
          Verdict::kWaits, HoldKind::kMissing,
          fmt::format("changes {} to {} of node {} have not come", ours.Get(cover.origin).value + 1,
                      cover.from.value, ToString(cover.origin))};
  for (const auto& [origin, lseq] : header.seen.map()) {
    const bool in_batch = std::any_of(
        header.covers.begin(), header.covers.end(),
        [&, o = origin, l = lseq](const Cover& c) { return c.origin == o && l <= c.to; });
    if (!in_batch && !have(origin, lseq) && !HL_MUTANT(causality_hold_skipped))
      return {Verdict::kWaits, HoldKind::kMissing,
              fmt::format("its writer had seen change {} of node {}, which has "
                          "not come",
                          lseq.value, ToString(origin))};
  }
  // The batch may bring an older write of a row whose delete is forgotten here, and a deleted row
  // must not come back (P5).
  for (const auto& [origin, lseq] : collected.map())
    if (!HadSeen(header, retirements, origin, lseq) && !HL_MUTANT(stale_applied))
      return {Verdict::kWaits, HoldKind::kStale,
              fmt::format("node {} had not seen deletes that the others have forgotten meanwhile; "
                          "it sends this again when it has caught up, with a snapshot if need be",
                          header.sender.node.value)};
  const int64_t ahead = HlcMillis(header.max_stamp) - now_ms;
  if (ahead > max_clock_skew_ms && !HL_MUTANT(clock_hold_skipped))
    return {Verdict::kWaits, HoldKind::kClock,
            fmt::format("it is stamped {} s in the future: set the clock of node {} or of this one",
                        ahead / 1000, ToString(header.sender))};
  return {Verdict::kReady, {}, {}};
}

HoldQueue::Share HoldQueue::Sum(const std::function<bool(const WaitingBatch&)>& counts) const {
  Share out;
  for (const WaitingBatch& batch : batches_) {
    if (!counts(batch)) continue;
    ++out.batches;
    out.bytes += batch.arrived.bytes.size();
    out.memory += batch.arrived.bytes.memory();
  }
  return out;
}

bool HoldQueue::crowded() const {
  const Share fresh = Sum([](const WaitingBatch& batch) { return !batch.hold; });
  return fresh.batches >= kMaxFreshBatches || fresh.memory > kMaxFreshMemory;
}

bool HoldQueue::Waits(const Origin& sender) const {
  return std::any_of(batches_.begin(), batches_.end(), [&](const WaitingBatch& batch) {
    return batch.hold && batch.header.sender == sender;
  });
}

bool HoldQueue::Push(WaitingBatch batch, bool ready) {
  const Origin sender = batch.header.sender;
  if (!ready && Waits(sender)) {
    const Share share = Sum([&](const WaitingBatch& one) { return one.header.sender == sender; });
    const Share all = Sum([](const WaitingBatch& one) { return one.hold.has_value(); });
    if (share.batches >= kMaxHeldOfSender || share.bytes > kMaxHeldBytesOfSender ||
        all.batches >= kMaxHeldBatches || all.memory > kMaxHeldMemory)
      return false;
  }
  batches_.push_back(std::move(batch));
  return true;
}

std::optional<ports::LogSeq> HoldQueue::oldest() const {
  std::optional<ports::LogSeq> oldest;
  for (const WaitingBatch& batch : batches_)
    if (!oldest || batch.arrived.first < *oldest) oldest = batch.arrived.first;
  return oldest;
}

std::vector<Hold> HoldQueue::Reasons() const {
  std::vector<Hold> out;
  for (const WaitingBatch& batch : batches_) {
    if (!batch.hold) continue;
    const bool known = std::any_of(out.begin(), out.end(), [&](const Hold& one) {
      return one.origin == batch.hold->origin && one.kind == batch.hold->kind;
    });
    if (!known) out.push_back(*batch.hold);
  }
  return out;
}

}  // namespace harmonylite::node
