#include <memory>

#include "cli/commands.h"
#include "cli/database.h"
#include "cli/lint_look.h"
#include "cli/lint_report.h"
#include "cli/print.h"
#include "cli/wiring.h"

namespace harmonylite::cli {

namespace {

using config::ExitCode;

constexpr ExitCode kNothingLost = ExitCode::kOk;
constexpr ExitCode kLost = ExitCode::kFailure;
constexpr ExitCode kCouldNot = ExitCode::kUsage;

struct Request {
  std::string database;
  bool all = false;
  bool json = false;
};

// Opens the database so that it could be written. On a connection that can only read, SQLite
// compiles some writes that it would otherwise refuse, so problems would be missed. Nothing is
// written.
Result<sqlite::Connection> Open(const std::string& path) {
  auto db = sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite);
  if (db.ok() || db.error().code() != ErrorCode::kInvalidArgument) return db;
  return sqlite::Connection::Open(path, sqlite::OpenMode::kReadOnly);
}

ExitCode Perform(const Request& request, const config::Config* config) {
  const auto run = [&]() -> Result<LintResult> {
    HL_ASSIGN(sqlite::Connection db, Open(request.database));
    return Lint(&db, config == nullptr ? schema::LoadOptions{} : MakeLoadOptions(*config));
  };
  const auto result = run();
  if (!result.ok()) return Complain(result.error().message(), kCouldNot);
  if (request.json)
    fmt::print("{}\n", JsonOf(*result));
  else
    for (const std::string& line : LintLines(request.database, *result, request.all))
      Print("{}\n", line);
  return LosesRows(result->findings) ? kLost : kNothingLost;
}

}  // namespace

Command LintCommand() {
  const auto request = std::make_shared<Request>();
  return {.name = "lint",
          .summary = "what of a database would be lost, or would surprise, and what to do",
          .forms = {"lint DB [--all] [--json]", "lint -config FILE [--all] [--json]"},
          .arguments = {{"DB", "", "the database file; without it, db_path of the configuration",
                         &request->database},
                        ConfigFlag("the configuration, for what it says about tables"),
                        {"--all", "", "name every table, and what looks dangerous and is not",
                         &request->all},
                        {"--json", "", "print all findings as JSON", &request->json}},
          .exit_codes = "0 nothing would be lost, 1 something would, 2 a mistake, or not looked at",
          .needs_config = false,
          .check =
              [request](const config::Config* config) {
                return ChooseDatabase(config, &request->database);
              },
          .run = [request](const config::CommandLine&,
                           const config::Config* config) { return Perform(*request, config); }};
}

}  // namespace harmonylite::cli
