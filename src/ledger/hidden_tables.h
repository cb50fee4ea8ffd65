// The hidden tables in the application's file: their names, making and removing them, and the
// content of the small ones (`state`, `nodes`, `progress`).
//
// Layout: docs/formats/hidden-tables.md.
// Threads: every function uses its caller's connection, in the transaction that the caller has
// open.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "change/version.h"
#include "ledger/id_slots.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

inline constexpr int64_t kHiddenFormat = 1;
inline constexpr const char* kJournal = "__harmonylite__journal";
inline constexpr const char* kProgress = "__harmonylite__progress";
inline constexpr const char* kState = "__harmonylite__state";

std::string VersionTableName(int64_t table_id);
std::string TriggerName(int64_t table_id, std::string_view kind);

// The index of a version table's tombstones by origin and lseq.
std::string TombstoneIndexSql(int64_t table_id);
std::string TombstoneIndexName(int64_t table_id);

// The small number that stands for an origin in the hidden tables, in columns called `n`.
using OriginIndex = StrongId<struct OriginIndexTag, int64_t>;

// The content of `state`: where this file stands.
struct State {
  Origin self;
  OriginIndex self_index;
  Lseq incarnation_base;  // this incarnation's own lseqs begin after this one
  Lseq folded_to;         // journal entries up to this one are in the version tables
  Lseq published_to;      // journal entries up to this one were stored in the log
  Hlc published_stamp;    // stamp of the entry published_to; exposes a copy of the file
  uint64_t cursor = 0;    // next position to read in the log; a wrong one costs time, nothing else
  int64_t log_created = 0;   // identity of the log that the cursor belongs to
  std::string journal_mode;  // the application's journal mode; -cleanup restores it
  // False until the file takes part: until then nothing is sent, and nothing is applied either
  // unless it catches up.
  bool joined = true;
  // True: the file does not take part yet, but applies what the cluster has. What its application
  // writes meanwhile counts as older than that.
  bool catching_up = false;
  // False until the file's rows from before HarmonyLite are compared with the cluster's. A file
  // that had none may take part before.
  bool compared = true;
  // The ids that this node gives out; none until it has a slot. It is `self`'s: another origin
  // begins without one.
  std::optional<IdShare> ids;
};

enum class Installed { kNo, kYes, kLegacy };

// Tells whether HarmonyLite is attached to a database. kLegacy: tables of HarmonyLite 1.x are
// there. kInvalidArgument: the hidden tables have a format that this build does not know.
Result<Installed> Inspect(sqlite::Connection* db);

// Makes the hidden tables in a database that has none. `journal_mode` is the application's. Needs a
// write transaction.
Status Install(sqlite::Connection* db, const Origin& self, std::string_view journal_mode);

// Notes whether the first attach has begun and is not at its end, which takes several transactions
// where there are many tables. Needs a write transaction.
Status SetAttaching(sqlite::Connection* db, bool attaching);
Result<bool> IsAttaching(sqlite::Connection* db);

// Makes what files of earlier builds lack: the tables `collected`, `members` and `retired`, and the
// indexes of tombstones. Called with the first schema sync after a start. Needs a write
// transaction.
Status AddMembershipTables(sqlite::Connection* db);

// Returns whether a hidden table exists; a file of an earlier build may lack some. `name` is one of
// this program's own. The cost does not grow with the number of tables.
Result<bool> HasHiddenTable(sqlite::Connection* db, std::string_view name);

// Removes every hidden table and trigger, those of HarmonyLite 1.x included. Returns the journal
// mode to go back to; empty if this version was not attached. Needs a write transaction.
Result<std::string> RemoveAll(sqlite::Connection* db);

Result<State> LoadState(sqlite::Connection* db);
// Writes the fields in which `state` differs from `saved`, which is what the file holds. Needs a
// write transaction.
Status SaveState(sqlite::Connection* db, const State& state, const State& saved);
// Starts a new incarnation of this node. Other nodes may know other changes than this file does
// under the former incarnation's numbers after `base`, so this file's changes after `base` become
// the new incarnation's. `base` is at most published_to. With `read_again` the log is read from its
// start, because it may hold changes of the former incarnation that this file lacks. Needs a write
// transaction.
Status StartIncarnation(sqlite::Connection* db, State* state, Incarnation incarnation, Lseq base,
                        bool read_again);

// The origin in a snapshot's file until a node adopts it. No node has this id.
inline constexpr Origin kNobody{};
// Makes a file of kNobody that of `self`. Needs a write transaction.
Status Adopt(sqlite::Connection* db, State* state, const Origin& self);

// The origins of the hidden table `nodes` by their index, and the other way round. An index never
// changes its meaning within a file.
class OriginTable {
 public:
  static Result<OriginTable> Load(sqlite::Connection* db);
  // Returns the index of an origin. An origin without one is given one, which needs a write
  // transaction.
  Result<OriginIndex> IndexOf(sqlite::Connection* db, const Origin& origin);
  std::optional<OriginIndex> Find(const Origin& origin) const;
  // Returns the origin with this index. kCorruption: no origin has it.
  Result<Origin> At(OriginIndex index) const;

 private:
  std::map<int64_t, Origin> origins_;
  std::map<Origin, OriginIndex> indices_;
};

// Loads the progress vector: for every origin except this file's own, the lseq up to which
// everything is applied here.
Result<change::ProgressVector> LoadProgress(sqlite::Connection* db, const OriginTable& origins);
// Moves an origin's progress forward to `to`; it never goes back. What is applied up to `to` is
// committed in the same transaction, or was before (P3).
Status SaveProgress(sqlite::Connection* db, OriginIndex origin, Lseq to);

}  // namespace harmonylite::ledger
