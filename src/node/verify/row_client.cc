#include "node/verify/row_client.h"

#include <algorithm>

namespace harmonylite::node {

namespace {

// A node that has not begun to answer within kBeginMs
// is not running, or its version does not know the question. One that has begun may take kAnswerMs.
constexpr int64_t kBeginMs = 8'000;
constexpr int64_t kAnswerMs = 600'000;
// A node counts as running if its newest heartbeat, stamped by its own clock, is not older than
// this by this node's clock. A clock that is further off holds batches back anyway.
constexpr int64_t kHeardMs = 15'000;

Error GivenUp() { return MakeError(ErrorCode::kRetryLater, "the node is ending"); }

}  // namespace

RowClient::RowClient(ports::MetaStore* store, const Clock* clock, char letter, uint64_t seed,
                     std::function<bool()> pause)
    : store_(store), clock_(clock), letter_(letter), random_(seed), pause_(std::move(pause)) {}

Result<LiveNodes> RowClient::Nodes() {
  HL_ASSIGN(const auto entries, store_->List(kHeartbeatPrefix));
  LiveNodes out;
  for (const auto& [key, entry] : entries) {
    const auto heartbeat = DecodeHeartbeat(entry.value);
    if (!heartbeat.ok()) continue;
    const int64_t silent = clock_->WallMs() - heartbeat->wall_ms;
    if (silent < kHeardMs)
      out.live.insert(heartbeat->origin.node);
    else
      out.away[heartbeat->origin.node] = silent;
  }
  return out;
}

Result<std::map<NodeId, VerifyAnswer>> RowClient::Ask(VerifyRequest request,
                                                      const std::set<NodeId>& nodes) {
  request.id = fmt::format("{}{:016x}", letter_, random_());
  const std::string key = VerifyRequestKey(request.id);
  HL_ASSIGN(const uint64_t revision, store_->Put(key, EncodeVerifyRequest(request)));
  (void)revision;
  const int64_t began = clock_->MonotonicMs();
  std::map<NodeId, VerifyAnswer> answers;
  while (true) {
    auto entries = store_->List(kVerifyPrefix);
    if (!entries.ok()) return std::move(entries).error();
    VerifyReplies replies = CollectReplies(*entries, request);
    const int64_t waited = clock_->MonotonicMs() - began;
    const bool all = std::all_of(nodes.begin(), nodes.end(), [&](NodeId node) {
      if (replies.answers.contains(node)) return true;
      const bool works =
          std::find(replies.working.begin(), replies.working.end(), node) != replies.working.end();
      return waited > (works ? kAnswerMs : kBeginMs);
    });
    if (all) {
      answers = std::move(replies.answers);
      break;
    }
    if (!pause_()) return GivenUp();
  }
  HL_TRY(store_->Delete(key));
  return answers;
}

Status RowClient::Wait(std::chrono::milliseconds time) {
  const int64_t until = clock_->MonotonicMs() + time.count();
  while (clock_->MonotonicMs() < until)
    if (!pause_()) return GivenUp();
  return Ok();
}

}  // namespace harmonylite::node
