#include "ledger/hidden_tables.h"

#include <fmt/format.h>

#include "base/mutant.h"
#include "ledger/contradiction.h"
#include "schema/schema.h"
#include "sqlite/identifier.h"
#include "sqlite/script.h"
#include "sqlite/unreadable.h"

namespace harmonylite::ledger {

namespace {

using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

constexpr int64_t kFirstIndex = 0;

// A node id is an unsigned 64-bit number; SQLite's signed integer holds the same bits.
int64_t Stored(NodeId id) { return static_cast<int64_t>(id.value); }
NodeId LoadedNode(int64_t stored) { return NodeId(static_cast<uint64_t>(stored)); }

constexpr const char* kAttaching = "attaching";  // key in the hidden table `state`

Status Put(Connection* db, std::string_view key, int64_t value) {
  HL_ASSIGN(auto put,
            db->PrepareCached("INSERT INTO __harmonylite__state(key, value) VALUES(?1, ?2) "
                              "ON CONFLICT(key) DO UPDATE SET value = excluded.value "
                              "WHERE value IS NOT excluded.value"));
  put->Bind(1, key);
  put->Bind(2, value);
  return put->Run();
}

// A share of no slots stands for none.
Status PutShare(Connection* db, const std::optional<IdShare>& share) {
  const IdShare stored = share.value_or(IdShare{{0, 0}, 0, false});
  HL_TRY(Put(db, "id_block", stored.layout.block));
  HL_TRY(Put(db, "id_slots", stored.layout.slots));
  HL_TRY(Put(db, "id_slot", stored.slot));
  return Put(db, "id_claimed", stored.claimed);
}

Result<std::vector<std::string>> Names(Connection* db, std::string_view sql) {
  HL_ASSIGN(Statement list, db->Prepare(sql));
  std::vector<std::string> out;
  HL_TRY(list.ForEachRow([&](const Statement& row) { out.emplace_back(row.Text(0)); }));
  return out;
}

// Returns the names of all hidden objects of a type, "table" or "trigger". HarmonyLite 1.x used the
// same prefix, so its objects are among them.
Result<std::vector<std::string>> HiddenObjects(Connection* db, const char* type) {
  return Names(db, fmt::format("SELECT name FROM sqlite_schema WHERE type = '{}' AND "
                               "substr(lower(name), 1, {}) = '{}'",
                               type, schema::kHiddenPrefix.size(), schema::kHiddenPrefix));
}

// Returns the numbers of the registered tables that have versions: all but the retired ones.
Result<std::vector<int64_t>> VersionedTables(Connection* db) {
  HL_ASSIGN(Statement list, db->Prepare("SELECT id FROM __harmonylite__tables WHERE key <> ''"));
  std::vector<int64_t> out;
  HL_TRY(list.ForEachRow([&](const Statement& row) { out.push_back(row.Int(0)); }));
  return out;
}

}  // namespace

std::string VersionTableName(int64_t table_id) {
  return fmt::format("__harmonylite__v{}", table_id);
}

std::string TriggerName(int64_t table_id, std::string_view kind) {
  return fmt::format("__harmonylite__{}_{}", table_id, kind);
}

std::string TombstoneIndexName(int64_t table_id) { return VersionTableName(table_id) + "_gone"; }

std::string TombstoneIndexSql(int64_t table_id) {
  return fmt::format("CREATE INDEX IF NOT EXISTS {} ON {}(n, lseq) WHERE gone = 1",
                     Quote(TombstoneIndexName(table_id)), Quote(VersionTableName(table_id)));
}

Result<Installed> Inspect(Connection* db) {
  HL_ASSIGN(const std::vector<std::string> tables, HiddenObjects(db, "table"));
  bool state = false;
  for (const std::string& name : tables) state = state || name == kState;
  if (!state) return tables.empty() ? Installed::kNo : Installed::kLegacy;
  HL_ASSIGN(const int64_t format,
            db->QueryInt("SELECT value FROM __harmonylite__state WHERE key = 'format'"));
  if (format != kHiddenFormat)
    return MakeError(ErrorCode::kInvalidArgument,
                     "its hidden tables have format {}, this build knows {}: use the version of "
                     "HarmonyLite that made them, or remove them with it (-cleanup)",
                     format, kHiddenFormat);
  return Installed::kYes;
}

Status Install(Connection* db, const Origin& self, std::string_view journal_mode) {
  HL_TRY(sqlite::RunScript(
      db,
      "CREATE TABLE __harmonylite__journal(id INTEGER PRIMARY KEY, tbl, op, hlc, k1);"
      "CREATE TABLE __harmonylite__tables(id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
      "  key TEXT NOT NULL, shapes TEXT NOT NULL, had_rows INTEGER NOT NULL);"
      "CREATE TABLE __harmonylite__nodes(n INTEGER PRIMARY KEY, node INTEGER NOT NULL,"
      "  incarnation INTEGER NOT NULL, UNIQUE(node, incarnation));"
      "CREATE TABLE __harmonylite__progress(n INTEGER PRIMARY KEY, lseq INTEGER NOT NULL);"
      "CREATE TABLE __harmonylite__conflicts(id INTEGER PRIMARY KEY, tbl INTEGER NOT NULL,"
      "  kind TEXT NOT NULL, at_ms INTEGER NOT NULL, key BLOB NOT NULL,"
      "  loser_hlc INTEGER NOT NULL, loser_n INTEGER NOT NULL, loser BLOB,"
      "  winner_hlc INTEGER NOT NULL, winner_n INTEGER NOT NULL, winner BLOB);"
      "CREATE TABLE __harmonylite__state(key TEXT PRIMARY KEY NOT NULL, value) WITHOUT ROWID;"
      // The newest entry is the clock. A tick with stamp 0 makes sure that the triggers find one.
      "INSERT INTO __harmonylite__journal(id, tbl, op, hlc) VALUES(1, 0, 0, 0);"));
  HL_ASSIGN(Statement node, db->Prepare("INSERT INTO __harmonylite__nodes VALUES(?1, ?2, ?3)"));
  node.Bind(1, kFirstIndex);
  node.Bind(2, Stored(self.node));
  node.Bind(3, int64_t{self.incarnation.value});
  HL_TRY(node.Run());
  HL_ASSIGN(Statement mode,
            db->Prepare("INSERT INTO __harmonylite__state VALUES('journal_mode', ?1)"));
  mode.Bind(1, journal_mode);
  HL_TRY(mode.Run());
  HL_TRY(Put(db, "format", kHiddenFormat));
  HL_TRY(Put(db, "self", kFirstIndex));
  HL_TRY(Put(db, "folded_to", 1));
  HL_TRY(Put(db, "published_to", 0));
  return AddMembershipTables(db);
}

Status SetAttaching(Connection* db, bool attaching) {
  if (attaching) return Put(db, kAttaching, 1);
  return db->Exec(fmt::format("DELETE FROM __harmonylite__state WHERE key = '{}'", kAttaching));
}

Result<bool> IsAttaching(Connection* db) {
  HL_ASSIGN(const int64_t rows,
            db->QueryInt(fmt::format("SELECT count(*) FROM __harmonylite__state WHERE key = '{}'",
                                     kAttaching)));
  return rows != 0;
}

Status AddMembershipTables(Connection* db) {
  HL_TRY(sqlite::RunScript(
      db,
      "CREATE TABLE IF NOT EXISTS __harmonylite__collected(n INTEGER PRIMARY KEY,"
      "  lseq INTEGER NOT NULL, hlc INTEGER NOT NULL);"
      "CREATE TABLE IF NOT EXISTS __harmonylite__members(node INTEGER PRIMARY KEY,"
      "  heard_ms INTEGER NOT NULL, evicted INTEGER NOT NULL);"
      "CREATE TABLE IF NOT EXISTS __harmonylite__retired(n INTEGER NOT NULL,"
      "  last INTEGER NOT NULL, by_n INTEGER NOT NULL, at INTEGER NOT NULL,"
      "  PRIMARY KEY(n, last, by_n, at)) WITHOUT ROWID;"));
  HL_ASSIGN(const std::vector<int64_t> tables, VersionedTables(db));
  for (const int64_t id : tables) HL_TRY(db->Exec(TombstoneIndexSql(id)));
  return Ok();
}

Result<bool> HasHiddenTable(Connection* db, std::string_view name) {
  HL_ASSIGN(auto find, db->PrepareCached("SELECT 1 FROM pragma_table_info(?1) LIMIT 1"));
  find->Bind(1, name);
  return find->Step();
}

Result<std::string> RemoveAll(Connection* db) {
  std::string journal_mode;
  HL_ASSIGN(const Installed installed, Inspect(db));
  if (installed == Installed::kYes) {
    HL_ASSIGN(journal_mode,
              db->QueryText("SELECT value FROM __harmonylite__state WHERE key = 'journal_mode'"));
  }
  HL_ASSIGN(const auto triggers, HiddenObjects(db, "trigger"));
  for (const std::string& name : triggers) HL_TRY(sqlite::DropTrigger(db, name));
  HL_ASSIGN(const auto tables, HiddenObjects(db, "table"));
  for (const std::string& name : tables) HL_TRY(db->Exec("DROP TABLE " + Quote(name)));
  return journal_mode;
}

Result<State> LoadState(Connection* db) {
  HL_ASSIGN(auto all, db->PrepareCached("SELECT key, value FROM __harmonylite__state"));
  std::map<std::string, int64_t> numbers;
  State state;
  HL_TRY(all->ForEachRow([&](const Statement& row) {
    if (row.Text(0) == "journal_mode")
      state.journal_mode = row.Text(1);
    else
      numbers[std::string(row.Text(0))] = row.Int(1);
  }));
  state.self_index = OriginIndex(numbers["self"]);
  state.incarnation_base = Lseq(numbers["incarnation_base"]);
  state.folded_to = Lseq(numbers["folded_to"]);
  state.published_to = Lseq(numbers["published_to"]);
  state.published_stamp = Hlc(numbers["published_stamp"]);
  state.cursor = static_cast<uint64_t>(numbers["cursor"]);
  state.log_created = numbers["log_created"];
  state.joined = !numbers.contains("joined") || numbers["joined"] != 0;
  state.catching_up = numbers["catching_up"] != 0;
  if (numbers["id_slots"] > 0)
    state.ids = IdShare{
        {numbers["id_block"], numbers["id_slots"]}, numbers["id_slot"], numbers["id_claimed"] != 0};
  state.compared = !numbers.contains("compared") || numbers["compared"] != 0;
  if (state.ids && !IsShare(*state.ids)) return Contradiction("its share of ids is no share");
  if (state.folded_to < Lseq(0) || state.published_to < Lseq(0) || state.incarnation_base < Lseq(0))
    return Contradiction("a count of changes is negative");
  HL_ASSIGN(const OriginTable origins, OriginTable::Load(db));
  HL_ASSIGN(state.self, origins.At(state.self_index));
  return state;
}

Status SaveState(Connection* db, const State& state, const State& saved) {
  const auto put = [&](std::string_view key, int64_t value, int64_t before) -> Status {
    return value == before ? Ok() : Put(db, key, value);
  };
  HL_TRY(put("self", state.self_index.value, saved.self_index.value));
  HL_TRY(put("incarnation_base", state.incarnation_base.value, saved.incarnation_base.value));
  HL_TRY(put("folded_to", state.folded_to.value, saved.folded_to.value));
  HL_TRY(put("published_to", state.published_to.value, saved.published_to.value));
  HL_TRY(put("published_stamp", state.published_stamp.value, saved.published_stamp.value));
  HL_TRY(put("cursor", static_cast<int64_t>(state.cursor), static_cast<int64_t>(saved.cursor)));
  HL_TRY(put("joined", state.joined, saved.joined));
  HL_TRY(put("catching_up", state.catching_up, saved.catching_up));
  HL_TRY(put("compared", state.compared, saved.compared));
  if (state.ids != saved.ids) HL_TRY(PutShare(db, state.ids));
  return put("log_created", state.log_created, saved.log_created);
}

Status StartIncarnation(Connection* db, State* state, Incarnation incarnation, Lseq base,
                        bool read_again) {
  if (base > state->published_to)
    return Contradiction("less is published than the new incarnation begins with");
  HL_ASSIGN(OriginTable origins, OriginTable::Load(db));
  const OriginIndex former = state->self_index;
  // If nothing of the former incarnation is known to have been sent, no other node knows of it, and
  // it gets no entry in `progress`.
  const bool former_has_sent = base > state->incarnation_base;
  const State saved = *state;
  const Origin self{state->self.node, incarnation};
  HL_ASSIGN(state->self_index, origins.IndexOf(db, self));
  state->self = self;
  state->incarnation_base = base;
  // Another file may go on as the former incarnation and give out the ids of its share.
  if (!HL_MUTANT(id_share_inherited)) state->ids.reset();
  if (former_has_sent) HL_TRY(SaveProgress(db, former, base));
  HL_ASSIGN(const std::vector<int64_t> tables, VersionedTables(db));
  for (const int64_t id : tables) {
    if (HL_MUTANT(unpublished_left_behind)) break;
    HL_ASSIGN(Statement move,
              db->Prepare(fmt::format(
                  "UPDATE __harmonylite__v{} SET n = ?1 WHERE n = ?2 AND lseq > ?3", id)));
    move.Bind(1, state->self_index.value);
    move.Bind(2, former.value);
    move.Bind(3, base.value);
    HL_TRY(move.Run());
  }
  if (read_again) state->cursor = 0;
  return SaveState(db, *state, saved);
}

Status Adopt(Connection* db, State* state, const Origin& self) {
  HL_CHECK(state->self == kNobody && self != kNobody);
  HL_ASSIGN(Statement adopt,
            db->Prepare("UPDATE __harmonylite__nodes SET node = ?1, incarnation = ?2 "
                        "WHERE n = ?3"));
  adopt.Bind(1, Stored(self.node));
  adopt.Bind(2, int64_t{self.incarnation.value});
  adopt.Bind(3, state->self_index.value);
  HL_TRY(adopt.Run());
  const State saved = *state;
  state->self = self;
  state->ids.reset();  // it was that of the node that made the snapshot
  return SaveState(db, *state, saved);
}

Result<OriginTable> OriginTable::Load(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT n, node, incarnation FROM __harmonylite__nodes"));
  OriginTable out;
  HL_TRY(list->ForEachRow([&](const Statement& row) {
    const Origin origin{LoadedNode(row.Int(1)), Incarnation(static_cast<uint32_t>(row.Int(2)))};
    out.origins_[row.Int(0)] = origin;
    out.indices_[origin] = OriginIndex(row.Int(0));
  }));
  return out;
}

Result<OriginIndex> OriginTable::IndexOf(Connection* db, const Origin& origin) {
  if (const auto known = Find(origin)) return *known;
  const OriginIndex index(origins_.empty() ? 0 : origins_.rbegin()->first + 1);
  HL_ASSIGN(Statement add, db->Prepare("INSERT INTO __harmonylite__nodes VALUES(?1, ?2, ?3)"));
  add.Bind(1, index.value);
  add.Bind(2, Stored(origin.node));
  add.Bind(3, int64_t{origin.incarnation.value});
  HL_TRY(add.Run());
  origins_[index.value] = origin;
  indices_[origin] = index;
  return index;
}

std::optional<OriginIndex> OriginTable::Find(const Origin& origin) const {
  const auto it = indices_.find(origin);
  if (it == indices_.end()) return std::nullopt;
  return it->second;
}

Result<Origin> OriginTable::At(OriginIndex index) const {
  const auto it = origins_.find(index.value);
  if (it == origins_.end())
    return MakeError(ErrorCode::kCorruption, "__harmonylite__nodes has no row {}", index.value);
  return it->second;
}

Result<change::ProgressVector> LoadProgress(Connection* db, const OriginTable& origins) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT n, lseq FROM __harmonylite__progress"));
  change::ProgressVector out;
  while (true) {
    HL_ASSIGN(const bool row, list->Step());
    if (!row) return out;
    HL_ASSIGN(const Origin origin, origins.At(OriginIndex(list->Int(0))));
    // An origin that is not in a vector is at 0. Zeros are left out, so that vectors which mean the
    // same are equal.
    if (list->Int(1) > 0) out.Advance(origin, Lseq(list->Int(1)));
  }
}

Status SaveProgress(Connection* db, OriginIndex origin, Lseq to) {
  HL_ASSIGN(auto put, db->PrepareCached("INSERT INTO __harmonylite__progress VALUES(?1, ?2) "
                                        "ON CONFLICT(n) DO UPDATE SET lseq = excluded.lseq "
                                        "WHERE excluded.lseq > lseq"));
  put->Bind(1, origin.value);
  put->Bind(2, to.value);
  return put->Run();
}

}  // namespace harmonylite::ledger
