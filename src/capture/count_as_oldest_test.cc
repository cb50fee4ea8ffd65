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

}  // namespace
}  // namespace harmonylite::capture
