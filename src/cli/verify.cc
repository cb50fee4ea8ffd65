#include <algorithm>
#include <charconv>
#include <chrono>
#include <random>
#include <thread>

#include "base/logger.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/wiring.h"
#include "node/verify/digest.h"
#include "node/verify/verify_rows.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;
using node::Finding;
using node::RowClient;
using node::Verification;

constexpr ExitCode kEqual = ExitCode::kOk;
constexpr ExitCode kDifferent = ExitCode::kFailure;
constexpr ExitCode kCouldNot = ExitCode::kUsage;
constexpr const char* kUsage = "usage: harmonylite verify -config FILE [--repair] [--json]\n";
// At most this many rows are printed for people; --json prints all.
constexpr size_t kMaxPrinted = 200;
constexpr std::chrono::milliseconds kPoll{50};

struct Request {
  bool repair = false;
  bool json = false;
};

Result<Request> Parse(const std::vector<std::string>& words) {
  Request out;
  for (const std::string& word : words) {
    if (word == "--repair" || word == "-repair")
      out.repair = true;
    else if (word == "--json" || word == "-json")
      out.json = true;
    else
      return MakeError(ErrorCode::kInvalidArgument, "unknown argument {}\n{}", word, kUsage);
  }
  return out;
}

std::string Ago(int64_t ms) {
  const int64_t seconds = ms / 1000;
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 7'200) return fmt::format("{} min", seconds / 60);
  if (seconds < 172'800) return fmt::format("{} h", seconds / 3'600);
  return fmt::format("{} days", seconds / 86'400);
}

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
    fmt::print("\ntable {}: {} {}, keys {} to {}\n", table, found.rows.size(),
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
    if (found.rows.size() > kMaxPrinted)
      fmt::print("… and {} more\n", found.rows.size() - kMaxPrinted);
  }
  for (const std::string& table : result.open_tables)
    fmt::print("\ntable {}: its digests differ, no single row could be named: run it again\n",
               table);
  if (result.cut) fmt::print("\nthere are more rows than are named here\n");
}

void PrintResult(const Verification& result, const std::string& config_path) {
  for (const auto& [node, why] : result.missing)
    fmt::print("node {}: not compared: {}\n", node.value, OneLine(why));
  for (const auto& [node, ms] : result.away)
    fmt::print("node {}: not compared: not heard of for {}\n", node.value, Ago(ms));
  if (result.compared.empty()) {
    fmt::print("no node answers\n");
    return;
  }
  const std::string who =
      fmt::format("{} {}", result.compared.size() == 1 ? "node" : "nodes", Names(result.compared));
  if (!result.different()) {
    fmt::print("{}: equal{}\n", who,
               result.compared.size() == 1
                   ? " to what it should be; there is no other node to compare it with"
               : result.equal_progress ? ", at the same progress"
                                       : ", as far as changes on their way let it be seen");
    if (result.tables.empty()) return;
    std::vector<std::vector<std::string>> lines{{"TABLE", "ROWS", "SHADOWED", "DIGEST"}};
    for (const node::TableDigest& table : result.tables)
      lines.push_back({OneLine(table.table), fmt::format("{}", table.rows),
                       fmt::format("{}", table.shadowed), fmt::format("{:016x}", table.images)});
    PrintColumns(lines);
    return;
  }
  fmt::print("{}: DIFFERENT, {} {} of {} {}\n", who, result.findings.size(),
             result.findings.size() == 1 ? "row" : "rows", ByTable(result.findings).size(),
             ByTable(result.findings).size() == 1 ? "table" : "tables");
  PrintFindings(result);
  fmt::print("\nto end it: harmonylite verify -config {} --repair\n", config_path);
}

std::string JsonText(const std::string& text) { return "\"" + JsonEscape(text) + "\""; }

std::string JsonMark(const node::RowMark& row) {
  return fmt::format(
      "{{\"exists\": {}, \"shadowed\": {}, \"damaged\": {}, \"writer\": {}, \"change\": {}, "
      "\"row\": \"{:016x}\", \"what\": {}}}",
      row.image != 0, row.shadowed, row.damage != capture::RowDamage::kNone,
      row.versioned ? fmt::format("\"{}\"", row.origin.node.value) : "null", row.lseq.value,
      row.image, JsonText(node::Describe(row)));
}

std::string Joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "\n    " : ",\n    ") + part;
  return "[" + out + (out.empty() ? "]" : "\n  ]");
}

