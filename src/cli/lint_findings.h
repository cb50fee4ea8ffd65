// What `harmonylite lint` can say about a database: each kind of finding with its weight and its
// words. lint_look.h finds them, lint_report.h shows them.
//
// Threads: plain values and pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace harmonylite::cli {

enum class Severity {
  // Rows do not reach the other nodes, or leave the tables, although each node does just what it
  // would do alone; or no node can work with the file. Exit status 1.
  kLoss,
  kSurprise,  // works, but not as the application would have it alone
  kAdvice,    // good to know
  kFine,      // looks dangerous, but is not
};

// In the order in which they are shown: by severity, and what matters most first.
enum class FindingKind {
  kVersion1,
  kStoredText,
  kNoKey,
  kNotReplicated,
  kNullKey,
  kCollidingIds,
  kUnfedContent,

  kMigrations,
  kJobs,
  kByRowid,
  kTriggerOff,
  kTriggerUnknown,
  kUnfedIndex,
  kUnique,
  kForeignKey,
  kNullableKey,

  kSessions,
  kCache,
  kFileState,
  kIdentity,
  kUserVersion,
  kCountedIds,
  kUnindexedChild,
  kNotToKey,
  kUnjudged,
  kEncoding,
  kJournalMode,
  kCost,

  kStaysLocal,
  kFedTable,
  kTriggerRuns,
  kTriggerRests,
  kDefault,
};

// The words of a kind of finding, for people: "TITLE (3): EFFECT", the subjects, and the remedy.
struct FindingText {
  FindingKind kind;
  const char* id;  // its name in JSON; never changes
  Severity severity;
  const char* title;
  const char* effect;
  const char* remedy;  // empty if there is nothing to do
};

const FindingText& TextOf(FindingKind kind);
// All kinds, in their order.
std::vector<FindingKind> FindingKinds();

// One place where something was found.
struct Subject {
  std::string table;   // empty if it concerns the whole file
  std::string text;    // what is shown for it: the table's name, or more; empty for the whole file
  std::string detail;  // what follows `text` where there is room for everything
};

using Findings = std::map<FindingKind, std::vector<Subject>>;

struct LintResult {
  int64_t tables = 0;  // that are replicated
  int64_t rows = 0;    // in these
  Findings findings;
};

// True if a finding says that something would be lost.
bool LosesRows(const Findings& findings);

}  // namespace harmonylite::cli
