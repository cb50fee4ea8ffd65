#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/database.h"
#include "cli/json.h"
#include "cli/lint_findings.h"
#include "cli/print.h"
#include "cli/wiring.h"
#include "sqlite/identifier.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;

struct Request {
  std::string database;
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
      Print("{}\n", heading.empty() ? path : "table " + heading);
    }
    Print("  {:8} {}\n", Word(finding.severity), finding.what);
    if (!finding.advice.empty()) Print("  {:8}   {}\n", "", finding.advice);
  }
  const auto count = [&](Severity severity) {
    return std::count_if(findings.begin(), findings.end(),
                         [&](const Finding& finding) { return finding.severity == severity; });
  };
  Print("{} problems, {} warnings\n", count(Severity::kProblem), count(Severity::kWarning));
}

Json ToJson(const std::vector<Finding>& findings) {
  Json out = Json::array();
  for (const Finding& finding : findings)
    out.push_back({{"severity", sqlite::FoldCase(Word(finding.severity))},
                   {"table", finding.table},
                   {"what", finding.what},
                   {"advice", finding.advice}});
  return out;
}

ExitCode Perform(const Request& request, const config::Config* config) {
  const auto run = [&]() -> Result<std::vector<Finding>> {
    HL_ASSIGN(sqlite::Connection db, Open(request.database));
    return Lint(&db, config == nullptr ? schema::LoadOptions{} : MakeLoadOptions(*config));
  };
  const auto findings = run();
  if (!findings.ok()) return Complain(findings.error().message(), ExitCode::kFailure);
  if (request.json)
    fmt::print("{}\n", JsonText(ToJson(*findings)));
  else
    PrintText(request.database, *findings);
  const bool problem = std::any_of(findings->begin(), findings->end(), [](const Finding& finding) {
    return finding.severity == Severity::kProblem;
  });
  return problem ? ExitCode::kFailure : ExitCode::kOk;
}

}  // namespace

Command LintCommand() {
  const auto request = std::make_shared<Request>();
  return {.name = "lint",
          .summary = "what of a database does not replicate, or collides, and what to do",
          .forms = {"lint DB [--json]", "lint -config FILE [--json]"},
          .arguments = {{"DB", "", "the database file; without it, db_path of the configuration",
                         &request->database},
                        ConfigFlag("the configuration, for what it says about tables"),
                        {"--json", "", "print the findings as JSON", &request->json}},
          .exit_codes = "0 no PROBLEM, 1 a PROBLEM or failed, 2 a mistake in the command line",
          .needs_config = false,
          .check =
              [request](const config::Config* config) {
                return ChooseDatabase(config, &request->database);
              },
          .run = [request](const config::CommandLine&,
                           const config::Config* config) { return Perform(*request, config); }};
}

}  // namespace harmonylite::cli
