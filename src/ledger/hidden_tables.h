// Our tables in the application's file: their names, their making and removal, and the small ones'
// content. Layout: docs/formats/hidden-tables.md.
//
// Threads: every function uses the connection, and the open transaction, of its caller.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "change/version.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

inline constexpr int64_t kHiddenFormat = 1;
inline constexpr const char* kJournal = "__harmonylite__journal";
inline constexpr const char* kTables = "__harmonylite__tables";
inline constexpr const char* kNodes = "__harmonylite__nodes";
inline constexpr const char* kProgress = "__harmonylite__progress";
inline constexpr const char* kState = "__harmonylite__state";

std::string VersionTableName(int64_t table_id);
std::string TriggerName(int64_t table_id, std::string_view kind);

// An index of a version table over its tombstones only, by origin and lseq.
std::string TombstoneIndexSql(int64_t table_id);
std::string TombstoneIndexName(int64_t table_id);

// Small index that stands for an origin inside version tables.
using OriginIndex = StrongId<struct OriginIndexTag, int64_t>;

// The rows of `state`: where this file stands.
struct State {
  Origin self;
  OriginIndex self_index;
  Lseq incarnation_base;   // our own lseqs begin after this
  Lseq folded_to;          // journal entries up to here are in the version tables
  Lseq published_to;       // … were in the log
  Hlc published_stamp;     // of the entry published_to: tells a clone from the real file
  uint64_t cursor = 0;     // next position to read in the log; an optimisation, never the truth
  int64_t log_created = 0; // identity of the log the cursor belongs to
  std::string journal_mode;  // the application's, before us: -cleanup puts it back
  bool joined = true;        // false: its rows from before HarmonyLite are still to be compared with the cluster's
};

enum class Installed { kNo, kYes, kLegacy };

// kLegacy: HarmonyLite 1.x was attached. kInvalidArgument: a format this build does not know.
Result<Installed> Inspect(sqlite::Connection* db);

// Makes the hidden tables of a database that has none. Needs a write transaction.
Status Install(sqlite::Connection* db, const Origin& self, std::string_view journal_mode);

// Makes what files of earlier builds lack: the tables `collected` and `members`, and the indexes. Needs a write
// transaction, when the schema is synced first.
Status AddMembershipTables(sqlite::Connection* db);

// Removes every table and trigger of ours, and of HarmonyLite 1.x. Needs a write transaction.
// Returns the journal mode to go back to; empty when there was nothing.
Result<std::string> RemoveAll(sqlite::Connection* db);

Result<State> LoadState(sqlite::Connection* db);
// Writes the fields in which `state` differs from `saved`, what the file holds. Needs a write transaction.
Status SaveState(sqlite::Connection* db, const State& state, const State& saved);
// Starts a new life of this node: its own changes after `base`, of which others may know other ones, become the new
// incarnation's. `base` is at most published_to. `read_again`: the log may hold changes of the former life
// that this file lacks, so it is read from its start.
Status StartIncarnation(sqlite::Connection* db, State* state, Incarnation incarnation, Lseq base,
                        bool read_again);

// Whose file a snapshot is until a node adopts it. No node has this id.
inline constexpr Origin kNobody{};
// Makes the file that of `self`; it is nobody's. Needs a write transaction.
Status Adopt(sqlite::Connection* db, State* state, const Origin& self);

// Origins by index. Indices never change their meaning within a file.
class OriginTable {
 public:
  static Result<OriginTable> Load(sqlite::Connection* db);
  // The index of an origin; a new one is written. Needs a write transaction.
  Result<OriginIndex> IndexOf(sqlite::Connection* db, const Origin& origin);
  std::optional<OriginIndex> Find(const Origin& origin) const;
  // kCorruption: an index nobody assigned.
  Result<Origin> At(OriginIndex index) const;

 private:
  std::map<int64_t, Origin> origins_;
  std::map<Origin, OriginIndex> indices_;
};

// Of every origin but ourselves.
Result<change::ProgressVector> LoadProgress(sqlite::Connection* db, const OriginTable& origins);
Status SaveProgress(sqlite::Connection* db, OriginIndex origin, Lseq to);

}  // namespace harmonylite::ledger
