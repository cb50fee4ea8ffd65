#include "node/replication/first_attach.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "capture/capture_test_util.h"
#include "node/replication/replica.h"
#include "sqlite/sqlite_test_util.h"
#include "support/temp_dir.h"

namespace harmonylite::node {
namespace {

using sqlite::Must;
using Strings = std::vector<std::string>;

constexpr const char* kShop =
    "CREATE TABLE parent(id INTEGER PRIMARY KEY, a);"
    "CREATE TABLE child(id INTEGER PRIMARY KEY, p REFERENCES parent(id));"
    "CREATE TABLE uniq(k TEXT COLLATE NOCASE PRIMARY KEY, v UNIQUE);"
    "CREATE TABLE pair(x, y, z, PRIMARY KEY(x, y)) WITHOUT ROWID;"
    "CREATE TABLE nokey(a, b);"
    "INSERT INTO parent VALUES(1, 'one'); INSERT INTO nokey VALUES(1, 2), (1, 2);";

// Does something after each write transaction of a connection.
class AfterEach final : public sqlite::WriteLockListener {
 public:
  explicit AfterEach(std::function<void(int)> act) : act_(std::move(act)) {}
  Status BeforeLock(sqlite::TransactionKind) override { return Ok(); }
  void Locked() override { locked_ = true; }
  void Released() override {}
  void Ended() override {
    if (std::exchange(locked_, false)) act_(++ended_);
  }

 private:
  std::function<void(int)> act_;
  bool locked_ = false;
  int ended_ = 0;
};

// A file, the application's connection and, for each start, a replica of its own.
class File {
 public:
  explicit File(std::string_view sql, FirstJoin join = FirstJoin::kAtOnce)
      : path_(dir_.File("app.db")),
        app_(Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kCreate))) {
    options_.db_path = path_;
    options_.spool_directory = dir_.path();
    options_.first_join = join;
    options_.tables.hide_orphans = true;
    options_.attach_step.most = 1;
    App("PRAGMA journal_mode = WAL");
    App(sql);
  }
  ~File() { close(null_); }
  void App(std::string_view sql) { sqlite::Execute(&app_, sql); }
  Strings Query(std::string_view sql) { return sqlite::Query(&app_, sql); }
  NodeOptions& options() { return options_; }

  // Attaches as a process does that has just started; the next start ends the one before.
  Status Start(sqlite::WriteLockListener* listener = nullptr) {
    replica_.reset();
    db_ = std::make_unique<sqlite::Connection>(
        Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kReadWrite)));
    db_->SetWriteLockListener(listener);
    replica_ = std::make_unique<Replica>(db_.get(), options_, &clock_, &logger_);
    Status attached = replica_->Attach(NodeId(1), {NodeId(1), Incarnation(1)});
    db_->SetWriteLockListener(nullptr);
    return attached;
  }
  // Runs the steps of a first attach up to this number, and loses the process then.
  void StopAfter(int steps) {
    sqlite::Connection db = Must(sqlite::Connection::Open(path_, sqlite::OpenMode::kReadWrite));
    FirstAttach attach(&db, options_, &clock_);
    Refusing refuse{steps};
    db.SetWriteLockListener(&refuse);
    EXPECT_FALSE(attach.Run({NodeId(1), Incarnation(1)}, "wal").ok());
    EXPECT_EQ(attach.steps(), steps);
    db.SetWriteLockListener(nullptr);
  }
  Replica& replica() { return *replica_; }

  // What attaching has made: which tables are registered, whether they may have rows without a
  // version, and the hidden objects without their numbers.
  Strings Attached() {
    Strings out = Query(
        "SELECT name, key, shapes, had_rows FROM __harmonylite__tables WHERE key <> '' ORDER BY 1");
    for (const std::string& row :
         Query("SELECT t.name, s.type, replace(s.sql, t.id, '#') FROM sqlite_schema s JOIN "
               "__harmonylite__tables t ON s.name GLOB '__harmonylite__*' AND (s.name GLOB "
               "'__harmonylite__[vsm]' || t.id OR s.name GLOB '__harmonylite__' || t.id || '_*') "
               "ORDER BY 1, 2, 3"))
      out.push_back(row);
    return out;
  }

 private:
  struct Refusing final : sqlite::WriteLockListener {
    explicit Refusing(int allowed) : left(allowed) {}
    Status BeforeLock(sqlite::TransactionKind) override {
      if (left-- > 0) return Ok();
      return MakeError(ErrorCode::kRetryLater, "the process is gone");
    }
    void Locked() override {}
    void Released() override {}
    void Ended() override {}
    int left;
  };

  test::TempDir dir_;
  std::string path_;
  const int null_ = open("/dev/null", O_WRONLY | O_CLOEXEC);
  Logger logger_{null_, LogFormat::kConsole, LogLevel::kError};
  capture::ManualClock clock_;
  NodeOptions options_;
  sqlite::Connection app_;
  std::unique_ptr<sqlite::Connection> db_;
  std::unique_ptr<Replica> replica_;
};

