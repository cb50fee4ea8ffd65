#include "cli/lint_findings.h"

#include <algorithm>
#include <cstddef>

namespace harmonylite::cli {

namespace {

constexpr Severity kLoss = Severity::kLoss;
constexpr Severity kSurprise = Severity::kSurprise;
constexpr Severity kAdvice = Severity::kAdvice;
constexpr Severity kFine = Severity::kFine;

// In the order of the enum.
constexpr FindingText kTexts[] = {
    {FindingKind::kVersion1, "version-1", kLoss, "Tables and triggers of HarmonyLite 1.x",
     "a node does not start on this file",
     "stop that version and run harmonylite -config FILE -cleanup once"},
    {FindingKind::kStoredText, "stored-text", kLoss, "Stored texts that SQLite did not write",
     "snapshots with them are refused",
     "look at them in sqlite_schema, drop the objects and create them again"},
    {FindingKind::kNoKey, "no-key", kLoss, "Tables without a key, but with UNIQUE indexes",
     "their rows stay on their node",
     "add a PRIMARY KEY; or, where one node alone inserts, list the table in [tables] without_key"},
    {FindingKind::kNotReplicated, "not-replicated", kLoss,
     "Tables that only the application understands", "their rows stay on their node",
     "use SQLite's own functions and collations in keys, indexes and generated columns"},
    {FindingKind::kNullKey, "null-in-key", kLoss, "Rows with NULL in their key",
     "they stay on their node", "give them keys, and declare the columns NOT NULL"},
    {FindingKind::kCollidingIds, "colliding-ids", kLoss, "Integer keys without AUTOINCREMENT",
     "two nodes give one id to two rows, and one is gone",
     "run 'harmonylite ids -config FILE --all' on every node; no row changes"},
    {FindingKind::kUnfedContent, "unfed-content", kLoss, "FTS and R-tree tables with own content",
     "what the application writes there stays on its node",
     "fill them with triggers on a replicated table; or exclude them, and fill them on every node"},

    {FindingKind::kMigrations, "migrations", kSurprise, "Ledgers of migrations",
     "where their rows come first, the migration is never run",
     "stop the sidecars, run each migration on every node, start the sidecars"},
    {FindingKind::kJobs, "jobs", kSurprise, "Job queues",
     "every node has every job, and workers on two nodes both do it",
     "run workers on one node; or exclude the tables, so that each node does its own jobs"},
    {FindingKind::kByRowid, "by-rowid", kSurprise, "Tables replicated by rowid",
     "two nodes give one number to two rows, and VACUUM changes them",
     "let one node alone insert, and nobody run VACUUM; or add a PRIMARY KEY"},
    {FindingKind::kTriggerOff, "trigger-off", kSurprise,
     "Triggers that do not run for rows of other nodes", "what they write locally is missing there",
     "split each in two, so that the part that writes to what is not replicated can run"},
    {FindingKind::kTriggerUnknown, "trigger-unknown", kSurprise,
     "Tables whose triggers cannot be compiled here", "they do not run for rows of other nodes",
     "use SQLite's own functions in them"},
    {FindingKind::kUnfedIndex, "unfed-index", kSurprise, "Virtual tables that no trigger fills",
     "searches there do not find rows of other nodes",
     "fill them with triggers, which run for rows of other nodes, too"},
    {FindingKind::kUnique, "unique", kSurprise, "UNIQUE indexes beside the key",
     "of two rows that take one value, all nodes show the newer",
     "nothing: the older row is kept, and comes back when the value is free"},
    {FindingKind::kForeignKey, "foreign-key", kSurprise, "Foreign keys",
     "a parent deleted on one node while another adds a child leaves an orphan",
     "nothing: 'harmonylite conflicts' lists orphans, and [conflicts] foreign_keys can hide them"},
    {FindingKind::kNullableKey, "nullable-key", kSurprise, "Key columns that may be NULL",
     "a row with NULL there would stay on its node", "declare them NOT NULL"},

    {FindingKind::kSessions, "sessions", kAdvice, "Sessions",
     "a login holds on every node, and every renewed session travels",
     "nothing; or exclude them, where users stay on one node"},
    {FindingKind::kCache, "cache", kAdvice, "Caches", "what one node computes is written on all",
     "exclude them ([tables] exclude), so that each node has its own"},
    {FindingKind::kFileState, "file-state", kAdvice, "Tables of tools about this one file",
     "other nodes' rows mean nothing here", "exclude them ([tables] exclude)"},
    {FindingKind::kIdentity, "identity", kAdvice, "Tables without a key",
     "equal rows of two nodes are two rows, and rowids differ",
     "add a PRIMARY KEY, where equal rows mean the same"},
    {FindingKind::kUserVersion, "user-version", kAdvice, "PRAGMA user_version",
     "it does not travel", "nothing, if the application changes the schema of each file by itself"},
    {FindingKind::kCountedIds, "counted-ids", kAdvice, "AUTOINCREMENT keys",
     "each node gives out ids of its own, which jump",
     "nothing; see [ids] block if one transaction inserts more than 2,000 rows on several nodes"},
    {FindingKind::kUnindexedChild, "unindexed-child", kAdvice, "Foreign keys without an index",
     "each parent deleted means a look through all children",
     "CREATE INDEX over the referring columns"},
    {FindingKind::kNotToKey, "not-to-key", kAdvice, "Foreign keys to other columns than the key",
     "hiding orphans looks through all children",
     "refer to the key, with the same type and collation"},
    {FindingKind::kUnjudged, "unjudged", kAdvice, "Foreign keys to what is not replicated",
     "their orphans are neither counted nor hidden", ""},
    {FindingKind::kEncoding, "encoding", kAdvice, "The text is not UTF-8",
     "it travels as UTF-8, and what is not well-formed changes", ""},
    {FindingKind::kJournalMode, "journal-mode", kAdvice, "The file is not in WAL mode",
     "the first start changes that, and -cleanup changes it back", ""},
    {FindingKind::kCost, "cost", kAdvice, "Versions of all rows, once written",
     "a write costs about 1.6 times as much", ""},

    {FindingKind::kStaysLocal, "stays-local", kFine,
     "Tables that stay on their node as they should", "each has its own ledger, queue or cache",
     ""},
    {FindingKind::kFedTable, "fed-table", kFine, "Virtual tables that triggers fill",
     "the triggers run for rows of other nodes, too", ""},
    {FindingKind::kTriggerRuns, "trigger-runs", kFine,
     "Triggers that write only to what is not replicated", "they run everywhere", ""},
    {FindingKind::kTriggerRests, "trigger-rests", kFine, "Triggers that write to replicated tables",
     "they run on one node, and what they write arrives", ""},
    {FindingKind::kDefault, "default", kFine, "Defaults that differ from moment to moment",
     "values travel, so all nodes have the same one", ""},
};

}  // namespace

const FindingText& TextOf(FindingKind kind) { return kTexts[static_cast<size_t>(kind)]; }

std::vector<FindingKind> FindingKinds() {
  std::vector<FindingKind> out;
  for (const FindingText& text : kTexts) out.push_back(text.kind);
  return out;
}

bool LosesRows(const Findings& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const auto& finding) {
    return TextOf(finding.first).severity == Severity::kLoss;
  });
}

}  // namespace harmonylite::cli
