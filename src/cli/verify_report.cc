#include "cli/verify_report.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <vector>

#include "cli/columns.h"
#include "cli/json.h"
#include "cli/print.h"
#include "cli/time_text.h"

namespace harmonylite::cli {

namespace {

using node::Finding;
using node::Verification;

// At most this many rows are printed for people; --json prints all.
constexpr size_t kMaxPrinted = 200;

std::string Names(const std::set<NodeId>& nodes) {
  std::string out;
  for (const NodeId node : nodes) out += fmt::format("{}{}", out.empty() ? "" : ", ", node.value);
  return out;
}

// Compares numbers by value, and everything else as text.
bool KeyLess(const std::string& a, const std::string& b) {
  int64_t x = 0;
  int64_t y = 0;
  const auto number = [](const std::string& text, int64_t* out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
    return error == std::errc() && end == text.data() + text.size();
  };
  const bool numbers = number(a, &x) && number(b, &y);
  return numbers ? x < y : a < b;
}

struct TableFindings {
  std::vector<const Finding*> rows;
  std::string first;
  std::string last;
};

std::map<std::string, TableFindings> ByTable(const std::vector<Finding>& findings) {
  std::map<std::string, TableFindings> out;
  for (const Finding& finding : findings) out[finding.table].rows.push_back(&finding);
  for (auto& [table, found] : out) {
    std::sort(found.rows.begin(), found.rows.end(),
              [](const Finding* a, const Finding* b) { return KeyLess(a->key_text, b->key_text); });
    found.first = found.rows.front()->key_text;
    found.last = found.rows.back()->key_text;
  }
  return out;
}

std::string OneLine(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return text;
}

void PrintFindings(const Verification& result) {
  for (const auto& [table, found] : ByTable(result.findings)) {
    Print("\ntable {}: {} {}, keys {} to {}\n", table, found.rows.size(),
          found.rows.size() == 1 ? "row" : "rows", OneLine(found.first), OneLine(found.last));
    std::vector<std::vector<std::string>> lines{{"KEY", "NODE", "WHAT IT HAS", "WHY"}};
    for (size_t i = 0; i < found.rows.size() && i < kMaxPrinted; ++i) {
      const Finding& finding = *found.rows[i];
      for (const NodeId node : result.compared) {
        const auto it = finding.nodes.find(node);
        const bool first = node == *result.compared.begin();
        lines.push_back({first ? OneLine(finding.key_text) : "", fmt::format("{}", node.value),
                         it == finding.nodes.end() ? "nothing" : node::Describe(it->second),
                         first ? node::Describe(finding.kind) : ""});
      }
    }
    PrintColumns(lines);
    if (found.rows.size() > kMaxPrinted) Print("… and {} more\n", found.rows.size() - kMaxPrinted);
  }
  for (const std::string& table : result.open_tables)
    Print("\ntable {}: its digests differ, no single row could be named: run it again\n", table);
  if (result.cut) Print("\nthere are more rows than are named here\n");
}

std::string Hash(uint64_t hash) { return fmt::format("{:016x}", hash); }

Json ToJson(const node::RowMark& row) {
  Json out;
  out["exists"] = row.image != 0;
  out["shadowed"] = row.shadowed;
  out["damaged"] = row.damage != capture::RowDamage::kNone;
  out["writer"] = row.versioned ? Json(NodeNumber(row.origin.node)) : Json();
  out["change"] = row.lseq.value;
  out["row"] = Hash(row.image);
  out["what"] = node::Describe(row);
  return out;
}

Json Nodes(const Verification& result) {
  Json out = Json::array();
  for (const NodeId node : result.compared)
    out.push_back({{"node", NodeNumber(node)}, {"compared", true}});
  for (const auto& [node, why] : result.missing)
    out.push_back(
        {{"node", NodeNumber(node)}, {"compared", false}, {"running", true}, {"why", why}});
  for (const auto& [node, ms] : result.away)
    out.push_back(
        {{"node", NodeNumber(node)}, {"compared", false}, {"running", false}, {"silent_ms", ms}});
  return out;
}

// The rows of the schema are compared, too, but are nobody's table.
bool IsShown(const node::TableDigest& table) { return table.table != schema::kSchemaTable; }

Json Tables(const Verification& result) {
  Json out = Json::array();
  for (const node::TableDigest& table : result.tables)
    if (IsShown(table))
      out.push_back({{"table", table.table},
                     {"rows", table.rows},
                     {"shadowed", table.shadowed},
                     {"digest", Hash(table.images)}});
  return out;
}

Json Differences(const Verification& result) {
  Json out = Json::array();
  for (const auto& [table, found] : ByTable(result.findings))
    for (const Finding* finding : found.rows) {
      Json sides = Json::object();
      for (const NodeId node : result.compared) {
        const auto it = finding->nodes.find(node);
        sides[NodeNumber(node)] = it == finding->nodes.end() ? Json() : ToJson(it->second);
      }
      out.push_back({{"table", table},
                     {"key", finding->key_text},
                     {"what", node::Describe(finding->kind)},
                     {"nodes", std::move(sides)}});
    }
  for (const std::string& table : result.open_tables)
    out.push_back({{"table", table},
                   {"key", nullptr},
                   {"what", "digests differ"},
                   {"nodes", Json::object()}});
  return out;
}

}  // namespace

void PrintVerification(const Verification& result, const std::string& config_path) {
  for (const auto& [node, why] : result.missing)
    Print("node {}: not compared: {}\n", node.value, OneLine(why));
  for (const auto& [node, ms] : result.away)
    Print("node {}: not compared: not heard of for {}\n", node.value, DurationText(ms));
  if (result.compared.empty()) {
    Print("no node answers\n");
    return;
  }
  const std::string who =
      fmt::format("{} {}", result.compared.size() == 1 ? "node" : "nodes", Names(result.compared));
  if (!result.different()) {
    Print("{}: equal{}\n", who,
          result.compared.size() == 1
              ? " to what it should be; there is no other node to compare it with"
          : result.equal_progress ? ", at the same progress"
                                  : ", as far as changes on their way let it be seen");
    if (result.tables.empty()) return;
    std::vector<std::vector<std::string>> lines{{"TABLE", "ROWS", "SHADOWED", "DIGEST"}};
    for (const node::TableDigest& table : result.tables)
      if (IsShown(table))
        lines.push_back({OneLine(table.table), fmt::format("{}", table.rows),
                         fmt::format("{}", table.shadowed), fmt::format("{:016x}", table.images)});
    PrintColumns(lines);
    return;
  }
  Print("{}: DIFFERENT, {} {} of {} {}\n", who, result.findings.size(),
        result.findings.size() == 1 ? "row" : "rows", ByTable(result.findings).size(),
        ByTable(result.findings).size() == 1 ? "table" : "tables");
  PrintFindings(result);
  Print("\nto end it: harmonylite verify -config {} --repair\n", config_path);
}

std::string JsonOf(const Verification& result, std::optional<int64_t> repaired) {
  Json out;
  out["result"] = result.different() ? "different" : result.complete() ? "equal" : "incomplete";
  out["equal_progress"] = result.equal_progress;
  out["repaired_rows"] = repaired ? Json(*repaired) : Json();
  out["nodes"] = Nodes(result);
  out["tables"] = Tables(result);
  out["differences"] = Differences(result);
  return JsonText(out);
}

}  // namespace harmonylite::cli
