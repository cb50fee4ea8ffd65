#include "node/recovery/joiner.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <map>
#include <utility>

#include "base/mutant.h"
#include "base/new_file.h"
#include "ledger/fingerprint.h"
#include "node/verify/compare_rows.h"
#include "sqlite/vacuum.h"

namespace harmonylite::node {

namespace {

constexpr int64_t kLookMs = 100;
// Pause between two looks of a node that takes part already.
constexpr int64_t kLookLaterMs = 3'000;
// Pause between two comparisons while the operator has not decided: the rows may have been made
// equal meanwhile.
constexpr int64_t kCompareAgainMs = 30'000;
// How long the tables of a file that takes part must have been the same before it is compared.
constexpr int64_t kTablesSettledMs = 10'000;
constexpr size_t kKeysNamed = 5;

std::string Keys(const std::vector<RowMark>& rows) {
  std::string out;
  for (size_t i = 0; i < rows.size() && i < kKeysNamed; ++i)
    out += (i == 0 ? "" : ", ") + rows[i].key_text;
  return rows.size() > kKeysNamed ? out + ", …" : out;
}

std::vector<RowMark> Here(const std::vector<DifferingRow>& rows) {
  std::vector<RowMark> out;
  for (const DifferingRow& row : rows) out.push_back(row.here);
  return out;
}

std::vector<RowMark> There(const std::vector<DifferingRow>& rows) {
  std::vector<RowMark> out;
  for (const DifferingRow& row : rows) out.push_back(row.there);
  return out;
}

void Append(std::vector<RowMark>* out, const std::vector<RowMark>& rows) {
  out->insert(out->end(), rows.begin(), rows.end());
}

bool AllEqual(const std::vector<TableDifference>& differences) {
  return std::all_of(differences.begin(), differences.end(),
                     [](const TableDifference& one) { return one.equal(); });
}

// True if rows of this file would give way or be sent, so that there is something to decide.
bool TouchesOurs(const std::vector<TableDifference>& differences) {
  return std::any_of(differences.begin(), differences.end(), [](const TableDifference& one) {
    return !one.only_here.empty() || !one.differ.empty() || one.missing_there;
  });
}

// True if this file has rows that differ in whatever way.
bool HasOurs(const std::vector<TableDifference>& differences) {
  return TouchesOurs(differences) ||
         std::any_of(differences.begin(), differences.end(), [](const TableDifference& one) {
           return !one.changed_there.empty() || !one.written_here.empty();
         });
}

std::string Describe(const TableDifference& one, NodeId node) {
  if (one.missing_there)
    return fmt::format("table {}: {} rows here, node {} has no such table", one.table,
                       one.rows_here, node.value);
  std::string line;
  const auto add = [&](const std::string& what) { line += (line.empty() ? "" : "; ") + what; };
  if (!one.only_here.empty())
    add(fmt::format("{} rows are only here (keys {})", one.only_here.size(), Keys(one.only_here)));
  if (!one.only_there.empty())
    add(fmt::format("{} rows are only on node {} (keys {})", one.only_there.size(), node.value,
                    Keys(one.only_there)));
  if (!one.differ.empty())
    add(fmt::format("{} rows differ (keys {})", one.differ.size(), Keys(Here(one.differ))));
  return fmt::format("table {}: {}", one.table, line);
}

}  // namespace

Joiner::Joiner(const Dependencies& dependencies)
    : d_(dependencies), comparison_(d_.options, d_.db, d_.store, d_.clock, d_.seed, d_.answer) {}

StepResult Joiner::Wait(const std::string& why) {
  if (d_.shared->rows().joined()) {
    next_ms_ = d_.clock->MonotonicMs() + kLookLaterMs;
    if (why != said_)
      d_.logger->Debug("rows from before HarmonyLite are not compared yet: {}", why);
  } else if (why != said_) {
    d_.logger->Info("existing rows have not been compared with the cluster yet: {}", why);
    d_.shared->rows().SetJoinProblem("its first join waits: " + why);
  }
  said_ = why;
  return StepResult::Blocked(why);
}

StepResult Joiner::Step() {
  const RowDesk& rows = d_.shared->rows();
  if (rows.joined() && rows.compared()) return StepResult::Idle();
  if (rows.catching_up() && rows.reach()) return StepResult::Blocked("catching up");
  const int64_t now = d_.clock->MonotonicMs();
  if (now < next_ms_) return StepResult::Blocked(said_);
  next_ms_ = now + kLookMs;
  if (rows.joined() && !TablesAreSettled(now)) return StepResult::Blocked(said_);
  if (rows.catching_up()) {
    if (Status found = FindReach(); !found.ok()) return Wait(found.error().message());
    return StepResult::Progress();
  }
  auto decision = ReadDecision();
  if (!decision.ok()) return Wait(decision.error().message());
  if (reported_ == *decision && now < compare_again_ms_) return StepResult::Blocked(said_);
  if (Status settled = Settle(*decision); !settled.ok()) return Wait(settled.error().message());
  return StepResult::Progress();
}

bool Joiner::TablesAreSettled(int64_t now) {
  const uint64_t schema = d_.shared->applied().schema_fingerprint;
  if (schema != schema_) {
    schema_ = schema;
    schema_since_ms_ = now;
  }
  return schema != ledger::kNoTables && now - schema_since_ms_ >= kTablesSettledMs;
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

Status Joiner::Settle(const Decision& decision) {
  JoinComparison::Candidates candidates;
  candidates.self = d_.shared->self().node;
  auto first = IsFirst(candidates);
  if (!first.ok()) return std::move(first).error().Wrap("its changes are captured meanwhile");
  if (!*first) return Compare(decision);
  RowOrders joins;
  joins.joins = joins.compared = true;
  return CarryOut(std::move(joins));
}

// The first node that joins becomes the reference for all others. It takes the registry's key
// kSeedKey by compare-and-set, so that only one node can be the first.
Result<bool> Joiner::IsFirst(const JoinComparison::Candidates& candidates) {
  const std::string self = fmt::format("{}", candidates.self.value);
  auto seed = d_.store->Get(kSeedKey);
  if (seed.ok() && seed->value == self) {
    // This node id was the first one in an earlier life, before `-cleanup`, or took part without
    // having been compared. It counts as the first only if no other node was meanwhile.
    HL_ASSIGN(const auto other, comparison_.Reference(candidates));
    return !other.has_value();
  }
  if (seed.ok()) return false;
  if (seed.error().code() != ErrorCode::kNotFound) return std::move(seed).error();
  auto put = d_.store->CompareAndSet(kSeedKey, self, 0);
  if (put.ok()) return true;
  if (put.error().code() == ErrorCode::kConflict) return false;
  return std::move(put).error();
}

// With the decision kNode only the named node can be the reference. Otherwise the first node of the
// cluster is asked first, because it is the likeliest to have been compared.
Status Joiner::Compare(const Decision& decision) {
  JoinComparison::Candidates candidates;
  candidates.self = d_.shared->self().node;
  if (decision.from == SeedFrom::kNode) candidates.only = decision.node;
  auto seed = d_.store->Get(kSeedKey);
  uint64_t first = 0;
  if (seed.ok() &&
      std::from_chars(seed->value.data(), seed->value.data() + seed->value.size(), first).ec ==
          std::errc())
    candidates.first = NodeId(first);
  HL_ASSIGN(const std::optional<VerifyAnswer> there, comparison_.Reference(candidates));
  if (!listens_since_ms_) listens_since_ms_ = d_.clock->MonotonicMs();
  reach_ = there ? there->progress : change::ProgressVector();
  if (!there) return GoOnUncompared(decision);
  HL_ASSIGN(const VerifyAnswer here, comparison_.Here({}));
  HL_ASSIGN(const Differences differences, comparison_.Differences(here, *there));
  const NodeId node = there->origin.node;
  if (d_.shared->rows().joined()) return CatchUpOldRows(differences, node);
  const bool undecided = decision.from == SeedFrom::kUndecided;
  const bool asks = d_.options->first_join == FirstJoin::kAsk && TouchesOurs(differences);
  if (AllEqual(differences) || (undecided && !asks)) return Merge(differences, there->origin);
  if (!undecided) return CarryOutDecision(differences, decision.from == SeedFrom::kSelf, node);
  reported_ = decision;
  compare_again_ms_ = d_.clock->MonotonicMs() + kCompareAgainMs;
  return Report(differences, node);
}

// No node runs that this file could be compared with. A file with rows waits for one. A file
// without takes part after kListenMs, so that new nodes can work together while all others are
// away; it is compared as soon as one of them is there.
Status Joiner::GoOnUncompared(const Decision& decision) {
  if (decision.from == SeedFrom::kSelf)
    return MakeError(ErrorCode::kRetryLater,
                     "no node of the cluster runs that could take its rows");
  if (decision.from == SeedFrom::kNode)
    return MakeError(ErrorCode::kRetryLater, "node {} does not run", decision.node.value);
  const Error nobody = MakeError(
      ErrorCode::kRetryLater,
      "no other node of the cluster runs that has joined; its changes are captured meanwhile");
  if (d_.shared->rows().joined()) return nobody.Copy();
  HL_ASSIGN(const int64_t had_rows,
            d_.db->QueryInt("SELECT coalesce(max(had_rows), 0) FROM __harmonylite__tables"));
  const int64_t listened = d_.clock->MonotonicMs() - *listens_since_ms_;
  if (had_rows != 0 || listened < kListenMs) return nobody.Copy();
  d_.logger->Info(
      "no other node of the cluster runs that has joined, and this file had no rows: it takes part; "
      "rows of others from before HarmonyLite come when one of them runs");
  return CatchUpOrJoin({});
}

// The file catches up since before this process began, or since it was attached without tables. If
// no node runs that knows what is missing, the log alone has to say it. For a file without tables,
// the process has listened for other nodes before it opened it (node/recovery/empty_join.h).
Status Joiner::FindReach() {
  JoinComparison::Candidates candidates;
  candidates.self = d_.shared->self().node;
  HL_ASSIGN(const std::optional<VerifyAnswer> there, comparison_.Reference(candidates));
  const int64_t now = d_.clock->MonotonicMs();
  if (!listens_since_ms_) listens_since_ms_ = now;
  const bool has_tables = d_.shared->applied().schema_fingerprint != ledger::kNoTables;
  if (!there && has_tables && now - *listens_since_ms_ < kListenMs)
    return MakeError(ErrorCode::kRetryLater, "no node runs that knows what is missing here");
  d_.shared->rows().SetReach(there ? there->progress : change::ProgressVector());
  return Ok();
}

// From these orders on, the file applies what the cluster has, and it takes part when it has all
// that the cluster has now. Where the operator is asked first, it takes part at once.
Status Joiner::CatchUpOrJoin(RowOrders orders) {
  orders.catches_up = d_.options->first_join == FirstJoin::kMerge && d_.options->replicate;
  orders.joins = !orders.catches_up;
  d_.shared->rows().SetReach(reach_);
  return CarryOut(std::move(orders));
}

// A file that takes part already gets the other node's old rows. Everything else has travelled.
Status Joiner::CatchUpOldRows(const Differences& differences, NodeId node) {
  size_t rows = 0;
  for (const TableDifference& one : differences) {
    HL_TRY(AskToJournal(one.table, one.only_there, node));
    rows += one.only_there.size();
  }
  if (rows > 0)
    d_.logger->Info("{} rows from before HarmonyLite that are missing here come from node {}", rows,
                    node.value);
  RowOrders done;
  done.compared = true;
  return CarryOut(std::move(done));
}

// Joins without a decision: rows that only one side has go to the other, and where both have a row
// that differs, the cluster's counts and this file's is kept among the conflicts. Nothing is lost.
Status Joiner::Merge(const Differences& differences, const Origin& with) {
  const bool equal = AllEqual(differences);
  RowOrders orders;
  orders.compared = true;
  orders.compared_with = with;
  orders.counts_as_oldest =
      d_.options->first_join == FirstJoin::kMerge && !HL_MUTANT(first_join_counts_as_newest);
  for (const TableDifference& one : differences) {
    std::vector<RowMark> asked = one.only_there;
    Append(&asked, There(one.differ));
    // What the application wrote here has not seen the other node's row, which counts.
    if (!HL_MUTANT(first_join_written_stands)) Append(&asked, There(one.written_here));
    HL_TRY(AskToJournal(one.table, std::move(asked), with.node));

    std::vector<DifferingRow> yields = one.differ;
    yields.insert(yields.end(), one.changed_there.begin(), one.changed_there.end());
    std::map<uint64_t, RowMark> winners;
    for (const DifferingRow& row : yields) winners[row.here.key] = row.there;
    HL_ASSIGN(NamedRows found, FindRows(d_.db, *d_.options, one.table, Here(yields)));
    YieldingRows yielding{one.table, std::move(found.keys), {}};
    for (const RowMark& mark : found.marks) yielding.winners.push_back(winners.at(mark.key));
    orders.yields.push_back(std::move(yielding));

    std::vector<RowMark> sent = one.only_here;
    if (one.missing_there) {
      HL_ASSIGN(sent, AllRows(one.table));
      std::erase_if(sent, [](const RowMark& row) { return row.versioned; });
    }
    HL_ASSIGN(NamedRows rows, FindRows(d_.db, *d_.options, one.table, sent));
    if (HL_MUTANT(first_join_not_sent)) continue;
    orders.orders.push_back(
        {OrderKind::kJournal, one.table, std::move(rows.keys), std::move(rows.marks)});
  }
  if (!equal && HasOurs(differences)) HL_TRY(Backup());
  HL_TRY(CatchUpOrJoin(std::move(orders)));
  if (equal) {
    d_.logger->Info("rows match node {}: joined without copying", with.node.value);
    size_t changed = 0;
    for (const TableDifference& one : differences) changed += one.changed_there.size();
    if (changed > 0)
      d_.logger->Info(
          "{} rows were written in the cluster since: its rows are shown, and 'harmonylite conflicts' "
          "lists what this file had",
          changed);
    return Ok();
  }
  for (const TableDifference& one : differences)
    if (!one.equal()) d_.logger->Info("{}", Describe(one, with.node));
  d_.logger->Info(
      "joined with node {}: rows that were only here are sent, those that were only there come, and "
      "where rows differ the cluster's are shown; 'harmonylite conflicts' lists this file's",
      with.node.value);
  return Ok();
}

Status Joiner::Report(const Differences& differences, NodeId node) {
  std::string tables;
  for (const TableDifference& one : differences) {
    if (one.equal()) continue;
    tables += (tables.empty() ? "" : ", ") + one.table;
    d_.logger->Error("{}", Describe(one, node));
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
  return Ok();
}

// Asks the other node to journal those of `rows` that have no version, because rows without a
// version are never sent. They then arrive here as new writes.
Status Joiner::AskToJournal(const std::string& table, std::vector<RowMark> rows, NodeId node) {
  std::erase_if(rows, [](const RowMark& row) { return row.versioned; });
  if (HL_MUTANT(first_join_not_asked)) rows.clear();
  std::vector<Repair> wanted;
  for (RowMark& row : rows) wanted.push_back({node, OrderKind::kJournal, table, std::move(row)});
  for (const VerifyRequest& request : RepairRequests(wanted)) {
    HL_ASSIGN(const VerifyAnswer answer, comparison_.There(request, node));
    for (const auto& [origin, lseq] : answer.progress.map()) reach_.Advance(origin, lseq);
  }
  return Ok();
}

Result<std::vector<RowMark>> Joiner::AllRows(const std::string& table) {
  std::vector<RowMark> out;
  for (size_t i = 0; i < kVerifyBuckets; ++i) {
    HL_ASSIGN(const VerifyAnswer some, comparison_.Here({QuestionKind::kRows, table, {i}}));
    Append(&out, some.As<BucketRows>().rows);
  }
  return out;
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

// Carries out the operator's decision about the rows that differ. With `self` this file's rows are
// journaled as new writes, above the stamps of the other node's. Otherwise they are removed without
// a journal entry, after a copy of the file was made, and the other node journals those of its rows
// that would not arrive by themselves. The consumer writes this file's part and the fact that the
// file has joined in one transaction (P3): after a crash the file either asks again or has joined.
Status Joiner::CarryOutDecision(const Differences& differences, bool self, NodeId node) {
  RowOrders orders;
  orders.joins = orders.compared = true;
  orders.keep_lost = false;  // the backup has them
  for (const TableDifference& one : differences) {
    if (one.missing_there && !self)
      return MakeError(ErrorCode::kRetryLater,
                       "node {} has no table {}: make it there, or drop it here", node.value,
                       one.table);
    std::vector<RowMark> named = one.only_here;
    if (self) Append(&named, Here(one.differ));
    for (const DifferingRow& row : one.differ)
      orders.raise_clock = std::max(orders.raise_clock, row.there.stamp);
    HL_TRY(AskToJournal(one.table, one.only_there, node));
    if (!self) HL_TRY(AskToJournal(one.table, There(one.differ), node));
    if (one.missing_there) {
      HL_ASSIGN(named, AllRows(one.table));
    }
    HL_ASSIGN(NamedRows rows, FindRows(d_.db, *d_.options, one.table, named));
    orders.orders.push_back({self ? OrderKind::kJournal : OrderKind::kRemove, one.table,
                             std::move(rows.keys), std::move(rows.marks)});
  }
  if (!self) HL_TRY(Backup());
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
