#include <fmt/chrono.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "base/logger.h"
#include "capture/catalog_sync.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/restore_conflict.h"
#include "cli/wiring.h"
#include "ledger/catalog.h"
#include "ledger/conflict_log.h"
#include "ledger/hidden_tables.h"
#include "sqlite/connection.h"
#include "sqlite/literal.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using change::NamedImage;
using change::ValueType;
using change::ValueView;
using config::ExitCode;
using ledger::ListedConflict;
using ledger::ListedSide;

constexpr int kBusyTimeoutMs = 30'000;
constexpr const char* kUsage =
    "usage: harmonylite conflicts [DB | -config FILE] [--json]\n"
    "       harmonylite conflicts [DB | -config FILE] --show ID [--json]\n"
    "       harmonylite conflicts [DB | -config FILE] --restore ID [--set COLUMN=VALUE]...\n"
    "       harmonylite conflicts [DB | -config FILE] --clear\n";

struct Request {
  std::string database;
  schema::LoadOptions tables;
  bool json = false;
  bool clear = false;
  std::string show;
  std::string restore;
  std::vector<Assignment> sets;
};

Error Usage(std::string_view what) {
  return MakeError(ErrorCode::kInvalidArgument, "{}\n{}", what, kUsage);
}

Result<Request> Parse(const config::CommandLine& command, const config::Config* config) {
  Request out;
  const std::vector<std::string>& words = command.arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    if (word.starts_with("--")) word.erase(0, 1);
    const bool takes_value = word == "-show" || word == "-restore" || word == "-set";
    if (takes_value && i + 1 == words.size()) return Usage(words[i] + " needs a value");
    if (word == "-json") {
      out.json = true;
    } else if (word == "-clear") {
      out.clear = true;
    } else if (word == "-show") {
      out.show = words[++i];
    } else if (word == "-restore") {
      out.restore = words[++i];
    } else if (word == "-set") {
      const std::string& set = words[++i];
      const size_t equals = set.find('=');
      if (equals == std::string::npos) return Usage("--set is written as COLUMN=VALUE");
      out.sets.push_back({set.substr(0, equals), set.substr(equals + 1)});
    } else if (!word.starts_with("-") && out.database.empty()) {
      out.database = word;
    } else {
      return Usage("unknown argument " + words[i]);
    }
  }
  if (out.clear + !out.show.empty() + !out.restore.empty() > 1)
    return Usage("only one of --show, --restore and --clear can be given");
  if (!out.sets.empty() && out.restore.empty()) return Usage("--set belongs to --restore");
  if (config != nullptr) {
    if (out.database.empty()) out.database = config->db_path;
    out.tables = MakeLoadOptions(*config);
  } else {
    out.tables.allow_without_key = [](const std::string&) { return true; };
  }
  if (out.database.empty()) return Usage("no database: name one, or give -config FILE");
  return out;
}

std::string Json(const ValueView& value) {
  if (value.type == ValueType::kNull) return "null";
  if (value.type == ValueType::kInteger) return fmt::format("{}", value.integer);
  if (value.type == ValueType::kReal && std::isfinite(value.real))
    return fmt::format("{}", value.real);
  if (value.type == ValueType::kText) return fmt::format("\"{}\"", JsonEscape(value.bytes));
  return fmt::format("{{\"sql\": \"{}\"}}", JsonEscape(sqlite::Literal(value)));
}

std::string Json(const NamedImage& image) {
  std::string out;
  for (size_t i = 0; i < image.columns.size(); ++i)
    out += fmt::format("{}\"{}\": {}", i == 0 ? "" : ", ", JsonEscape(image.columns[i]),
                       Json(image.values[i].view()));
  return "{" + out + "}";
}

std::string Json(const ListedSide& side) {
  return fmt::format("{{\"node\": {}, \"stamp\": {}, \"written_ms\": {}, \"row\": {}}}",
                     side.origin ? fmt::format("\"{}\"", side.origin->node.value) : "null",
                     side.stamp.value, HlcMillis(side.stamp),
                     side.image ? Json(*side.image) : "null");
}

bool IsOrphan(const ListedConflict& one) { return one.kind == ledger::conflict_kind::kOrphan; }

std::string Json(const ListedConflict& one) {
  return fmt::format(
      "{{\"id\": \"{}\", \"table\": \"{}\", \"kind\": \"{}\", \"at_ms\": {}, "
      "\"key\": {}, \"loser\": {}, {}}}",
      one.id, JsonEscape(one.table), one.kind, one.at_ms, Json(one.key), Json(one.loser),
      IsOrphan(one) ? fmt::format("\"winner\": null, \"hidden\": {}, \"missing\": \"{}\"",
                                  one.hidden, JsonEscape(one.missing))
                    : "\"winner\": " + Json(one.winner));
}

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

std::string TimeText(int64_t ms) {
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", utc);
}

std::string Parents(const ListedConflict& one) {
  return one.missing.empty() ? "a parent" : one.missing;
}

