// Any two migration scripts, run on two nodes at once in any interleaving, end in one schema.
//
// Unlike the simulator's applications (tests/sim/schema_app.h) these give the same few names to
// different things, again and again. Which values rows then have may be undecidable
// (docs/limits.md), but both nodes must come to the same schema, and hold nothing.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <deque>

#include "node/replication/follow_test_util.h"
#include "schema/definition.h"

namespace harmonylite::property {
namespace {

using node::FollowingNode;
using node::Strings;

std::string OneOf(std::initializer_list<const char*> names) {
  return *rc::gen::elementOf(std::vector<std::string>(names.begin(), names.end()));
}
std::string Table() { return OneOf({"t", "u", "v"}); }
std::string Column() { return OneOf({"a", "b", "c"}); }
std::string Type() {
  return OneOf({"", "TEXT", "INT DEFAULT 1", "TEXT NOT NULL DEFAULT ''", "UNIQUE", "REFERENCES t"});
}

std::string Rebuild(const std::string& table) {
  return fmt::format(
      "CREATE TABLE n(k TEXT PRIMARY KEY, {0} {1}); INSERT INTO n(k) SELECT k FROM {2};"
      "DROP TABLE {2}; ALTER TABLE n RENAME TO {2}",
      Column(), Type(), table);
}

// A statement of a script; SQLite may refuse it.
std::string AnyStep() {
  const std::string table = Table();
  switch (*rc::gen::inRange(0, 14)) {
    case 0:
      return fmt::format("CREATE TABLE {}(k TEXT PRIMARY KEY, {} {})", table, Column(), Type());
    case 1:
      return "DROP TABLE " + table;
    case 2:
      return fmt::format("ALTER TABLE {} RENAME TO {}", table, Table());
    case 3:
    case 4:
      return fmt::format("ALTER TABLE {} ADD COLUMN {} {}", table, Column(), Type());
    case 5:
      return fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", table, Column(), Column());
    case 6:
      return fmt::format("ALTER TABLE {} DROP COLUMN {}", table, Column());
    case 7:
      return fmt::format("CREATE {}INDEX {} ON {}({})", OneOf({"", "UNIQUE "}), OneOf({"i", "j"}),
                         table, Column());
    case 8:
      return "DROP INDEX " + OneOf({"i", "j"});
    case 9:
      return fmt::format("CREATE VIEW w AS SELECT {} FROM {}", Column(), table);
    case 10:
      return Rebuild(table);
    case 11:
      return fmt::format("PRAGMA user_version = {}", *rc::gen::inRange(0, 5));
    case 12:
      return fmt::format("DELETE FROM {} WHERE k = '{}'", table, OneOf({"1", "2"}));
    default:
      return fmt::format("INSERT OR REPLACE INTO {}(k, {}) VALUES('{}', {})", table, Column(),
                         OneOf({"1", "2", "3"}), *rc::gen::inRange(0, 3));
  }
}

class Pair {
 public:
  // One of the two moves: its application takes a step, its sidecar looks, or its next batch
  // arrives at the other.
  void Move() {
    const size_t at = *rc::gen::inRange<size_t>(0, 2);
    const int what = *rc::gen::inRange(0, 4);
    if (what == 0) Look(at);
    if (what == 1) Deliver(at);
    if (what < 2) return;
    const std::string sql = AnyStep();
    const Status ran = sqlite::ExecAll(&apps_[at], sql);
    RC_LOG() << at + 1 << ": " << sql << (ran.ok() ? "" : "  -- " + ran.error().message())
             << std::endl;
    if (apps_[at].in_transaction()) sqlite::Execute(&apps_[at], "ROLLBACK");
  }

  void End() {
    for (int round = 0; round < 8; ++round)
      for (const size_t at : {0, 1}) {
        Look(at);
        while (!sent_[at].empty()) Deliver(at);
      }
    RC_ASSERT(Look(0) == 0U);
    RC_ASSERT(Look(1) == 0U);
    const Strings first = Schema(0);
    for (const std::string& text : first) RC_LOG() << text << std::endl;
    RC_ASSERT(Schema(1) == first);
  }

 private:
  // Returns how many batches there are to send.
  size_t Look(size_t at) {
    sqlite::Must(nodes_[at].replica().SyncSchema());
    while (auto batch = nodes_[at].Publish()) sent_[at].push_back(std::move(*batch));
    return sent_[at].size();
  }

  void Deliver(size_t from) {
    if (sent_[from].empty()) return;
    RC_LOG() << "-- from " << from + 1 << std::endl;
    sqlite::Must(nodes_[1 - from].replica().SyncSchema());
    const node::Judgement judgement = nodes_[1 - from].Apply(sent_[from].front());
    RC_ASSERT(judgement.verdict == node::Verdict::kReady);
    sent_[from].pop_front();
  }

  // The columns of tables, and the texts of everything else.
  Strings Schema(size_t at) {
    Strings out = nodes_[at].Query(
        "SELECT s.name, group_concat(c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || "
        "coalesce(c.dflt_value, '') || ' ' || c.pk, ', ') FROM sqlite_schema s JOIN "
        "pragma_table_xinfo(s.name) c WHERE s.type = 'table' AND s.name NOT LIKE "
        "'\\_\\_harmony%' ESCAPE '\\' GROUP BY 1 ORDER BY 1");
    // A view stays where its application has dropped the table, and is made nowhere else.
    const bool works = apps_[at].Prepare("SELECT * FROM w").ok();
    for (const std::string& text : nodes_[at].Query(
             "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema WHERE type "
             "<> 'table' AND name NOT LIKE '\\_\\_harmony%' ESCAPE '\\' AND sql IS NOT NULL ORDER "
             "BY name"))
      if (works || !text.starts_with("'view"))
        out.push_back(schema::InOneSpelling(text.substr(1, text.size() - 2)));
    out.push_back(nodes_[at].Query("PRAGMA user_version").front());
    return out;
  }

  static constexpr const char* kBase = "CREATE TABLE t(k TEXT PRIMARY KEY, a, b)";
  FollowingNode nodes_[2] = {FollowingNode(1, schema::Follow::kAll, kBase),
                             FollowingNode(2, schema::Follow::kAll, kBase)};
  sqlite::Connection apps_[2] = {
      sqlite::Must(sqlite::Connection::Open(nodes_[0].path(), sqlite::OpenMode::kReadWrite)),
      sqlite::Must(sqlite::Connection::Open(nodes_[1].path(), sqlite::OpenMode::kReadWrite))};
  std::deque<capture::BuiltBatch> sent_[2];
};

RC_GTEST_PROP(MigrationProperty, TwoScriptsEndInOneSchema, ()) {
  Pair pair;
  for (int moves = *rc::gen::inRange(4, 40); moves > 0; --moves) pair.Move();
  pair.End();
}

}  // namespace
}  // namespace harmonylite::property
