#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/lint_findings.h"
#include "cli/wiring.h"
#include "sqlite/identifier.h"

namespace harmonylite::cli {

namespace {

struct LintRequest {
  std::string db_path;
  bool json = false;
};

const char* Word(Severity severity) {
  switch (severity) {
    case Severity::kFine:
      return "fine";
    case Severity::kNote:
      return "note";
    case Severity::kWarning:
      return "warning";
    case Severity::kProblem:
      return "PROBLEM";
  }
  return "";
}

Result<LintRequest> Parse(const config::CommandLine& command, const config::Config* config) {
  LintRequest out;
  for (const std::string& argument : command.arguments) {
    if (argument == "--json" || argument == "-json")
      out.json = true;
    else if (argument.starts_with("-"))
      return MakeError(ErrorCode::kInvalidArgument, "lint has no flag {}; it has --json", argument);
    else if (!out.db_path.empty())
      return MakeError(ErrorCode::kInvalidArgument, "lint looks at one database, not at {} and {}",
                       out.db_path, argument);
    else
      out.db_path = argument;
  }
  if (out.db_path.empty() && config != nullptr) out.db_path = config->db_path;
  if (out.db_path.empty())
    return MakeError(ErrorCode::kInvalidArgument,
                     "which database? harmonylite lint FILE, or harmonylite lint -config FILE");
  return out;
}

// Opens the database so that it could be written. On a connection that can only read, SQLite
// compiles some writes that it would otherwise refuse, so problems would be missed. Nothing is
// written.
Result<sqlite::Connection> Open(const std::string& path) {
  auto db = sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite);
  if (db.ok() || db.error().code() != ErrorCode::kInvalidArgument) return db;
  return sqlite::Connection::Open(path, sqlite::OpenMode::kReadOnly);
}

void PrintText(const std::string& path, const std::vector<Finding>& findings) {
  std::string heading = "\n";  // no table has this name
  for (const Finding& finding : findings) {
    if (finding.table != heading) {
      heading = finding.table;
      fmt::print("{}\n", heading.empty() ? path : "table " + heading);
    }
    fmt::print("  {:8} {}\n", Word(finding.severity), finding.what);
    if (!finding.advice.empty()) fmt::print("  {:8}   {}\n", "", finding.advice);
  }
  const auto count = [&](Severity severity) {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const Finding& finding) { return finding.severity == severity; });
  };
  fmt::print("{} problems, {} warnings\n", count(Severity::kProblem), count(Severity::kWarning));
}

void PrintJson(const std::vector<Finding>& findings) {
  nlohmann::json out = nlohmann::json::array();
  for (const Finding& finding : findings)
    out.push_back({{"severity", sqlite::FoldCase(Word(finding.severity))},
                   {"table", finding.table},
                   {"what", finding.what},
                   {"advice", finding.advice}});
  fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

config::ExitCode LintDatabase(const config::CommandLine& command, const config::Config* config) {
  const auto request = Parse(command, config);
  if (!request.ok()) return Complain(request.error().message(), config::ExitCode::kUsage);
  const auto run = [&]() -> Result<std::vector<Finding>> {
    HL_ASSIGN(sqlite::Connection db, Open(request->db_path));
    return Lint(&db, config == nullptr ? schema::LoadOptions{} : MakeLoadOptions(*config));
  };
  const auto findings = run();
  if (!findings.ok()) return Complain(findings.error().message(), config::ExitCode::kFailure);
  if (request->json)
    PrintJson(*findings);
  else
    PrintText(request->db_path, *findings);
  const bool problem = std::any_of(findings->begin(), findings->end(), [](const Finding& finding) {
    return finding.severity == Severity::kProblem;
  });
  return problem ? config::ExitCode::kFailure : config::ExitCode::kOk;
}

}  // namespace harmonylite::cli