void PrintJson(const Verification& result, std::optional<int64_t> repaired) {
  std::vector<std::string> nodes;
  for (const NodeId node : result.compared)
    nodes.push_back(fmt::format("{{\"node\": \"{}\", \"compared\": true}}", node.value));
  for (const auto& [node, why] : result.missing)
    nodes.push_back(
        fmt::format("{{\"node\": \"{}\", \"compared\": false, \"running\": true, \"why\": {}}}",
                    node.value, JsonText(why)));
  for (const auto& [node, ms] : result.away)
    nodes.push_back(fmt::format(
        "{{\"node\": \"{}\", \"compared\": false, \"running\": false, \"silent_ms\": {}}}",
        node.value, ms));
  std::vector<std::string> tables;
  for (const node::TableDigest& table : result.tables)
    tables.push_back(
        fmt::format("{{\"table\": {}, \"rows\": {}, \"shadowed\": {}, \"digest\": \"{:016x}\"}}",
                    JsonText(table.table), table.rows, table.shadowed, table.images));
  std::vector<std::string> differences;
  for (const auto& [table, found] : ByTable(result.findings))
    for (const Finding* finding : found.rows) {
      std::string sides;
      for (const NodeId node : result.compared) {
        const auto it = finding->nodes.find(node);
        sides += fmt::format("{}\"{}\": {}", sides.empty() ? "" : ", ", node.value,
                             it == finding->nodes.end() ? "null" : JsonMark(it->second));
      }
      differences.push_back(fmt::format(
          "{{\"table\": {}, \"key\": {}, \"what\": {}, \"nodes\": {{{}}}}}", JsonText(table),
          JsonText(finding->key_text), JsonText(node::Describe(finding->kind)), sides));
    }
  for (const std::string& table : result.open_tables)
    differences.push_back(fmt::format(
        "{{\"table\": {}, \"key\": null, \"what\": \"digests differ\", \"nodes\": {{}}}}",
        JsonText(table)));
  const char* word = result.different() ? "different" : result.complete() ? "equal" : "incomplete";
  fmt::print(
      "{{\n  \"result\": \"{}\",\n  \"equal_progress\": {},\n  \"repaired_rows\": {},\n"
      "  \"nodes\": {},\n  \"tables\": {},\n  \"differences\": {}\n}}\n",
      word, result.equal_progress, repaired ? fmt::format("{}", *repaired) : "null", Joined(nodes),
      Joined(tables), Joined(differences));
}

// Compares this node's file with its own versions. Used when NATS is out of reach, and so no other
// node can be asked.
Result<Verification> VerifyAlone(const config::Config& config) {
  HL_ASSIGN(sqlite::Connection db,
            sqlite::Connection::Open(config.db_path, sqlite::OpenMode::kReadWrite));
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(&db));
  if (installed != ledger::Installed::kYes)
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is not attached yet: start harmonylite on it once", config.db_path);
  HL_ASSIGN(node::Digest digest, node::Digest::Begin(&db, MakeNodeOptions(config), {}));
  HL_ASSIGN(const bool done, digest.Advance(INT64_MAX));
  HL_CHECK(done);
  Verification out;
  const node::VerifyAnswer& answer = digest.answer();
  const NodeId self = answer.origin.node;
  const auto& digests = answer.As<node::TableDigests>();
  for (const node::NamedRow& row : digests.damaged)
    out.findings.push_back({row.table,
                            node::FindingKind::kDamaged,
                            {{self, row.mark}},
                            row.mark.key_text,
                            row.mark.key});
  out.compared = {self};
  out.tables = digests.tables;
  return out;
}

ExitCode Finish(const Verification& result, const Request& request, const std::string& config_path,
                std::optional<int64_t> repaired) {
  if (request.json) {
    PrintJson(result, repaired);
  } else {
    if (repaired) fmt::print("repaired: {} rows\n", *repaired);
    PrintResult(result, config_path);
  }
  if (result.different()) return kDifferent;
  return result.complete() ? kEqual : kCouldNot;
}

ExitCode Perform(const Request& request, const config::Config& config,
                 const std::string& config_path) {
  const SystemClock clock;
  auto connection = [&]() -> Result<std::shared_ptr<nats::Connection>> {
    nats::ConnectionOptions options = MakeConnectionOptions(config, NodeId(0));
    HL_ASSIGN(options.urls, ServerUrls(config));
    options.client_name = "harmonylite-verify";
    options.connect_retries = 1;
    return nats::Connection::Open(std::move(options));
  }();
  if (!connection.ok()) {
    auto alone = VerifyAlone(config);
    if (!alone.ok()) return Complain(alone.error().message(), kCouldNot);
    Complain(fmt::format("other nodes could not be asked ({}): only this file was looked at, "
                         "against its own versions",
                         connection.error().message()),
             kCouldNot);
    if (alone->different()) return Finish(*alone, request, config_path, std::nullopt);
    if (request.json) PrintJson(*alone, std::nullopt);
    return kCouldNot;
  }
  nats::KvMetaStore store(*connection, MakeMetaOptions(config));
  RowClient client(&store, &clock, 'c', std::random_device{}(), [] {
    std::this_thread::sleep_for(kPoll);
    return true;
  });
  auto result = node::VerifyRows(&client);
  if (!result.ok()) return Complain(result.error().message(), kCouldNot);
  std::optional<int64_t> repaired;
  if (request.repair) {
    auto rows = node::RepairRows(&client, &*result);
    if (!rows.ok()) return Complain(rows.error().message(), kCouldNot);
    repaired = *rows;
  }
  return Finish(*result, request, config_path, repaired);
}

}  // namespace

ExitCode Verify(const config::CommandLine& command, const config::Config* config) {
  auto request = Parse(command.arguments);
  if (!request.ok()) return Complain(request.error().message(), ExitCode::kUsage);
  if (config == nullptr)
    return Complain(fmt::format("verify needs the configuration of a node\n{}", kUsage),
                    ExitCode::kUsage);
  return Perform(*request, *config, command.config_path);
}

}  // namespace harmonylite::cli
