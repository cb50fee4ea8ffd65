// Tests with schemas that another SQLite wrote and this one does not understand.
#include "sqlite/unreadable.h"

#include <gtest/gtest.h>

#include "sqlite/identifier.h"
#include "sqlite/sqlite_test_util.h"
#include "sqlite/transaction.h"
#include "support/temp_dir.h"

namespace harmonylite::sqlite {
namespace {

using Strings = std::vector<std::string>;

// A table that only a SQLite compiled for more columns can read.
std::string TooWide() {
  std::string out = "CREATE TABLE wide(k TEXT PRIMARY KEY, x";
  for (int i = 0; i < 2'100; ++i) out += fmt::format(", c{}", i);
  return out + ")";
}

class Unreadable : public testing::Test {
 protected:
  Unreadable() {
    Execute(&app_,
            "PRAGMA journal_mode = WAL;"
            "CREATE TABLE plain(k INTEGER PRIMARY KEY, v); CREATE INDEX plain_v ON plain(v);"
            "CREATE TABLE wide(k TEXT PRIMARY KEY, x); CREATE INDEX wide_x ON wide(x);"
            "CREATE VIEW seen AS SELECT k FROM plain;"
            "CREATE TRIGGER on_plain AFTER INSERT ON plain BEGIN SELECT 1; END;"
            "CREATE TRIGGER on_wide AFTER INSERT ON wide BEGIN SELECT 1; END;"
            "INSERT INTO plain VALUES(1, 'one'); INSERT INTO wide VALUES('w', 1)");
  }

  void Forge(const std::string& name, const std::string& sql) {
    ForgeSchema(&app_, fmt::format("UPDATE sqlite_schema SET sql = {} WHERE name = {}",
                                   TextLiteral(sql), TextLiteral(name)));
  }
  void Widen() { Forge("wide", TooWide()); }
  Connection Open(OpenMode mode = OpenMode::kReadWrite) {
    return Must(Connection::Open(path_, mode));
  }
  // Lists what cannot be read, as "type name: why".
  static Strings List(Connection* db) {
    Strings out;
    for (const UnreadableObject& one : Must(FindUnreadable(db)))
      out.push_back(fmt::format("{} {}: {}", one.type, one.name, one.why));
    return out;
  }

  test::TempDir dir_;
  std::string path_ = dir_.File("app.db");
  Connection app_ = Must(Connection::Open(path_, OpenMode::kCreate));
};

TEST_F(Unreadable, ATableIsLeftOutAndTheRestIsUsed) {
  Widen();
  for (const OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
    Connection db = Open(mode);
    EXPECT_EQ(Query(&db, "SELECT * FROM plain"), Strings{"1|'one'"});
    EXPECT_EQ(List(&db), Strings{"table wide: too many columns on wide"});
    EXPECT_FALSE(db.Exec("SELECT * FROM wide").ok());
  }
  Connection db = Open();
  Execute(&db, "INSERT INTO plain VALUES(2, 'two'); CREATE TABLE more(k)");
  EXPECT_EQ(Query(&db, "SELECT v FROM plain INDEXED BY plain_v WHERE v > ''"),
            (Strings{"'one'", "'two'"}));
  EXPECT_EQ(Query(&db, "PRAGMA integrity_check(plain)"), Strings{"'ok'"});
}

TEST_F(Unreadable, ViewsAndTriggersOfALaterSyntax) {
  Forge("seen", "CREATE VIEW seen AS SELECT k FROM plain WHERE k ==> 1");
  Forge("on_plain", "CREATE TRIGGER on_plain AFTER INSERT ON plain BEGIN SELECT 1 ==> 2; END");
  Connection db = Open();
  EXPECT_EQ(Query(&db, "SELECT * FROM plain"), Strings{"1|'one'"});
  EXPECT_EQ(List(&db), (Strings{"view seen: near \">\": syntax error",
                                "trigger on_plain: near \">\": syntax error"}));
}

TEST_F(Unreadable, ItMayComeAndGoWhileStatementsAreKept) {
  Connection db = Open();
  const auto read = [&] {
    auto kept = Must(db.PrepareCached("SELECT v FROM plain"));
    EXPECT_TRUE(Must(kept->Step()));
    return std::string(kept->Text(0));
  };
  EXPECT_EQ(read(), "one");
  EXPECT_EQ(List(&db), Strings{});
  Widen();
  EXPECT_EQ(read(), "one");
  EXPECT_EQ(List(&db).size(), 1u);
  Execute(&app_, "CREATE TABLE more(k)");
  EXPECT_EQ(read(), "one");
  EXPECT_EQ(Query(&db, "SELECT count(*) FROM more"), Strings{"0"});
  Forge("wide", "CREATE TABLE wide(k TEXT PRIMARY KEY, x)");
  EXPECT_EQ(Query(&db, "SELECT * FROM wide"), Strings{"'w'|1"});
  EXPECT_EQ(List(&db), Strings{});
}

// Whoever wrote to its table would leave the index behind.
TEST_F(Unreadable, AnIndexThatCannotBeReadIsRefused) {
  Forge("plain_v", "CREATE INDEX plain_v ON plain(v ==> 1)");
  Widen();
  Connection db = Open();
  for (int i = 0; i < 2; ++i) {
    const Status read = db.Exec("SELECT * FROM plain");
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code(), ErrorCode::kCorruption);
    EXPECT_NE(read.error().message().find("malformed database schema"), std::string::npos)
        << read.error().message();
  }
}

// An object that SQLite can read and does not find elsewhere is damage, and is not left out.
TEST_F(Unreadable, DamageIsRefused) {
  ForgeSchema(&app_, "UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'plain'");
  Connection db = Open();
  const Status read = db.Exec("SELECT * FROM wide");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), ErrorCode::kCorruption);
}

TEST_F(Unreadable, TriggersOfItCanBeDropped) {
  Widen();
  Connection db = Open();
  EXPECT_EQ(Query(&db, "SELECT count(*) FROM plain"), Strings{"1"});
  auto transaction = Must(Transaction::Begin(&db, TransactionKind::kWrite));
  Must(DropTrigger(&db, "on_wide"));
  Must(DropTrigger(&db, "on_plain"));
  Execute(&db, "INSERT INTO plain VALUES(3, 'three')");
  Must(transaction.Commit());
  EXPECT_EQ(Query(&db, "SELECT name FROM sqlite_schema WHERE type = 'trigger'"), Strings{});
  EXPECT_EQ(Query(&db, "SELECT count(*) FROM plain"), Strings{"2"});
  EXPECT_FALSE(db.Exec("DELETE FROM sqlite_schema").ok()) << "the connection is defensive again";
}

TEST_F(Unreadable, OtherTablesCanBeAltered) {
  Widen();
  Connection db = Open();
  EXPECT_EQ(Query(&db, "SELECT count(*) FROM plain"), Strings{"1"});
  Must(AlterTable(&db, "ALTER TABLE plain ADD COLUMN w DEFAULT 'w'"));
  EXPECT_EQ(Query(&db, "SELECT * FROM plain"), Strings{"1|'one'|'w'"});
  EXPECT_EQ(List(&db).size(), 1u);
}

}  // namespace
}  // namespace harmonylite::sqlite
