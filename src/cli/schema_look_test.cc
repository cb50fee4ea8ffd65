#include "cli/schema_look.h"

#include <gtest/gtest.h>

#include "capture/schema_capture.h"
#include "cli/json.h"
#include "cli/schema_report.h"
#include "node/replication/replica_test_util.h"

namespace harmonylite::cli {
namespace {

using node::Strings;
using schema::Follow;
using sqlite::Must;

constexpr const char* kNotes = "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT)";

class Node : public node::TestReplica {
 public:
  Node(uint64_t number, Follow follow)
      : TestReplica(number, kNotes, {follow, true}), follows_{follow, true} {}

  void Migrate(std::string_view sql) {
    App(sql);
    Must(replica().SyncSchema());
  }
  SchemaLook Look(const schema::LoadOptions& options = {}) {
    sqlite::Connection db = Must(sqlite::Connection::Open(path(), sqlite::OpenMode::kReadWrite));
    auto snapshot = Must(sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kRead));
    return Must(LookAtSchema(&db, options, follows_));
  }
  // Each object as one text.
  Strings Objects(const schema::LoadOptions& options = {}) {
    Strings out;
    for (const ListedObject& one : Look(options).objects)
      out.push_back(std::string(schema::KindName(one.kind)) + " " + one.name + ": " +
                    Word(one.standing) + (one.why.empty() ? "" : ": " + one.why));
    return out;
  }