void PrintTable(const std::vector<ListedConflict>& list) {
  std::vector<std::vector<std::string>> rows{
      {"ID", "TIME (UTC)", "TABLE", "KEY", "KIND", "LOSER", "WINNER"}};
  for (const ListedConflict& one : list)
    rows.push_back({one.id, TimeText(one.at_ms), one.table, KeyText(one), one.kind,
                    "node " + NodeText(one.loser),
                    IsOrphan(one) ? "without " + Parents(one) : "node " + NodeText(one.winner)});
  PrintColumns(rows);
}

const change::Value* Find(const ListedSide& side, const std::string& column) {
  if (!side.image) return nullptr;
  for (size_t i = 0; i < side.image->columns.size(); ++i)
    if (side.image->columns[i] == column) return &side.image->values[i];
  return nullptr;
}

void PrintOrphan(const ListedConflict& one) {
  fmt::print("  node {}, written {}; {}\n  not there: {}\n", NodeText(one.loser),
             TimeText(HlcMillis(one.loser.stamp)),
             one.hidden ? "hidden until its parent is there" : "the row is in its table",
             Parents(one));
  for (size_t i = 0; i < one.loser.image->columns.size(); ++i)
    fmt::print("    {}: {}\n", one.loser.image->columns[i],
               sqlite::Literal(one.loser.image->values[i].view()));
}

// Prints both sides column by column; '*' marks the columns that differ.
void PrintOne(const ListedConflict& one) {
  fmt::print("{} {}: {} ({})\n", one.table, KeyText(one), one.kind, TimeText(one.at_ms));
  if (IsOrphan(one)) return PrintOrphan(one);
  std::vector<std::string> columns;
  for (const ListedSide* side : {&one.loser, &one.winner})
    if (side->image)
      for (const std::string& column : side->image->columns)
        if (std::find(columns.begin(), columns.end(), column) == columns.end())
          columns.push_back(column);
  for (const ListedSide* side : {&one.loser, &one.winner})
    fmt::print("  {}: node {}, written {}{}\n", side == &one.loser ? "loser " : "winner",
               NodeText(*side), TimeText(HlcMillis(side->stamp)),
               side->image ? "" : ", deleted the row");
  for (const std::string& column : columns) {
    const change::Value* loser = Find(one.loser, column);
    const change::Value* winner = Find(one.winner, column);
    const bool same = loser != nullptr && winner != nullptr && *loser == *winner;
    fmt::print("  {} {}: {} | {}\n", same ? ' ' : '*', column,
               loser == nullptr ? "-" : sqlite::Literal(loser->view()),
               winner == nullptr ? "-" : sqlite::Literal(winner->view()));
  }
}

Result<const ListedConflict*> ById(const std::vector<ListedConflict>& list, const std::string& id,
                                   const ledger::Catalog& catalog) {
  for (const ListedConflict& one : list)
    if (one.id == id) return &one;
  return MakeError(
      ErrorCode::kNotFound, "no conflict has the id {}{}", id,
      catalog.complete
          ? ""
          : ", but a table is not replicated now, and its shadowed rows are not listed: if it "
            "was changed while no node ran, start the node once");
}

Status Clear(sqlite::Connection* db) {
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kWrite));
  HL_ASSIGN(const int64_t removed, ledger::ClearConflicts(db));
  HL_TRY(transaction.Commit());
  fmt::print("removed {} from the list\n", removed);
  return Ok();
}

Status Perform(const Request& request) {
  HL_ASSIGN(sqlite::Connection db,
            sqlite::Connection::Open(request.database, sqlite::OpenMode::kReadWrite));
  db.SetBusyTimeout(kBusyTimeoutMs);
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(&db));
  if (installed != ledger::Installed::kYes)
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} is not attached: start harmonylite on it once", request.database);
  if (request.clear) return Clear(&db);
  std::vector<ListedConflict> list;
  ledger::Catalog catalog;
  {
    HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kRead));
    HL_ASSIGN(catalog, capture::LoadCatalog(&db, request.tables));
    HL_ASSIGN(list, ledger::ListConflicts(&db, catalog));
  }
  if (!request.restore.empty()) {
    HL_ASSIGN(const ListedConflict* one, ById(list, request.restore, catalog));
    return Restore(&db, catalog, *one, request.sets);
  }
  if (!request.show.empty()) {
    HL_ASSIGN(const ListedConflict* one, ById(list, request.show, catalog));
    if (request.json)
      fmt::print("{}\n", Json(*one));
    else
      PrintOne(*one);
    return Ok();
  }
  if (!request.json) {
    PrintTable(list);
    return Ok();
  }
  std::string out;
  for (const ListedConflict& one : list) out += (out.empty() ? "\n  " : ",\n  ") + Json(one);
  fmt::print("[{}{}]\n", out, out.empty() ? "" : "\n");
  return Ok();
}

}  // namespace

ExitCode Conflicts(const config::CommandLine& command, const config::Config* config) {
  auto request = Parse(command, config);
  if (!request.ok()) return Complain(request.error().message(), ExitCode::kUsage);
  if (Status done = Perform(*request); !done.ok())
    return Complain(done.error().message(), ExitCode::kFailure);
  return ExitCode::kOk;
}

}  // namespace harmonylite::cli
