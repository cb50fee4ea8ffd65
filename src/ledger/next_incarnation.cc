#include "ledger/next_incarnation.h"

#include <algorithm>

namespace harmonylite::ledger {

namespace {

// Two copies of a file choose the same incarnation with a probability of 2^-18. From the middle of
// the range on there is room for 16,384 incarnations; after that the steps become smaller.
constexpr uint64_t kMostStep = 1 << 18;
constexpr uint64_t kLast = UINT32_MAX;

}  // namespace

Result<Incarnation> NextIncarnation(sqlite::Connection* db, NodeId node, uint64_t random) {
  HL_ASSIGN(auto newest,
            db->PrepareCached("SELECT max(incarnation) FROM __harmonylite__nodes WHERE node = ?1"));
  newest->Bind(1, static_cast<int64_t>(node.value));  // stored bit for bit
  HL_ASSIGN(const bool row, newest->Step());
  HL_CHECK(row);
  const auto former = std::min(static_cast<uint64_t>(newest->Int(0)), kLast);
  if (former == kLast)
    return MakeError(
        ErrorCode::kInvalidArgument,
        "node {} has had all incarnations there are: stop it, detach the database with "
        "-cleanup, give it another node_id, and start it again",
        node.value);
  const uint64_t room = kLast - former;
  const uint64_t step = 1 + random % std::clamp<uint64_t>(room / 2, 1, kMostStep);
  return Incarnation(static_cast<uint32_t>(former + step));
}

}  // namespace harmonylite::ledger