TEST(FirstAttach, ManyStepsMakeWhatOneMakes) {
  File one(kShop);
  one.options().attach_step.most = INT64_MAX;
  Must(one.Start());
  File many(kShop);
  int transactions = 0;
  AfterEach count([&](int ended) { transactions = ended; });
  Must(many.Start(&count));
  EXPECT_EQ(many.Attached(), one.Attached());
  EXPECT_GT(transactions, 6);  // four tables with a key, the rest, and the objects of the schema
  EXPECT_EQ(many.replica().catalog().tables.size(), one.replica().catalog().tables.size());
  EXPECT_EQ(many.replica().schema_fingerprint(), one.replica().schema_fingerprint());
  const char* objects = "SELECT kind, id, names, tbl, sql, columns FROM __harmonylite__schema";
  EXPECT_EQ(many.Query(objects), one.Query(objects));
  EXPECT_FALSE(Must(many.replica().SchemaChanged()));
}

TEST(FirstAttach, ACrashBetweenStepsIsGoneOnFrom) {
  File whole(kShop);
  Must(whole.Start());
  for (int steps = 1; steps <= 4; ++steps) {
    SCOPED_TRACE(steps);
    File file(kShop);
    file.StopAfter(steps);
    EXPECT_EQ(file.Query("SELECT count(*) FROM __harmonylite__state WHERE key = 'attaching'"),
              Strings{"1"});
    Must(file.Start());
    EXPECT_EQ(file.Attached(), whole.Attached());
    EXPECT_EQ(file.Query("SELECT count(*) FROM __harmonylite__state WHERE key = 'attaching'"),
              Strings{"0"});
  }
}

// A transaction writes to a table that has its triggers and to one that has not. Both rows are from
// before HarmonyLite: they are there, they have no version, and neither is sent alone.
TEST(FirstAttach, WhatIsWrittenMeanwhileIsFromBefore) {
  File file(kShop);
  file.StopAfter(2);
  file.App(
      "BEGIN; INSERT INTO parent VALUES(7, 'seven'); INSERT INTO child VALUES(7, 7);"
      "INSERT INTO uniq VALUES('k', 'v'); INSERT INTO pair VALUES(1, 2, 3);"
      "INSERT INTO nokey VALUES(5, 6); COMMIT");
  Must(file.Start());
  EXPECT_EQ(file.Query("SELECT count(*) FROM __harmonylite__journal WHERE tbl IN (SELECT id FROM "
                       "__harmonylite__tables WHERE name <> '__harmonylite__schema')"),
            Strings{"0"});
  EXPECT_EQ(file.Query("SELECT name FROM __harmonylite__tables WHERE had_rows ORDER BY 1"),
            (Strings{"'child'", "'nokey'", "'pair'", "'parent'", "'uniq'"}));
  EXPECT_EQ(file.Query("SELECT id FROM child"), Strings{"7"});
  file.App("UPDATE parent SET a = 'again' WHERE id = 7");
  EXPECT_EQ(file.Query("SELECT count(*) FROM __harmonylite__journal WHERE tbl = (SELECT id FROM "
                       "__harmonylite__tables WHERE name = 'parent')"),
            Strings{"1"});
}

TEST(FirstAttach, TheSchemaMayChangeMeanwhile) {
  File file(kShop);
  file.StopAfter(3);
  file.App(
      "ALTER TABLE child ADD COLUMN more; DROP TABLE pair; CREATE TABLE late(id INTEGER PRIMARY "
      "KEY); CREATE UNIQUE INDEX late_u ON parent(a);");
  Must(file.Start());
  EXPECT_EQ(
      file.Query("SELECT name FROM __harmonylite__tables ORDER BY 1"),
      (Strings{"'__harmonylite__schema'", "'child'", "'late'", "'nokey'", "'parent'", "'uniq'"}));
  EXPECT_FALSE(Must(file.replica().SchemaChanged()));
  file.App("INSERT INTO late VALUES(1); INSERT INTO child VALUES(1, 1, 1)");
  EXPECT_EQ(file.Query("SELECT count(*) FROM __harmonylite__journal j JOIN __harmonylite__tables t "
                       "ON t.id = j.tbl WHERE t.name IN ('late', 'child')"),
            Strings{"2"});
}

TEST(FirstAttach, WaitsToBeComparedFromTheFirstStep) {
  File file(kShop, FirstJoin::kMerge);
  file.StopAfter(1);
  Must(file.Start());
  EXPECT_FALSE(file.replica().state().joined);
  EXPECT_FALSE(file.replica().state().compared);
  EXPECT_FALSE(file.replica().state().catching_up);
}

// A change of one table writes nothing that belongs to another.
TEST(SchemaChange, LeavesOtherTablesAsTheyAre) {
  File file(kShop);
  Must(file.Start());
  // Triggers and hidden tables of the others keep their places in the file. The numbers of parent
  // are those of its hidden objects.
  const std::string id =
      file.Query("SELECT id FROM __harmonylite__tables WHERE name = 'parent'").front();
  const std::string others =
      "SELECT rowid, name, rootpage, sql FROM sqlite_schema WHERE tbl_name <> 'parent' AND "
      "tbl_name NOT GLOB '__harmonylite__[vs]" +
      id + "'";
  const Strings before = file.Query(others);
  const int64_t commits = file.replica().commits();
  file.App("ALTER TABLE parent ADD COLUMN b; CREATE UNIQUE INDEX parent_u ON parent(a)");
  EXPECT_TRUE(Must(file.replica().SchemaChanged()));
  Must(file.replica().SyncSchema());
  EXPECT_FALSE(Must(file.replica().SchemaChanged()));
  EXPECT_EQ(file.Query(others), before);
  EXPECT_LE(file.replica().commits(), commits + 2);
}

}  // namespace
}  // namespace harmonylite::node
