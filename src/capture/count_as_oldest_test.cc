#include "capture/count_as_oldest.h"

#include <gtest/gtest.h>

#include "capture/capture_test_util.h"

namespace harmonylite::capture {
namespace {

using Strings = std::vector<std::string>;

constexpr const char* kVersions =
    "SELECT k1, lseq, hlc FROM __harmonylite__v1 WHERE lseq > 0 ORDER BY lseq";

TEST(CountAsOldestTest, StampsOfWhatIsNotPublishedBecomeSmallInTheirOrder) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  node.App(
      "INSERT INTO t VALUES(1, 'x'); INSERT INTO t VALUES(2, 'y'); DELETE FROM t WHERE id = 1");
  node.FoldAll();
  const JournalEnd before = sqlite::Must(ReadJournalEnd(&node.db));
  node.Write([&] { sqlite::Must(CountAsOldest(&node.db, node.catalog, node.state)); });
  EXPECT_EQ(node.Query("SELECT count(*) FROM __harmonylite__v1 WHERE hlc >= " +
                       std::to_string(kLeastClockStamp.value)),
            Strings{"0"});
  // Versions have the stamps of their entries, and later entries have greater ones.
  EXPECT_EQ(node.Query("SELECT count(*) FROM __harmonylite__v1 v JOIN __harmonylite__journal j "
                       "ON j.id = v.lseq AND j.hlc = v.hlc"),
            Strings{"2"});
  EXPECT_EQ(
      node.Query("SELECT count(*) FROM __harmonylite__journal a JOIN __harmonylite__journal b "
                 "ON a.id < b.id AND a.hlc >= b.hlc"),
      Strings{"0"});
  // The clock goes on from where it was.
  EXPECT_EQ(sqlite::Must(ReadJournalEnd(&node.db)).stamp, before.stamp);
  node.App("INSERT INTO t VALUES(3, 'z')");
  EXPECT_GT(sqlite::Must(ReadJournalEnd(&node.db)).stamp, before.stamp);
}

TEST(CountAsOldestTest, WhatIsPublishedStays) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
  node.App("INSERT INTO t VALUES(1, 'x')");
  node.FoldAll();
  node.state.published_to = node.newest();
  const Strings versions = node.Query(kVersions);
  node.Write([&] { sqlite::Must(CountAsOldest(&node.db, node.catalog, node.state)); });
  EXPECT_EQ(node.Query(kVersions), versions);
}

// What another node wrote is newer than what the application wrote without having seen it.
class UnseenTest : public ::testing::Test {
 protected:
  UnseenTest() : node("CREATE TABLE t(id INTEGER PRIMARY KEY, a)") {
    node.App("INSERT INTO t VALUES(1, 'of the cluster')");
    node.FoldAll();
    // The row is another node's.
    sqlite::Execute(&node.db, "UPDATE __harmonylite__v1 SET n = 77");
  }
  void Fold() {
    node.Write([&] {
      sqlite::Must(CountUnseenAsOldest(&node.db, node.catalog, node.state, 1'000));
      const ledger::State saved = node.state;
      while (!sqlite::Must(capture::Fold(&node.db, node.catalog, &node.state, 1'000))) continue;
      sqlite::Must(ledger::SaveState(&node.db, node.state, saved));
    });
  }
  // For each row whether a clock gave its version the stamp, and whether this node wrote it.
  Strings Versions() {
    return node.Query("SELECT k1 || CASE WHEN hlc >= " + std::to_string(kLeastClockStamp.value) +
                      " THEN ' new' ELSE ' old' END || iif(n = 77, ' theirs', '') "
                      "FROM __harmonylite__v1 ORDER BY k1");
  }
  TestNode node;
};

TEST_F(UnseenTest, OnlyRowsOfWhichNothingWasKnownCountAsOldest) {
  node.App("UPDATE t SET a = 'seen' WHERE id = 1; INSERT INTO t VALUES(2, 'x')");
  const Hlc before = sqlite::Must(ReadJournalEnd(&node.db)).stamp;
  Fold();
  EXPECT_EQ(Versions(), (Strings{"'1 new'", "'2 old'"}));
  EXPECT_EQ(sqlite::Must(ReadJournalEnd(&node.db)).stamp, before);
}

TEST_F(UnseenTest, EachWriteIsNewerThanTheOneThatItReplaces) {
  for (int i = 0; i < 3; ++i) {
    node.App("UPDATE t SET a = a || 'y' WHERE id = 1; REPLACE INTO t VALUES(2, random())");
    Fold();
    EXPECT_EQ(Versions(), (Strings{"'1 new'", "'2 old'"}));
    EXPECT_EQ(node.Query("SELECT count(*) FROM __harmonylite__v1 v JOIN (SELECT k1, max(id) AS id "
                         "FROM __harmonylite__journal WHERE op > 0 GROUP BY k1) j USING (k1) "
                         "WHERE v.lseq = j.id"),
              Strings{"2"});
  }
}

TEST_F(UnseenTest, OnlyEntriesThatAreFoldedNextAreTouched) {
  node.App("INSERT INTO t VALUES(2, 'x'); INSERT INTO t VALUES(3, 'x')");
  node.Write(
      [&] { sqlite::Must(CountUnseenAsOldest(&node.db, node.catalog, node.state, /*limit=*/1)); });
  EXPECT_EQ(node.Query("SELECT count(*) FROM __harmonylite__journal WHERE op > 0 AND hlc < " +
                       std::to_string(kLeastClockStamp.value)),
            Strings{"1"});
}

}  // namespace
}  // namespace harmonylite::capture
