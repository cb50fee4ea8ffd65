// The laws of merging (docs/convergence.md): a row ends with the same version in whatever order,
// grouping and number of copies its writes arrive. The same is tested on whole replicas.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>

#include "apply/apply_test_util.h"
#include "merge/resolve.h"

namespace harmonylite::merge {
namespace {

using change::Knowledge;
using change::ProgressVector;
using change::Version;
using State = std::optional<LocalVersion>;

// The numbers are few, so that stamps and nodes are often equal.
Version AnyVersion() {
  return {
      Hlc(*rc::gen::inRange<int64_t>(1, 6)),
      {NodeId(*rc::gen::inRange<uint64_t>(1, 4)), Incarnation(*rc::gen::inRange<uint32_t>(1, 3))}};
}

ProgressVector AnyVector() {
  ProgressVector out;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i)
    out.Advance(AnyVersion().origin, Lseq(*rc::gen::inRange<int64_t>(0, 9)));
  return out;
}

// The state of a row after `incoming` has arrived. The vectors of what was seen are random, because
// they decide on conflicts only and never on the winner.
State Merge(const State& local, const Version& incoming) {
  const Decision decision =
      Resolve(local, incoming, Knowledge(AnyVector()), *rc::gen::arbitrary<bool>());
  return decision.outcome == Outcome::kIncomingWins ? State({incoming, Lseq(1)}) : local;
}

State MergeAll(const std::vector<Version>& versions) {
  State out;
  for (const Version& version : versions) out = Merge(out, version);
  return out;
}

bool Same(const State& a, const State& b) {
  return a.has_value() == b.has_value() && (!a || a->version == b->version);
}

std::vector<Version> AnyVersions() {
  std::vector<Version> out;
  for (int i = *rc::gen::inRange(1, 12); i > 0; --i) out.push_back(AnyVersion());
  return out;
}

RC_GTEST_PROP(MergeProperty, OneOfTwoAlwaysWinsAndBothSidesAgreeOnIt, ()) {
  const Version a = AnyVersion();
  const Version b = AnyVersion();
  const Outcome here =
      Resolve(LocalVersion{a, Lseq(1)}, b, Knowledge(AnyVector()), *rc::gen::arbitrary<bool>())
          .outcome;
  const Outcome there =
      Resolve(LocalVersion{b, Lseq(1)}, a, Knowledge(AnyVector()), *rc::gen::arbitrary<bool>())
          .outcome;
  RC_ASSERT((here == Outcome::kSame) == (a == b));
  RC_ASSERT((there == Outcome::kSame) == (a == b));
  if (a != b) RC_ASSERT((here == Outcome::kIncomingWins) == (there == Outcome::kLocalWins));
}

RC_GTEST_PROP(MergeProperty, OrderAndCopiesDoNotCount, ()) {
  std::vector<Version> versions = AnyVersions();
  const State expected = MergeAll(versions);
  RC_ASSERT(expected->version == *std::max_element(versions.begin(), versions.end()));
  const size_t copies = *rc::gen::inRange<size_t>(0, versions.size() + 1);
  versions.insert(versions.end(), versions.begin(),
                  versions.begin() + static_cast<std::ptrdiff_t>(copies));
  std::mt19937_64 random(*rc::gen::arbitrary<uint64_t>());
  std::shuffle(versions.begin(), versions.end(), random);
  RC_ASSERT(Same(MergeAll(versions), expected));
}

// Merging what two nodes have merged gives the merge of all writes: (a · b) · c = a · (b · c).
RC_GTEST_PROP(MergeProperty, GroupingDoesNotCount, ()) {
  const std::vector<Version> first = AnyVersions();
  const std::vector<Version> second = AnyVersions();
  const State left = MergeAll(first);
  const State right = MergeAll(second);
  std::vector<Version> all = first;
  all.insert(all.end(), second.begin(), second.end());
  RC_ASSERT(Same(Merge(left, right->version), MergeAll(all)));
  RC_ASSERT(Same(Merge(right, left->version), MergeAll(all)));
  RC_ASSERT(Same(Merge(left, left->version), left));
}

RC_GTEST_PROP(MergeProperty, AWriteThatWasSeenIsNoConflict, ()) {
  const LocalVersion local{AnyVersion(), Lseq(*rc::gen::inRange<int64_t>(1, 9))};
  const Version incoming = AnyVersion();
  ProgressVector seen = AnyVector();
  seen.Advance(local.version.origin, local.lseq);
  const Decision decision = Resolve(local, incoming, Knowledge(seen), /*local_seen_incoming=*/true);
  RC_ASSERT(!decision.concurrent);
}

// --- Whole replicas ---

using apply::ApplyNode;
constexpr const char* kTable = "CREATE TABLE t(k TEXT PRIMARY KEY COLLATE NOCASE, v)";
constexpr size_t kWriters = 3;

std::string AnyWrite() {
  static constexpr const char* kKeys[] = {"a", "A", "b", "c"};
  const char* key = kKeys[*rc::gen::inRange(0, 4)];
  if (*rc::gen::inRange(0, 4) == 0) return fmt::format("DELETE FROM t WHERE k = '{}'", key);
  return fmt::format("INSERT OR REPLACE INTO t VALUES('{}', {})", key, *rc::gen::inRange(0, 1000));
}

std::vector<std::string> Everything(ApplyNode* node) {
  auto out = node->Query("SELECT k, v FROM t ORDER BY k");
  const std::string versions = ledger::VersionTableName(node->catalog.tables[0].id);
  for (std::string& row :
       node->Query("SELECT lower(k1), hlc, node, incarnation, lseq, gone, hash FROM " + versions +
                   " JOIN __harmonylite__nodes USING(n) ORDER BY 1"))
    out.push_back(std::move(row));
  return out;
}

// The writers know nothing of each other. The readers get their batches in different orders, some
// of them twice.
RC_GTEST_PROP(MergeProperty, ReplicasAgreeWhateverTheOrder, ()) {
  std::vector<std::vector<capture::BuiltBatch>> sent(kWriters);
  for (size_t i = 0; i < kWriters; ++i) {
    ApplyNode writer(kTable, i + 1);
    for (int batches = *rc::gen::inRange(0, 4); batches > 0; --batches) {
      for (int writes = *rc::gen::inRange(1, 5); writes > 0; --writes) writer.App(AnyWrite());
      if (auto batch = writer.Publish()) sent[i].push_back(std::move(*batch));
    }
  }
  std::vector<std::unique_ptr<ApplyNode>> readers;
  for (uint64_t id = 10; id < 12; ++id) {
    readers.push_back(std::make_unique<ApplyNode>(kTable, id));
    std::vector<size_t> next(kWriters, 0);
    while (true) {
      std::vector<size_t> left;
      for (size_t i = 0; i < kWriters; ++i)
        if (next[i] < sent[i].size()) left.push_back(i);
      if (left.empty()) break;
      const size_t writer = left[*rc::gen::inRange<size_t>(0, left.size())];
      const capture::BuiltBatch& batch = sent[writer][next[writer]++];
      readers.back()->Apply(batch);
      if (*rc::gen::inRange(0, 4) == 0) readers.back()->Apply(batch);
    }
  }
  RC_ASSERT(Everything(readers[0].get()) == Everything(readers[1].get()));
}

}  // namespace
}  // namespace harmonylite::merge
