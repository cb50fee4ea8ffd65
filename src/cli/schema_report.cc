#include "cli/schema_report.h"

#include <algorithm>

#include "cli/columns.h"
#include "cli/json.h"
#include "cli/print.h"
#include "cli/time_text.h"

namespace harmonylite::cli {

namespace {

const char* Word(schema::Follow follow) {
  switch (follow) {
    case schema::Follow::kOff:
      return "off";
    case schema::Follow::kAdditive:
      return "additive";
    case schema::Follow::kAll:
      return "all";
  }
  return "";
}

const char* Word(Likeness likeness) {
  switch (likeness) {
    case Likeness::kSame:
      return "same";
    case Likeness::kSameShapes:
      return "same columns";
    case Likeness::kOtherDefinitions:
      return "other definitions";
    case Likeness::kOtherShapes:
      return "other columns";
  }
  return "";
}

const char* Does(schema::Follow follow) {
  switch (follow) {
    case schema::Follow::kOff:
      return "carries out nothing of what other nodes change";
    case schema::Follow::kAdditive:
      return "carries out what other nodes change, but drops nothing";
    case schema::Follow::kAll:
      return "carries out what other nodes change";
  }
  return "";
}

std::string KindText(const ListedObject& one) {
  const bool is_virtual = one.kind == schema::ObjectKind::kTable && one.is_virtual();
  return fmt::format("{}{}", is_virtual ? "virtual " : "", schema::KindName(one.kind));
}

std::string NameText(const ListedObject& one) {
  const bool has_value = one.kind == schema::ObjectKind::kPragma && !one.sql.empty();
  return has_value ? one.name + " = " + one.sql : one.name;
}

// The stamps of what was there before its node took part are no times.
bool HasTime(const ListedObject& one) {
  return one.writer.origin && !(one.writer.stamp < kLeastClockStamp);
}

std::string TimeOf(const ListedObject& one) {
  if (!one.writer.origin) return "-";
  return HasTime(one) ? TimeText(HlcMillis(one.writer.stamp)) : "before it joined";
}

std::string HereText(const ListedObject& one) {
  std::string out = Word(one.standing);
  if (!one.why.empty()) out += ": " + one.why;
  return out;
}

std::string NamesText(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

bool IsDropped(const ListedObject& one) { return one.standing == Standing::kDropped; }

void PrintObjects(const SchemaLook& look, bool all) {
  std::vector<std::vector<std::string>> rows{
      {"KIND", "NAME", "CHANGED (UTC)", "BY NODE", "FORMERLY", "HERE"}};
  for (const ListedObject& one : look.objects) {
    if (IsDropped(one) && !all) continue;
    rows.push_back({KindText(one), NameText(one), TimeOf(one),
                    one.writer.origin ? NodeNumber(one.writer.origin->node) : "-",
                    one.former_names.empty() ? "-" : NamesText(one.former_names), HereText(one)});
  }
  if (rows.size() > 1)
    PrintColumns(std::move(rows));
  else
    Print("there is no table, index, view or trigger\n");
}

void PrintSetAside(const std::vector<SetAsideRows>& tables) {
  if (tables.empty()) return;
  Print(
      "\nset aside, because another node dropped their table or a column of it "
      "('harmonylite schema restore TABLE' writes them back):\n");
  for (const SetAsideRows& one : tables)
    Print("  {} rows of {}{}\n", one.rows, one.table,
          one.there ? "" : ", which is not there: make it first");
}

Json ToJson(const ListedObject& one) {
  Json out;
  out["kind"] = KindText(one);
  out["name"] = one.name;
  out["former_names"] = one.former_names;
  out["table"] = one.table.empty() ? Json() : Json(one.table);
  out["node"] = one.writer.origin ? Json(NodeNumber(one.writer.origin->node)) : Json();
  out["changed_ms"] = HasTime(one) ? Json(HlcMillis(one.writer.stamp)) : Json();
  out["here"] = Word(one.standing);
  out["why"] = one.why;
  out["sql"] = one.sql.empty() ? Json() : Json(one.sql);
  out["sql_here"] = one.sql_here.empty() ? Json() : Json(one.sql_here);
  return out;
}

}  // namespace

void PrintSchema(const SchemaLook& look, bool all) {
  const bool code = look.follows.code || look.follows.follow == schema::Follow::kOff;
  Print("[schema] follow is \"{}\"{}: this node {}\n", Word(look.follows.follow),
        code ? "" : ", code is false", Does(look.follows.follow));
  if (!look.journaled)
    Print("something here is not journaled yet: a running node does that at once, else the next\n");
  PrintObjects(look, all);
  const auto dropped = std::ranges::count_if(look.objects, IsDropped);
  if (dropped > 0 && !all) Print("dropped: {} (--all lists them)\n", dropped);
  PrintSetAside(look.set_aside);
}

void PrintNodes(const std::vector<NodeTables>& nodes) {
  Print("\ntables of the other registered nodes{}\n", nodes.empty() ? ": there is none" : ":");
  for (const NodeTables& one : nodes)
    Print("  node {}: {}\n", one.node.value, Describe(one.likeness));
}

std::string JsonOf(const SchemaLook& look, const std::vector<NodeTables>* nodes) {
  Json out;
  out["follow"] = Word(look.follows.follow);
  out["code"] = look.follows.code;
  out["journaled"] = look.journaled;
  out["objects"] = Json::array();
  for (const ListedObject& one : look.objects) out["objects"].push_back(ToJson(one));
  out["set_aside"] = Json::array();
  for (const SetAsideRows& one : look.set_aside)
    out["set_aside"].push_back({{"table", one.table}, {"rows", one.rows}, {"there", one.there}});
  out["nodes"] = nodes == nullptr ? Json() : Json::array();
  if (nodes != nullptr)
    for (const NodeTables& one : *nodes)
      out["nodes"].push_back({{"node", NodeNumber(one.node)}, {"tables", Word(one.likeness)}});
  return JsonText(out);
}

}  // namespace harmonylite::cli
