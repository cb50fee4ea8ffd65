#include "node/recovery/joiner.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <ctime>

#include "base/new_file.h"
#include "node/verify/compare_rows.h"
#include "node/verify/verify_replies.h"
#include "sqlite/identifier.h"
#include "sqlite/vacuum.h"

namespace harmonylite::node {

namespace {

constexpr int64_t kLookMs = 200;
// Pause between two comparisons while the operator has not decided: the rows may have been made
// equal meanwhile.
constexpr int64_t kCompareAgainMs = 30'000;
constexpr size_t kBucketsAtOnce = 128;
constexpr size_t kKeysNamed = 5;

std::string Keys(const std::vector<RowMark>& rows) {
  std::string out;
  for (size_t i = 0; i < rows.size() && i < kKeysNamed; ++i)
    out += (i == 0 ? "" : ", ") + rows[i].key_text;
  return rows.size() > kKeysNamed ? out + ", …" : out;
}

const TableDigest* Find(const std::vector<TableDigest>& tables, const std::string& table) {
  for (const TableDigest& one : tables)
    if (sqlite::SameName(one.table, table)) return &one;
  return nullptr;
}

}  // namespace

Joiner::Joiner(const Dependencies& dependencies)
    : d_(dependencies), client_(d_.store, d_.clock, 'j', d_.seed, d_.pause) {}

StepResult Joiner::Wait(const std::string& why) {
  if (why != said_) {
    said_ = why;
    d_.logger->Info("existing rows have not been compared with the cluster yet: {}", why);
    d_.shared->rows().SetJoinProblem("its first join waits: " + why);
  }
  return StepResult::Blocked(why);
}

StepResult Joiner::Step() {
  if (d_.shared->rows().joined()) return StepResult::Idle();
  const int64_t now = d_.clock->MonotonicMs();
  if (now < next_ms_) return StepResult::Blocked(said_);
  next_ms_ = now + kLookMs;
  auto decision = ReadDecision();
  if (!decision.ok()) return Wait(decision.error().message());
  const bool reported =
      reported_ && reported_->from == decision->from && reported_->node == decision->node;
  if (reported && now < compare_again_ms_) return StepResult::Blocked(said_);
  auto first = IsFirst(*decision);
  if (!first.ok())
    return Wait(fmt::format("{}; its changes are captured meanwhile", first.error().message()));
  Status done = Ok();
  if (*first) {
    RowOrders joins;
    joins.joins = true;
    done = CarryOut(std::move(joins));
  } else {
    done = Compare(*decision);
  }
  if (!done.ok()) return Wait(done.error().message());
  return StepResult::Progress();
}

// Reads the decision anew at every step, because `harmonylite join` may write it at any time.
Result<Joiner::Decision> Joiner::ReadDecision() {
  const auto number = [&](const char* key) -> Result<int64_t> {
    return d_.db->QueryInt(fmt::format(
        "SELECT coalesce((SELECT value FROM __harmonylite__state WHERE key = '{}'), 0)", key));
  };
  Decision out;
  HL_ASSIGN(const int64_t from, number("seed_from"));
  HL_ASSIGN(const int64_t node, number("seed_node"));
  out.from = static_cast<SeedFrom>(from);
  out.node = NodeId(static_cast<uint64_t>(node));
  return out;
}

// The first node that joins becomes the reference for all others. It takes the registry's key
// kSeedKey by compare-and-set, so that only one node can be the first.
Result<bool> Joiner::IsFirst(const Decision& decision) {
  const std::string self = fmt::format("{}", d_.shared->self().node.value);
  auto seed = d_.store->Get(kSeedKey);
  if (seed.ok() && seed->value == self) {
    // This node id was the first one in an earlier life, before `-cleanup`. It counts as the first
    // again only if no other node has joined meanwhile.
    HL_ASSIGN(const auto other, Reference(decision));
    return !other.has_value();
  }
  if (seed.ok()) return false;
  if (seed.error().code() != ErrorCode::kNotFound) return std::move(seed).error();
  auto put = d_.store->CompareAndSet(kSeedKey, self, 0);
  if (put.ok()) return true;
  if (put.error().code() == ErrorCode::kConflict) return false;
  return std::move(put).error();
}

Result<VerifyAnswer> Joiner::Here(const VerifyQuestion& question) {
  HL_ASSIGN(Digest digest, Digest::Begin(d_.db, *d_.options, question));
  while (true) {
    HL_ASSIGN(const bool done, digest.Advance(100'000));
    if (done) return digest.answer();
  }
}

Result<VerifyAnswer> Joiner::There(VerifyRequest request, NodeId node) {
  request.to = node;
  HL_ASSIGN(auto answers, client_.Ask(std::move(request), {node}));
  const auto it = answers.find(node);
  if (it == answers.end())
    return MakeError(ErrorCode::kRetryLater, "node {} does not answer", node.value);
  if (const std::string* failure = it->second.failure())
    return MakeError(ErrorCode::kRetryLater, "node {}: {}", node.value, *failure);
  return std::move(it->second);
}

// With the decision kNode only the named node can be the reference.
Result<std::optional<VerifyAnswer>> Joiner::Reference(const Decision& decision) {
  HL_ASSIGN(LiveNodes nodes, client_.Nodes());
  nodes.live.erase(d_.shared->self().node);
  if (decision.from == SeedFrom::kNode)
    std::erase_if(nodes.live, [&](NodeId n) { return n != decision.node; });
  for (const NodeId node : nodes.live) {
    auto answer = There({}, node);
    if (answer.ok() && answer->joined) return std::optional<VerifyAnswer>(std::move(*answer));
  }
  return std::optional<VerifyAnswer>();
}

Status Joiner::Compare(const Decision& decision) {
  HL_ASSIGN(const std::optional<VerifyAnswer> there, Reference(decision));
  if (!there) {
    if (decision.from == SeedFrom::kSelf)
      return MakeError(ErrorCode::kRetryLater,
                       "no node of the cluster runs that could take its rows");
    if (decision.from == SeedFrom::kNode)
      return MakeError(ErrorCode::kRetryLater, "node {} does not run", decision.node.value);
    return MakeError(ErrorCode::kRetryLater,
                     "no other node of the cluster runs; its changes are captured meanwhile");
  }
  HL_ASSIGN(const VerifyAnswer here, Here({}));
  HL_ASSIGN(const std::vector<TableDifference> differences, Differences(here, *there));
  const NodeId node = there->origin.node;
  if (differences.empty()) {
    d_.logger->Info("rows match node {}: joined without copying", node.value);
    RowOrders joins;
    joins.joins = true;
    return CarryOut(std::move(joins));
  }
  if (decision.from == SeedFrom::kUndecided) {
    reported_ = decision;
    compare_again_ms_ = d_.clock->MonotonicMs() + kCompareAgainMs;
    Report(differences, node);
    return Ok();
  }
  return Settle(differences,
                decision.from == SeedFrom::kSelf ? SeedFrom::kSelf : SeedFrom::kCluster, node);
}

// Narrows differences down in three steps, so that equal tables cost one digest each: digests of
// whole tables, then digests of a table's buckets, then the rows of the buckets that differ.
Result<std::vector<Joiner::TableDifference>> Joiner::Differences(const VerifyAnswer& here,
                                                                 const VerifyAnswer& there) {
  std::vector<TableDifference> out;
  for (const TableDigest& ours : here.As<TableDigests>().tables) {
    TableDifference difference;
    difference.table = ours.table;
    difference.rows_here = ours.rows;
    const TableDigest* theirs = Find(there.As<TableDigests>().tables, ours.table);
    if (theirs == nullptr) {
      difference.missing_there = true;
      if (ours.rows > 0) out.push_back(std::move(difference));
      continue;
    }
    if (ours.rows == theirs->rows && ours.images == theirs->images) continue;
    const VerifyQuestion question{.kind = QuestionKind::kBuckets, .table = ours.table};
    HL_ASSIGN(const VerifyAnswer own, Here(question));
    HL_ASSIGN(const VerifyAnswer other, There({.what = question}, there.origin.node));
    const auto& a = own.As<BucketDigests>();
    const auto& b = other.As<BucketDigests>();
    if (b.images.size() != kVerifyBuckets)
      return MakeError(ErrorCode::kRetryLater, "an answer was not whole");
    std::vector<size_t> buckets;
    for (size_t i = 0; i < kVerifyBuckets; ++i)
      if (a.images[i] != b.images[i]) buckets.push_back(i);
    for (size_t i = 0; i < buckets.size(); i += kBucketsAtOnce) {
      const size_t end = std::min(i + kBucketsAtOnce, buckets.size());
      HL_TRY(CompareBuckets({buckets.begin() + static_cast<std::ptrdiff_t>(i),
                             buckets.begin() + static_cast<std::ptrdiff_t>(end)},
                            there.origin.node, &difference));
    }
    if (!difference.only_here.empty() || !difference.only_there.empty() ||
        !difference.differ.empty())
      out.push_back(std::move(difference));
  }
  return out;
}

// Compares the rows of some buckets. If an answer does not hold all of them, the buckets are halved
// and asked for again. Rows with a version need no settling: they were written since HarmonyLite
// was attached, and travel like any other write.
Status Joiner::CompareBuckets(const std::vector<size_t>& buckets, NodeId node,
                              TableDifference* out) {
  const VerifyQuestion question{QuestionKind::kRows, out->table, buckets};
  HL_ASSIGN(const VerifyAnswer own, Here(question));
  HL_ASSIGN(const VerifyAnswer other_node, There({.what = question}, node));
  const auto& here = own.As<BucketRows>();
  const auto& there = other_node.As<BucketRows>();
  if (here.cut || there.cut) {
    if (buckets.size() == 1)
      return MakeError(ErrorCode::kRetryLater, "table {} is too large to be compared row by row",
                       out->table);
    const auto middle = buckets.begin() + static_cast<std::ptrdiff_t>(buckets.size() / 2);
    HL_TRY(CompareBuckets({buckets.begin(), middle}, node, out));
    return CompareBuckets({middle, buckets.end()}, node, out);
  }
  std::map<uint64_t, const RowMark*> theirs;
  for (const RowMark& row : there.rows) theirs[row.key] = &row;
  for (const RowMark& row : here.rows) {
    const auto it = theirs.find(row.key);
    const RowMark* other = it == theirs.end() ? nullptr : it->second;
    if (it != theirs.end()) theirs.erase(it);
    if (row.versioned) continue;  // written since the file was attached: sent like any write
    if (other == nullptr) {
      out->only_here.push_back(row);
    } else if (other->image != row.image && !(other->versioned && there.had_rows)) {
      // If the other node had rows before HarmonyLite too, a row with a version there may have been
      // equal to this one before it was written. Its version arrives by itself and then decides.
      out->differ.push_back(row);
      out->differ_there.push_back(*other);
    }
  }
  for (const auto& [key, row] : theirs)
    if (!row->versioned && row->image != 0) out->only_there.push_back(*row);
  return Ok();
}

void Joiner::Report(const std::vector<TableDifference>& differences, NodeId node) {
  std::string tables;
  for (const TableDifference& one : differences) {
    tables += (tables.empty() ? "" : ", ") + one.table;
    if (one.missing_there) {
      d_.logger->Error("table {}: {} rows here, node {} has no such table", one.table,
                       one.rows_here, node.value);
      continue;
    }
    std::string line = fmt::format("table {}:", one.table);
    if (!one.only_here.empty())
      line += fmt::format(" {} rows are only here (keys {});", one.only_here.size(),
                          Keys(one.only_here));
    if (!one.only_there.empty())
      line += fmt::format(" {} rows are only on node {} (keys {});", one.only_there.size(),
                          node.value, Keys(one.only_there));
    if (!one.differ.empty())
      line += fmt::format(" {} rows differ (keys {});", one.differ.size(), Keys(one.differ));
    line.pop_back();
    d_.logger->Error("{}", line);
  }
  const std::string why =
      fmt::format("its rows differ from those of node {} in {}", node.value, tables);
  d_.logger->Error(
      "{}, and rows from before HarmonyLite are not sent: nothing is sent or applied until you say "
      "whose rows count. 'harmonylite join -config … --seed-from cluster' takes the cluster's (a "
      "copy of this file is kept beside it), '--seed-from self' sends this file's to all",
      why);
  said_ = why;
  d_.shared->rows().SetJoinProblem(
      why + ": settle it with 'harmonylite join --seed-from cluster' or 'self'");
}

// Asks the other node to journal those of `rows` that have no version, because rows without a
// version are never sent. They then arrive here as new writes.
Status Joiner::AskToJournal(const std::string& table, std::vector<RowMark> rows, NodeId node) {
  std::erase_if(rows, [](const RowMark& row) { return row.versioned; });
  std::vector<Repair> wanted;
  for (RowMark& row : rows) wanted.push_back({node, OrderKind::kJournal, table, std::move(row)});
  for (const VerifyRequest& request : RepairRequests(wanted)) {
    HL_ASSIGN(const VerifyAnswer answer, There(request, node));
    (void)answer;
  }
  return Ok();
}

// Copies the file before rows in it give way to the cluster's, so that nothing is lost in silence
// (P7).
Status Joiner::Backup() {
  const std::time_t now = static_cast<std::time_t>(d_.clock->WallMs() / 1000);
  std::tm utc{};
  gmtime_r(&now, &utc);
  const std::string path = fmt::format("{}.before-join-{:%Y%m%d-%H%M%S}", d_.options->db_path, utc);
  // Paths of the simulator's VFS are not paths of the file system.
  if (d_.options->vfs.empty()) HL_TRY(MakeFileLike(path, d_.options->db_path));
  HL_TRY(sqlite::VacuumInto(d_.db, path));
  d_.logger->Info("a copy of this file as it was is in {}", path);
  return Ok();
}

// Carries out the operator's decision about the rows that differ. With kSelf this file's rows are
// journaled as new writes, above the stamps of the other node's. With kCluster or kNode they are
// removed without a journal entry, after a copy of the file was made, and the other node journals
// those of its rows that would not arrive by themselves. The consumer writes this file's part and
// the fact that the file has joined in one transaction (P3): after a crash the file either asks
// again or has joined.
Status Joiner::Settle(const std::vector<TableDifference>& differences, SeedFrom from, NodeId node) {
  const bool self = from == SeedFrom::kSelf;
  if (!self) HL_TRY(Backup());
  RowOrders orders;
  orders.joins = true;
  orders.keep_lost = false;  // the backup has them
  for (const TableDifference& one : differences) {
    if (one.missing_there && !self)
      return MakeError(ErrorCode::kRetryLater,
                       "node {} has no table {}: make it there, or drop it here", node.value,
                       one.table);
    std::vector<RowMark> named = one.only_here;
    if (self) named.insert(named.end(), one.differ.begin(), one.differ.end());
    for (const RowMark& row : one.differ_there)
      orders.raise_clock = std::max(orders.raise_clock, row.stamp);
    HL_TRY(AskToJournal(one.table, one.only_there, node));
    if (!self) HL_TRY(AskToJournal(one.table, one.differ_there, node));
    if (one.missing_there) {
      named.clear();
      for (size_t i = 0; i < kVerifyBuckets; ++i) {
        HL_ASSIGN(const VerifyAnswer some, Here({QuestionKind::kRows, one.table, {i}}));
        const std::vector<RowMark>& rows = some.As<BucketRows>().rows;
        named.insert(named.end(), rows.begin(), rows.end());
      }
    }
    HL_ASSIGN(NamedRows rows, FindRows(d_.db, *d_.options, one.table, named));
    orders.orders.push_back({self ? OrderKind::kJournal : OrderKind::kRemove, one.table,
                             std::move(rows.keys), std::move(rows.marks)});
  }
  HL_TRY(CarryOut(std::move(orders)));
  if (self)
    d_.logger->Info("rows of this file that differed are sent to all, as new writes");
  else
    d_.logger->Info("rows of this file that differed give way to those of node {}", node.value);
  return Ok();
}

// Hands the orders to the consumer and waits for the result.
Status Joiner::CarryOut(RowOrders orders) {
  d_.shared->rows().Order(std::move(orders));
  while (true) {
    if (auto result = d_.shared->rows().TakeResult()) {
      if (!result->ok()) return std::move(*result).error();
      return Ok();
    }
    if (!d_.pause()) return MakeError(ErrorCode::kRetryLater, "the node is ending");
  }
}

}  // namespace harmonylite::node
