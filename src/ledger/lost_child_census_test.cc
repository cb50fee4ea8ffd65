// Rows whose parent lost its id to another node's row.
#include "ledger/lost_child_census.h"

#include <gtest/gtest.h>

#include "capture/capture_test_util.h"
#include "ledger/conflict_log.h"

namespace harmonylite::ledger {
namespace {

using Counts = std::map<std::string, int64_t>;

class LostChildCensusTest : public testing::Test {
 protected:
  LostChildCensusTest() {
    node_.App(
        "INSERT INTO notes VALUES(1, 'mine'), (2, 'mine');"
        "INSERT INTO tags VALUES('a', 1), ('b', 1), ('c', 2)");
    node_.FoldAll();
    census_.Reset(&node_.db, &node_.catalog, &node_.clock);
  }

  // The row of notes with this id becomes one of another node, and that is noted.
  void LoseId(int64_t id) {
    node_.Write([&] {
      OriginTable origins = sqlite::Must(OriginTable::Load(&node_.db));
      const OriginIndex other =
          sqlite::Must(origins.IndexOf(&node_.db, {NodeId(2), Incarnation(1)}));
      const TrackedTable& notes = *node_.catalog.ByName("notes");
      sqlite::Must(node_.db.Exec("UPDATE " + sqlite::Quote(VersionTableName(notes.id)) +
                                 " SET n = " + std::to_string(other.value) +
                                 " WHERE k1 = " + std::to_string(id)));
      const change::ValueView key = change::ValueView::Integer(id);
      const std::vector<change::ValueView> image = {key, change::ValueView::Text("mine")};
      sqlite::Must(AddConflict(&node_.db, notes, conflict_kind::kSameId, std::span(&key, 1),
                               {Hlc(1), node_.state.self_index, image}, {Hlc(2), other, image}));
    });
  }

  Counts Count() {
    node_.clock.monotonic_ms += 10'000;
    ++writes_;
    do sqlite::Must(census_.Step(writes_));
    while (census_.running());
    return census_.counts();
  }

  capture::TestNode node_{
      "CREATE TABLE notes(id INTEGER PRIMARY KEY, v);"
      "CREATE TABLE tags(k TEXT PRIMARY KEY NOT NULL, note INTEGER REFERENCES notes(id))"};
  LostChildCensus census_;
  int64_t writes_ = 0;
};

TEST_F(LostChildCensusTest, CountsEachChildOnce) {
  EXPECT_EQ(Count(), Counts{});
  LoseId(1);
  EXPECT_EQ(Count(), (Counts{{"tags", 2}}));
  LoseId(1);
  LoseId(2);
  EXPECT_EQ(Count(), (Counts{{"tags", 3}}));
}

TEST_F(LostChildCensusTest, AChildThatFollowsIsNotLost) {
  LoseId(1);
  EXPECT_EQ(Count(), (Counts{{"tags", 2}}));
  node_.App("UPDATE tags SET note = 2 WHERE k = 'a'; DELETE FROM tags WHERE k = 'b'");
  node_.FoldAll();
  EXPECT_EQ(Count(), Counts{});
}

TEST_F(LostChildCensusTest, ManyConflictsTakeManySteps) {
  for (int i = 0; i < 120; ++i) LoseId(1);
  LoseId(2);
  EXPECT_EQ(Count(), (Counts{{"tags", 3}}));
}

}  // namespace
}  // namespace harmonylite::ledger
