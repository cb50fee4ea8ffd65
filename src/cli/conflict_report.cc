#include "cli/conflict_report.h"

#include <algorithm>
#include <cmath>

#include "cli/columns.h"
#include "cli/json.h"
#include "cli/print.h"
#include "cli/time_text.h"
#include "schema/schema.h"
#include "sqlite/literal.h"

namespace harmonylite::cli {

namespace {

using change::NamedImage;
using change::ValueType;
using change::ValueView;
using ledger::ListedConflict;
using ledger::ListedSide;

// A value that JSON cannot hold is shown as SQL.
Json ToJson(const ValueView& value) {
  if (value.type == ValueType::kNull) return nullptr;
  if (value.type == ValueType::kInteger) return value.integer;
  if (value.type == ValueType::kReal && std::isfinite(value.real)) return value.real;
  if (value.type == ValueType::kText) return value.bytes;
  return Json::object({{"sql", sqlite::Literal(value)}});
}

// An identity is shown as the key of its row, and not among the columns.
bool IsReal(const std::string& column) { return column != schema::kIdentityColumn; }

Json ToJson(const NamedImage& image) {
  Json out = Json::object();
  for (size_t i = 0; i < image.columns.size(); ++i)
    if (IsReal(image.columns[i])) out[image.columns[i]] = ToJson(image.values[i].view());
  return out;
}

Json ToJson(const ListedSide& side) {
  Json out;
  out["node"] = side.origin ? Json(NodeNumber(side.origin->node)) : Json();
  out["stamp"] = side.stamp.value;
  out["written_ms"] = HlcMillis(side.stamp);
  out["row"] = side.image ? ToJson(*side.image) : Json();
  return out;
}

bool IsOrphan(const ListedConflict& one) { return one.kind == ledger::conflict_kind::kOrphan; }

std::string KeyText(const ListedConflict& one) {
  std::string out;
  for (size_t i = 0; i < one.key.columns.size(); ++i)
    out += fmt::format("{}{}={}", i == 0 ? "" : " ", one.key.columns[i],
                       sqlite::Literal(one.key.values[i].view()));
  return out;
}

std::string NodeText(const ListedSide& side) {
  return side.origin ? fmt::format("{}", side.origin->node.value) : "-";
}

std::string Parents(const ListedConflict& one) {
  return one.missing.empty() ? "a parent" : one.missing;
}

const change::Value* Find(const ListedSide& side, const std::string& column) {
  if (!side.image) return nullptr;
  for (size_t i = 0; i < side.image->columns.size(); ++i)
    if (side.image->columns[i] == column) return &side.image->values[i];
  return nullptr;
}

bool StaysHere(const ListedConflict& one) { return one.kind == ledger::conflict_kind::kStaysHere; }

std::string WinnerText(const ListedConflict& one) {
  if (StaysHere(one)) return "-";
  return IsOrphan(one) ? "without " + Parents(one) : "node " + NodeText(one.winner);
}

std::string FoundText(const ListedConflict& one) {
  return one.at_ms == 0 ? "-" : TimeText(one.at_ms);
}

void PrintImage(const NamedImage& image) {
  for (size_t i = 0; i < image.columns.size(); ++i)
    if (IsReal(image.columns[i]))
      Print("    {}: {}\n", image.columns[i], sqlite::Literal(image.values[i].view()));
}

void PrintOrphan(const ListedConflict& one) {
  Print("  node {}, written {}; {}\n  not there: {}\n", NodeText(one.loser),
        TimeText(HlcMillis(one.loser.stamp)),
        one.hidden ? "hidden until its parent is there" : "the row is in its table", Parents(one));
  PrintImage(*one.loser.image);
}

Json ToJson(const ListedConflict& one) {
  Json out;
  out["id"] = one.id;
  out["table"] = one.table;
  out["kind"] = one.kind;
  out["at_ms"] = one.at_ms;
  out["key"] = ToJson(one.key);
  out["loser"] = ToJson(one.loser);
  if (StaysHere(one)) {
    out["winner"] = nullptr;
  } else if (IsOrphan(one)) {
    out["winner"] = nullptr;
    out["hidden"] = one.hidden;
    out["missing"] = one.missing;
  } else {
    out["winner"] = ToJson(one.winner);
  }
  return out;
}

}  // namespace

std::string JsonOf(const ListedConflict& one) { return JsonText(ToJson(one)); }

std::string JsonOf(const std::vector<ListedConflict>& list) {
  Json out = Json::array();
  for (const ListedConflict& one : list) out.push_back(ToJson(one));
  return JsonText(out);
}

void PrintConflicts(const std::vector<ListedConflict>& list) {
  std::vector<std::vector<std::string>> rows{
      {"ID", "TIME (UTC)", "TABLE", "KEY", "KIND", "LOSER", "WINNER"}};
  for (const ListedConflict& one : list)
    rows.push_back({one.id, FoundText(one), one.table, KeyText(one), one.kind,
                    StaysHere(one) ? "this node" : "node " + NodeText(one.loser), WinnerText(one)});
  PrintColumns(rows);
}

std::string WrittenText(const ListedSide& side) {
  if (side.stamp.value == 0) return "written before HarmonyLite";
  if (side.stamp < kLeastClockStamp) return "written before its node joined";
  return "written " + TimeText(HlcMillis(side.stamp));
}

std::string MissingImage(const ListedConflict& one, const ListedSide& side) {
  if (side.image) return "";
  const bool in_table = one.kind == ledger::conflict_kind::kFirstJoin && &side == &one.winner;
  return in_table ? ", the row is in its table" : ", deleted the row";
}

void PrintConflict(const ListedConflict& one) {
  Print("{} {}: {} ({})\n", one.table, KeyText(one), one.kind, FoundText(one));
  if (IsOrphan(one)) return PrintOrphan(one);
  if (StaysHere(one)) {
    Print(
        "  the row is in its table on this node, and on no other: its key has NULL; give it a key\n");
    return PrintImage(*one.loser.image);
  }
  std::vector<std::string> columns;
  for (const ListedSide* side : {&one.loser, &one.winner})
    if (side->image)
      for (const std::string& column : side->image->columns)
        if (IsReal(column) && std::find(columns.begin(), columns.end(), column) == columns.end())
          columns.push_back(column);
  for (const ListedSide* side : {&one.loser, &one.winner})
    Print("  {}: node {}, {}{}\n", side == &one.loser ? "loser " : "winner", NodeText(*side),
          WrittenText(*side), MissingImage(one, *side));
  for (const std::string& column : columns) {
    const change::Value* loser = Find(one.loser, column);
    const change::Value* winner = Find(one.winner, column);
    const bool same = loser != nullptr && winner != nullptr && *loser == *winner;
    Print("  {} {}: {} | {}\n", same ? ' ' : '*', column,
          loser == nullptr ? "-" : sqlite::Literal(loser->view()),
          winner == nullptr ? "-" : sqlite::Literal(winner->view()));
  }
}

}  // namespace harmonylite::cli
