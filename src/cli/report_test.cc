// Tests the JSON that commands print, against texts as the releases before printed them.
#include <gtest/gtest.h>

#include <limits>

#include "cli/conflict_report.h"
#include "cli/json.h"
#include "cli/snapshot_report.h"
#include "cli/verify_report.h"
#include "sqlite/literal.h"

namespace harmonylite::cli {
namespace {

using change::Value;
using change::ValueView;

// Reads the text that is printed back; fails the test if that is no JSON.
template <typename... Shown>
Json Read(const Shown&... shown) {
  return Json::parse(JsonOf(shown...));
}

ledger::ListedConflict Conflict() {
  ledger::ListedConflict out;
  out.id = "17";
  out.table = "a \"b\"";
  out.kind = ledger::conflict_kind::kOverwritten;
  out.at_ms = 1'764'466'671'000;
  out.key = {{"id"}, {Value(ValueView::Integer(INT64_MAX))}};
  out.loser.stamp = HlcFromMillis(5);
  out.loser.origin = Origin{NodeId(UINT64_MAX), Incarnation(1)};
  out.loser.image = {{"id", "r", "t", "b", "n"},
                     {Value(ValueView::Integer(INT64_MAX)), Value(ValueView::Real(0.5)),
                      Value(ValueView::Text("gr\xC3\xBC\n\x01")),
                      Value(ValueView::Blob(std::string_view("\0\xFF", 2))), Value()}};
  return out;
}

TEST(ConflictReport, ValuesOfEveryType) {
  EXPECT_EQ(Read(Conflict()), Json::parse(R"({
    "id": "17", "table": "a \"b\"", "kind": "overwritten", "at_ms": 1764466671000,
    "key": {"id": 9223372036854775807},
    "loser": {"node": "18446744073709551615", "stamp": 5242880, "written_ms": 5,
              "row": {"id": 9223372036854775807, "r": 0.5, "t": "grü\u000a\u0001",
                      "b": {"sql": "x'00ff'"}, "n": null}},
    "winner": {"node": null, "stamp": 0, "written_ms": 0, "row": null}})"));
}

TEST(ConflictReport, WhatJsonCannotHoldIsShownAsSql) {
  ledger::ListedConflict one = Conflict();
  const ValueView infinity = ValueView::Real(std::numeric_limits<double>::infinity());
  one.key.values[0] = Value(infinity);
  EXPECT_EQ(Read(one)["key"]["id"], Json({{"sql", sqlite::Literal(infinity)}}));
  one.key.values[0] = Value(ValueView::Text("a\xFFz"));
  EXPECT_EQ(Read(one)["key"]["id"], "a\uFFFDz");
}

TEST(ConflictReport, AnOrphanHasNoWinner) {
  ledger::ListedConflict one = Conflict();
  one.kind = ledger::conflict_kind::kOrphan;
  one.missing = "parent 3";
  one.hidden = true;
  const Json json = Read(one);
  EXPECT_EQ(json["winner"], nullptr);
  EXPECT_EQ(json["hidden"], true);
  EXPECT_EQ(json["missing"], "parent 3");
  EXPECT_FALSE(Read(Conflict()).contains("hidden"));
}

TEST(ConflictReport, NoConflictIsAnEmptyList) {
  EXPECT_EQ(JsonOf(std::vector<ledger::ListedConflict>()), "[]");
}

TEST(SnapshotReport, AManifestThatCannotBeReadIsLeftOut) {
  snapshot::Listed good;
  good.name = "20261130T013751000Z-7";
  good.manifest.emplace();
  good.manifest->maker = {NodeId(7), Incarnation(2)};
  good.manifest->made_ms = 5;
  good.manifest->size = 4096;
  good.manifest->packed = 99;
  good.manifest->sha256 = "ab";
  good.manifest->progress.Advance({NodeId(8), Incarnation(3)}, Lseq(11));
  snapshot::Listed bad;
  bad.name = "x";
  bad.problem = "no \"manifest\"";
  EXPECT_EQ(Read(std::vector<snapshot::Listed>{good, bad}), Json::parse(R"([
    {"name": "20261130T013751000Z-7", "usable": true, "problem": "", "made_ms": 5, "node": "7",
     "incarnation": 2, "size": 4096, "packed": 99, "sha256": "ab",
     "progress": [{"node": "8", "incarnation": 3, "lseq": 11}]},
    {"name": "x", "usable": false, "problem": "no \"manifest\""}])"));
}

TEST(VerifyReport, EqualNodes) {
  node::Verification result;
  result.compared = {NodeId(1), NodeId(2)};
  result.away[NodeId(3)] = 7'000;
  result.equal_progress = true;
  result.tables.push_back({});
  result.tables[0].table = "t";
  result.tables[0].rows = 3;
  result.tables[0].images = 255;
  EXPECT_EQ(Read(result, std::nullopt), Json::parse(R"({
    "result": "equal", "equal_progress": true, "repaired_rows": null,
    "nodes": [{"node": "1", "compared": true}, {"node": "2", "compared": true},
              {"node": "3", "compared": false, "running": false, "silent_ms": 7000}],
    "tables": [{"table": "t", "rows": 3, "shadowed": 0, "digest": "00000000000000ff"}],
    "differences": []})"));
}

TEST(VerifyReport, RowsAndTablesThatDiffer) {
  node::Verification result;
  result.compared = {NodeId(1), NodeId(2)};
  node::RowMark mark;
  mark.image = 1;
  mark.versioned = true;
  mark.origin.node = NodeId(2);
  mark.lseq = Lseq(5);
  result.findings.push_back({"t", node::FindingKind::kDamaged, {{NodeId(2), mark}}, "'k'", 0});
  result.open_tables = {"u"};
  const Json json = Read(result, 4);
  EXPECT_EQ(json["result"], "different");
  EXPECT_EQ(json["repaired_rows"], 4);
  Json row = json["differences"][0];
  EXPECT_EQ(row["what"], node::Describe(node::FindingKind::kDamaged));
  EXPECT_EQ(row["nodes"]["2"]["what"], node::Describe(mark));
  row.erase("what");
  row["nodes"]["2"].erase("what");
  EXPECT_EQ(row, Json::parse(R"({
    "table": "t", "key": "'k'", "nodes": {"1": null, "2": {
      "exists": true, "shadowed": false, "damaged": false, "writer": "2", "change": 5,
      "row": "0000000000000001"}}})"));
  EXPECT_EQ(json["differences"][1], Json::parse(R"({
    "table": "u", "key": null, "what": "digests differ", "nodes": {}})"));
}

TEST(VerifyReport, ANodeThatDidNotAnswerMakesItIncomplete) {
  node::Verification result;
  result.compared = {NodeId(1)};
  result.missing[NodeId(2)] = "no answer";
  const Json json = Read(result, std::nullopt);
  EXPECT_EQ(json["result"], "incomplete");
  EXPECT_EQ(json["nodes"][1], Json::parse(R"({
    "node": "2", "compared": false, "running": true, "why": "no answer"})"));
}

}  // namespace
}  // namespace harmonylite::cli
