#include "node/verify/verify_rows.h"

#include <algorithm>
#include <chrono>

namespace harmonylite::node {

namespace {

using Answers = std::map<NodeId, VerifyAnswer>;

// How many times all tables are compared, in the hope of equal progress, before rows are compared
// by their versions alone.
constexpr int kRounds = 5;
constexpr std::chrono::milliseconds kBetweenRounds{300};
// Pause between two looks at the same rows: a change on its way arrives in this time.
constexpr std::chrono::milliseconds kBetweenLooks{700};
// Buckets in one question, few enough that the rows of a large table mostly fit one answer.
constexpr size_t kBucketsAtOnce = 128;
constexpr size_t kMaxFindings = 10'000;
constexpr int kRepairRounds = 3;
// Pause after a repair, in which what was ordered is applied.
constexpr std::chrono::milliseconds kSettle{1'500};

bool AtOneProgress(const Answers& answers) {
  return std::all_of(answers.begin(), answers.end(), [&](const auto& one) {
    return one.second.progress == answers.begin()->second.progress;
  });
}

// Names of the tables to compare row by row: two nodes differ in them, or a node found damaged rows
// in them.
std::set<std::string> Suspects(const Answers& answers) {
  std::set<std::string> out;
  for (const auto& [id, a] : answers) {
    if (a.failure() != nullptr) continue;
    for (const TableDigest& table : a.As<TableDigests>().tables)
      if (table.damaged > 0) out.insert(table.table);
    for (const auto& [other_id, b] : answers)
      if (id < other_id && b.failure() == nullptr) out.merge(DifferingTables(a, b));
  }
  return out;
}

// Drops failed answers and records the nodes that could not be compared. A node that does not
// answer at all is not asked again; if it answers a later question all the same, its answer counts.
Answers Usable(Answers answers, std::set<NodeId>* asked, Verification* out) {
  std::erase_if(*asked, [&](const NodeId node) {
    if (answers.contains(node)) return false;
    out->missing[node] = "does not answer";
    return true;
  });
  std::erase_if(answers, [&](const auto& one) {
    const auto& [node, answer] = one;
    out->missing.erase(node);
    if (const std::string* failure = answer.failure())
      out->missing[node] = *failure;
    else if (!answer.joined)
      out->missing[node] = "its first join is not settled";
    return out->missing.contains(node);
  });
  return answers;
}

// Narrows the differences of one table down to rows: first by digests of its buckets, then by the
// rows of the buckets that differ. Rows are read twice, some time apart, and only findings of both
// looks count: a change on its way looks like a difference once.
class Drill {
 public:
  Drill(RowClient* client, const std::set<NodeId>& nodes, Verification* out)
      : client_(client), nodes_(nodes), out_(out) {}

  // The rows of `table` that cannot be right. `damaged`: buckets in which a node found damage in
  // its own rows.
  Result<std::vector<Finding>> Table(const std::string& table, const std::set<size_t>& damaged) {
    HL_ASSIGN(const Answers answers, Ask({.kind = QuestionKind::kBuckets, .table = table}));
    std::vector<const BucketDigests*> whole;
    for (const auto& [id, answer] : answers)
      if (const auto* digests = std::get_if<BucketDigests>(&answer.body))
        if (digests->images.size() == kVerifyBuckets) whole.push_back(digests);
    std::set<size_t> buckets = damaged;
    if (whole.size() > 1) {
      const std::vector<size_t> differ = DifferingBuckets(whole);
      buckets.insert(differ.begin(), differ.end());
    }
    std::vector<Finding> found;
    const std::vector<size_t> list(buckets.begin(), buckets.end());
    for (size_t i = 0; i < list.size() && found.size() < kMaxFindings; i += kBucketsAtOnce) {
      const size_t end = std::min(i + kBucketsAtOnce, list.size());
      HL_ASSIGN(std::vector<Finding> some,
                Buckets(table, std::vector<size_t>(list.begin() + i, list.begin() + end)));
      found.insert(found.end(), some.begin(), some.end());
    }
    out_->cut = out_->cut || found.size() >= kMaxFindings;
    return found;
  }

 private:
  // A node that answered the first question but not this one was not compared down to its rows,
  // which is recorded.
  Result<Answers> Ask(VerifyQuestion question) {
    HL_ASSIGN(Answers answers, client_->Ask({.what = std::move(question)}, nodes_));
    for (const NodeId node : nodes_) {
      const auto answer = answers.find(node);
      if (answer == answers.end())
        out_->missing[node] = "does not answer any more";
      else if (const std::string* failure = answer->second.failure())
        out_->missing[node] = *failure;
    }
    return answers;
  }

  Result<std::vector<Finding>> Buckets(const std::string& table,
                                       const std::vector<size_t>& buckets) {
    HL_ASSIGN(const std::vector<Finding> first, Look(table, buckets));
    if (first.empty()) return first;
    HL_TRY(client_->Wait(kBetweenLooks));
    HL_ASSIGN(const std::vector<Finding> second, Look(table, buckets));
    return InBoth(first, second);
  }

  // Compares the rows of some buckets. If an answer does not hold all of them, the buckets are
  // halved and asked for again.
  Result<std::vector<Finding>> Look(const std::string& table, const std::vector<size_t>& buckets) {
    HL_ASSIGN(Answers answers, Ask({QuestionKind::kRows, table, buckets}));
    std::erase_if(answers, [](const auto& one) { return one.second.failure() != nullptr; });
    const bool cut = std::any_of(answers.begin(), answers.end(), [](const auto& one) {
      return one.second.template As<BucketRows>().cut;
    });
    if (cut && buckets.size() > 1) {
      const auto middle = buckets.begin() + static_cast<std::ptrdiff_t>(buckets.size() / 2);
      HL_ASSIGN(std::vector<Finding> out, Look(table, {buckets.begin(), middle}));
      HL_ASSIGN(const std::vector<Finding> rest, Look(table, {middle, buckets.end()}));
      out.insert(out.end(), rest.begin(), rest.end());
      return out;
    }
    // If an answer to a single bucket is incomplete, rows that only other answers name would seem
    // to be missing. Such a bucket is not compared.
    if (cut) {
      out_->cut = true;
      return std::vector<Finding>();
    }
    std::vector<NodeRows> rows;
    for (auto& [id, answer] : answers) {
      auto& body = answer.As<BucketRows>();
      rows.push_back(
          {answer.origin, answer.progress, body.had_rows, answer.schema, std::move(body.rows)});
    }
    return CompareRows(table, rows);
  }

  RowClient* client_;
  const std::set<NodeId>& nodes_;
  Verification* out_;
};

std::set<size_t> DamagedBuckets(const Answers& answers, const std::string& table) {
  std::set<size_t> out;
  for (const auto& [id, answer] : answers)
    for (const NamedRow& row : answer.As<TableDigests>().damaged)
      if (row.table == table) out.insert(BucketOf(row.mark.key));
  return out;
}

// Sends the orders that repair `findings` and returns how many rows were touched. `resent`: sending
// rows again was tried before.
Result<int64_t> OrderRepairs(RowClient* client, const std::vector<Finding>& findings, bool resent) {
  std::vector<Repair> repairs;
  for (const Finding& finding : findings)
    if (auto repair = PlanRepair(finding, resent)) repairs.push_back(std::move(*repair));
  int64_t rows = 0;
  for (const VerifyRequest& request : RepairRequests(repairs)) {
    HL_ASSIGN(const Answers answers, client->Ask(request, {*request.to}));
    const auto it = answers.find(*request.to);
    if (it == answers.end())
      return MakeError(ErrorCode::kRetryLater, "node {} does not answer", request.to->value);
    if (const std::string* failure = it->second.failure())
      return MakeError(ErrorCode::kRetryLater, "node {}: {}", request.to->value, *failure);
    rows += it->second.As<RowsTouched>().rows;
  }
  return rows;
}

}  // namespace

Result<Verification> VerifyRows(RowClient* client) {
  Verification out;
  HL_ASSIGN(LiveNodes nodes, client->Nodes());
  out.away = nodes.away;
  Answers answers;
  std::set<std::string> suspects;
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) HL_TRY(client->Wait(kBetweenRounds));
    HL_ASSIGN(Answers raw, client->Ask({}, nodes.live));
    answers = Usable(std::move(raw), &nodes.live, &out);
    if (answers.empty()) continue;
    suspects = Suspects(answers);
    out.equal_progress = AtOneProgress(answers);
    if (answers.size() == nodes.live.size() && out.equal_progress) break;
  }
  for (const auto& [node, answer] : answers) out.compared.insert(node);
  if (answers.empty()) return out;
  if (out.equal_progress) out.tables = answers.begin()->second.As<TableDigests>().tables;
  Drill drill(client, out.compared, &out);
  for (const std::string& table : suspects) {
    HL_ASSIGN(const std::vector<Finding> found, drill.Table(table, DamagedBuckets(answers, table)));
    if (found.empty() && out.equal_progress) out.open_tables.insert(table);
    out.findings.insert(out.findings.end(), found.begin(), found.end());
  }
  if (out.open_tables.empty()) return out;
  // A table that differs without any row to show for it may only have been caught between two
  // changes. It is compared once more.
  HL_ASSIGN(Answers last, client->Ask({}, out.compared));
  const std::set<std::string> still = Suspects(last);
  const bool equal = AtOneProgress(last);
  std::erase_if(out.open_tables,
                [&](const std::string& table) { return !equal || !still.contains(table); });
  return out;
}

Result<int64_t> RepairRows(RowClient* client, Verification* result) {
  int64_t rows = 0;
  for (int round = 0; round < kRepairRounds && !result->findings.empty(); ++round) {
    HL_ASSIGN(const int64_t some, OrderRepairs(client, result->findings, /*resent=*/round > 0));
    rows += some;
    HL_TRY(client->Wait(kSettle));
    HL_ASSIGN(*result, VerifyRows(client));
  }
  return rows;
}

}  // namespace harmonylite::node
