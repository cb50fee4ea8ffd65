// Tests that a snapshot can be made of a database whose schema needs its application.
#include <gtest/gtest.h>

#include <fstream>

#include "snapshot/make.h"
#include "snapshot/make_test_util.h"
#include "support/result_matchers.h"

namespace harmonylite::snapshot {
namespace {

using capture::TestNode;
using sqlite::Must;
using sqlite::Query;

// A database that SQLite cannot VACUUM without its application: functions and collations in CHECKs,
// defaults, generated columns, indexes and keys.
class MakeWithoutTheApplication : public testing::Test {
 protected:
  MakeWithoutTheApplication() {
    GiveParts(&node_.app);
    node_.App(
        "CREATE TABLE checked(id INTEGER PRIMARY KEY, v CHECK (own(v) > 0) DEFAULT (own(7)));"
        "CREATE TABLE computed(id INTEGER PRIMARY KEY, v, s AS (own(v)) STORED, g AS (own(v)));"
        "CREATE TABLE ordered(k TEXT PRIMARY KEY COLLATE backwards, v) WITHOUT ROWID;"
        "CREATE INDEX by_own ON computed(own(v)) WHERE own(v) > 1;"
        "CREATE INDEX by_v ON ordered(v COLLATE backwards DESC);"
        "CREATE TABLE \"5\"(id INTEGER PRIMARY KEY);"
        "INSERT INTO notes VALUES(1, 'one'); INSERT INTO checked(v) VALUES(1), (2);"
        "INSERT INTO computed(v) VALUES(1), (2), (3);"
        "INSERT INTO ordered VALUES('a', 'x'), ('b', 'y'), ('c', 'z')");
    node_.Sync();
  }

  static void GiveParts(sqlite::Connection* db) {
    sqlite::AddFunction(db, "own");
    sqlite::AddCollation(db, "backwards", /*backwards=*/true);
  }
  // Opens a copy as the application would.
  sqlite::Connection AsApplication(PrivateDatabase* copy) {
    const std::string path = node_.dir.File("copy.db");
    std::ofstream(path, std::ios::binary) << Bytes(&copy->db());
    sqlite::Connection out = Must(sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite));
    GiveParts(&out);
    return out;
  }

  TestNode node_{kSchema};
  Activity activity_;
};

TEST_F(MakeWithoutTheApplication, TheCopyIsWhatTheApplicationKnows) {
  ASSERT_VALUE(Made made, Make(OptionsOf(node_), node_.clock, &activity_));
  ASSERT_VALUE(PrivateDatabase copy, Reopen(node_, &made, &activity_));
  EXPECT_EQ(made.manifest.progress.Get(node_.self), node_.newest());
  sqlite::Connection app = AsApplication(&copy);
  EXPECT_EQ(Query(&app, "PRAGMA journal_mode"), std::vector<std::string>{"'delete'"});
  EXPECT_EQ(Query(&app, "PRAGMA integrity_check"), std::vector<std::string>{"'ok'"});
  EXPECT_EQ(Query(&app, "SELECT v FROM ordered ORDER BY v COLLATE backwards DESC"),
            (std::vector<std::string>{"'x'", "'y'", "'z'"}));
  EXPECT_EQ(Query(&app, "SELECT s, g FROM computed WHERE own(v) > 2"),
            std::vector<std::string>{"3|3"});
  EXPECT_FALSE(app.Exec("INSERT INTO checked(v) VALUES(-1)").ok());
  EXPECT_TRUE(app.Exec("INSERT INTO checked(v) VALUES(3)").ok());
}

TEST_F(MakeWithoutTheApplication, FreePagesAreCleared) {
  const std::string mark = "a-word-that-must-not-travel";
  node_.App("PRAGMA secure_delete = OFF; CREATE TABLE gone(body TEXT)");
  node_.App(
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000) "
      "INSERT INTO gone SELECT '" +
      mark + "' || i FROM c");
  node_.App("INSERT INTO secret SELECT rowid, body FROM gone; DROP TABLE gone");
  node_.Sync();
  node_.App("PRAGMA wal_checkpoint(TRUNCATE)");
  ASSERT_NE(Bytes(&node_.db).find(mark), std::string::npos);
  ASSERT_VALUE(Made made, Make(OptionsOf(node_), node_.clock, &activity_));
  ASSERT_VALUE(PrivateDatabase copy, Reopen(node_, &made, &activity_));
  EXPECT_EQ(Bytes(&copy.db()).find(mark), std::string::npos);
  EXPECT_GT(Must(copy.db().QueryInt("PRAGMA freelist_count")), 20);
}

TEST_F(MakeWithoutTheApplication, DamageIsFoundWhereItCanBe) {
  node_.App(
      "WITH RECURSIVE c(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM c WHERE i < 5000) "
      "INSERT INTO notes SELECT i, 'note ' || i FROM c; PRAGMA wal_checkpoint(TRUNCATE)");
  const int64_t root = Must(node_.db.QueryInt(
      "SELECT max(pageno) FROM dbstat WHERE name = 'notes' AND pagetype = 'leaf'"));
  {
    std::fstream file(node_.path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp((root - 1) * 4'096);
    file << std::string(8, '\xff');
  }
  const auto made = Make(OptionsOf(node_), node_.clock, &activity_);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), ErrorCode::kCorruption) << made.error().message();
}

TEST_F(MakeWithoutTheApplication, ATableThatMustNotTravelAndCannotBeReadKeepsItFromBeingMade) {
  std::string wide = "CREATE TABLE secret(id INTEGER PRIMARY KEY";
  for (int i = 0; i < 2'100; ++i) wide += fmt::format(", c{}", i);
  sqlite::ForgeSchema(&node_.app,
                      fmt::format("UPDATE sqlite_schema SET sql = {} WHERE name = 'secret'",
                                  sqlite::TextLiteral(wide + ")")));
  node_.Sync();
  const auto made = Make(OptionsOf(node_), node_.clock, &activity_);
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().message().find("table secret is to be left out of snapshots, but cannot"),
            std::string::npos)
      << made.error().message();
  Options all = OptionsOf(node_);
  all.leaves_out = {};
  ASSERT_VALUE(Made whole, Make(all, node_.clock, &activity_));
  Spool packed(node_.dir.path());
  ASSERT_OK(Pack(&whole.copy.pieces(), &activity_, &packed, &whole.manifest));
  EXPECT_OK(OpenPacked(all, packed, whole.manifest, &activity_));
}

TEST_F(MakeWithoutTheApplication, ItEndsWhenItIsToldTo) {
  activity_.transfer.cancelled = true;
  const auto made = Make(OptionsOf(node_), node_.clock, &activity_);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), ErrorCode::kRetryLater) << made.error().message();
}

}  // namespace
}  // namespace harmonylite::snapshot