 private:
  schema::FollowOptions follows_;
};

TEST(SchemaLook, ATableThatIsMadeAgainIsAnotherOne) {
  Node one(1, Follow::kAll);
  one.Migrate("DROP TABLE notes");
  EXPECT_EQ(one.Objects(), Strings{"table notes: dropped"});
  one.Migrate("CREATE TABLE notes(a PRIMARY KEY)");
  EXPECT_EQ(one.Objects(), (Strings{"table notes: in line", "table notes: dropped"}));
}

TEST(SchemaLook, ANameThatWasHandedOn) {
  Node one(1, Follow::kAll);
  Node off(2, Follow::kOff);
  one.Migrate("CREATE TABLE a(a PRIMARY KEY)");
  one.Migrate("ALTER TABLE notes RENAME TO old");
  one.Migrate("ALTER TABLE a RENAME TO notes");
  off.ApplyFrom(&one);
  EXPECT_EQ(one.Objects(), (Strings{"table notes: in line", "table old: in line"}));
  EXPECT_EQ(off.Objects(),
            (Strings{"table notes: missing: [schema] follow is \"off\"",
                     "table old: differs: its name here is notes; [schema] follow is \"off\""}));
  EXPECT_EQ(one.Look().objects.at(1).former_names, Strings{"notes"});
}

TEST(SchemaLook, WhatOtherNodesHaveMadeOfIt) {
  Node one(1, Follow::kAll);
  Node off(2, Follow::kOff);
  Node all(3, Follow::kAll);
  const auto spread = [&] {
    const auto batch = one.Publish();
    off.Apply(*batch);
    all.Apply(*batch);
  };
  one.Migrate("CREATE INDEX i ON notes(body); PRAGMA user_version = 1");
  off.Migrate("CREATE INDEX i ON notes(body); PRAGMA user_version = 1");
  spread();
  EXPECT_EQ(off.Objects(), one.Objects());
  one.clock().wall_ms += 1'000;
  one.Migrate("DROP INDEX i; CREATE INDEX i ON notes(body DESC); PRAGMA user_version = 2");
  spread();
  const Strings in_line = {"table notes: in line", "index i: in line",
                           "pragma user_version: in line"};
  EXPECT_EQ(one.Objects(), in_line);
  EXPECT_EQ(all.Objects(), in_line);
  EXPECT_EQ(off.Objects(),
            (Strings{"table notes: in line",
                     "index i: differs: its definition is another one; [schema] follow is \"off\"",
                     "pragma user_version: differs: it is 1 here; [schema] follow is \"off\""}));
}

TEST(SchemaLook, OurOwnTablesAreNotShown) {
  Node one(1, Follow::kAll);
  one.App(
      "INSERT INTO __harmonylite__schema VALUES"
      "('table', '__harmonylite__state', '20:__harmonylite__state', '', 'CREATE TABLE x(y)', '', ''),"
      "('index', 'evil', '4:evil', '__harmonylite__state', 'CREATE INDEX evil ON x(y)', '', '')");
  EXPECT_EQ(one.Objects(), Strings{"table notes: in line"});
}

TEST(SchemaLook, ATableThatIsLeftOutIsNotDropped) {
  Node one(1, Follow::kAll);
  one.Migrate("CREATE INDEX i ON notes(body)");
  schema::LoadOptions options;
  options.include = [](const std::string& table) { return table != "notes"; };
  EXPECT_EQ(one.Objects(options), (Strings{"table notes: left out: [tables] leaves the table out",
                                           "index i: left out: [tables] leaves the table out"}));
}

TEST(SchemaLook, TheWriterIsTheSameBeforeAndAfterFolding) {
  Node one(1, Follow::kAll);
  Node two(2, Follow::kAll);
  one.Migrate("CREATE TABLE tags(name PRIMARY KEY)");
  two.ApplyFrom(&one);
  two.clock().wall_ms += 1'000;
  // As the application's change is when the node ends just after it has journaled it.
  {
    sqlite::Connection db =
        Must(sqlite::Connection::Open(two.path(), sqlite::OpenMode::kReadWrite));
    auto transaction = Must(sqlite::Transaction::Begin(&db, sqlite::TransactionKind::kWrite));
    schema::ObjectRow tags =
        Must(ledger::LoadObjects(&db)).at({schema::ObjectKind::kTable, "tags"});
    tags.names.push_back("labels");  // the first of the list
    Must(capture::WriteObject(&db, two.replica().catalog(), tags, two.clock()));
    Must(transaction.Commit());
  }
  const auto writer = [&] { return two.Look().objects.at(0).writer; };
  const ledger::ObjectWriter before = writer();
  ASSERT_EQ(before.origin, two.self());
  EXPECT_GE(HlcMillis(before.stamp), two.clock().wall_ms);
  two.Maintain();
  EXPECT_EQ(writer().origin, before.origin);
  EXPECT_EQ(writer().stamp, before.stamp);
  const SchemaLook of_one = one.Look();
  EXPECT_EQ(of_one.objects.at(1).writer.origin, one.self());
}

TEST(SchemaReport, Json) {
  SchemaLook look;
  look.follows = {Follow::kAdditive, false};
  look.journaled = false;
  ListedObject one;
  one.kind = schema::ObjectKind::kTable;
  one.name = "a";
  one.former_names = {"b"};
  one.sql_here = "CREATE VIRTUAL TABLE a USING fts5(x)";
  one.writer = {HlcFromMillis(1'764'466'671'000), Origin{NodeId(UINT64_MAX), Incarnation(1)}};
  one.standing = Standing::kKept;
  one.why = "another node has dropped it";
  look.objects.push_back(one);
  one.writer.stamp = Hlc(5);  // before its node took part
  one.kind = schema::ObjectKind::kTrigger;
  one.table = "t";
  one.sql = "CREATE TRIGGER";
  look.objects.push_back(one);
  look.set_aside.push_back({"gone", 3, false});
  const std::vector<NodeTables> nodes = {{NodeId(7), 1, Likeness::kOtherDefinitions}};
  EXPECT_EQ(Json::parse(JsonOf(look, &nodes)), Json::parse(R"json({
    "follow": "additive", "code": false, "journaled": false, "objects": [
      {"kind": "virtual table", "name": "a", "former_names": ["b"], "table": null,
       "node": "18446744073709551615", "changed_ms": 1764466671000, "here": "kept",
       "why": "another node has dropped it", "sql": null,
       "sql_here": "CREATE VIRTUAL TABLE a USING fts5(x)"},
      {"kind": "trigger", "name": "a", "former_names": ["b"], "table": "t",
       "node": "18446744073709551615", "changed_ms": null, "here": "kept",
       "why": "another node has dropped it", "sql": "CREATE TRIGGER",
       "sql_here": "CREATE VIRTUAL TABLE a USING fts5(x)"}],
    "set_aside": [{"table": "gone", "rows": 3, "there": false}],
    "nodes": [{"node": "7", "tables": "other definitions"}]})json"));
  EXPECT_EQ(Json::parse(JsonOf(look, nullptr))["nodes"], nullptr);
}

}  // namespace
}  // namespace harmonylite::cli
