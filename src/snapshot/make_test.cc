#include "snapshot/make.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "capture/batch_reader.h"
#include "capture/capture_test_util.h"
#include "snapshot/catalog.h"
#include "snapshot/make_test_util.h"
#include "support/memory_store.h"
#include "support/result_matchers.h"

namespace harmonylite::snapshot {
namespace {

using capture::TestNode;
using sqlite::Must;
using sqlite::Query;

// Number of files in the folder beside the database and SQLite's own files.
size_t FilesBeside(const TestNode& node) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(node.dir.path()))
    count += !entry.path().filename().string().starts_with("app.db");
  return count;
}

TEST(Make, TheCopyIsTheDatabaseWithoutItsLife) {
  TestNode node(kSchema);
  node.App("INSERT INTO notes VALUES(1, 'one'), (2, 'two'); DELETE FROM notes WHERE id = 2");
  const std::string stamp = node.Query("SELECT max(hlc) FROM __harmonylite__journal")[0];
  const Lseq last = node.newest();
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  EXPECT_EQ(made.manifest.maker, node.self);
  EXPECT_EQ(made.manifest.progress.Get(node.self), last);
  ASSERT_VALUE(PrivateDatabase copy, Reopen(node, &made, &activity));
  EXPECT_EQ(Query(&copy.db(), "SELECT * FROM notes"), std::vector<std::string>{"1|'one'"});
  EXPECT_EQ(Query(&copy.db(), "SELECT tbl, op, hlc FROM __harmonylite__journal"),
            std::vector<std::string>{"0|0|" + stamp});
  // All versions, the deleted row's too, belong to the maker's origin.
  const int64_t notes = node.catalog.ByName("notes")->id;
  EXPECT_EQ(Query(&copy.db(),
                  fmt::format("SELECT k1, n, gone FROM __harmonylite__v{} ORDER BY 1", notes)),
            (std::vector<std::string>{"1|0|0", "2|0|1"}));
  EXPECT_EQ(Query(&copy.db(), "SELECT lseq FROM __harmonylite__progress WHERE n = 0"),
            std::vector<std::string>{fmt::format("{}", last.value)});
  EXPECT_EQ(Must(ledger::LoadState(&copy.db())).self, ledger::kNobody);
  // The node's own file was not folded.
  EXPECT_EQ(Must(ledger::LoadState(&node.db)).folded_to, Lseq(1));
}

TEST(Make, TheCopyAnswersLikeANode) {
  TestNode node(kSchema);
  node.App("INSERT INTO notes VALUES(1, 'one'), (2, 'two')");
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  ASSERT_VALUE(PrivateDatabase copy, Reopen(node, &made, &activity));
  capture::BatchReader reader(&copy.db(), {node.tables, true, node.dir.path()});
  ASSERT_VALUE(const auto batch, reader.ReadRepair({}));
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->rows, 2u);
  ASSERT_EQ(batch->header.covers.size(), 1u);
  EXPECT_EQ(batch->header.covers[0].origin, node.self);
  ASSERT_VALUE(const auto none, reader.ReadRepair(made.manifest.progress));
  EXPECT_FALSE(none.has_value());
}

TEST(Make, NoByteOfATableThatIsLeftOut) {
  TestNode node(kSchema);
  const std::string mark = "a-word-that-must-not-travel";
  node.App("CREATE TABLE gone(body TEXT)");
  node.App("INSERT INTO gone SELECT '" + mark +
           "' || value FROM json_each('[1,2,3]'); DROP TABLE gone");
  node.App(
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000) "
      "INSERT INTO secret SELECT i, '" +
      mark + "' || i FROM c");
  node.App("DELETE FROM secret WHERE id % 3 = 0; INSERT INTO notes SELECT id, 'note' FROM secret");
  node.App("CREATE INDEX secret_body ON secret(body); ANALYZE");
  node.Sync();
  for (const char* referrer : {"SELECT 1",
                               "CREATE TRIGGER audit AFTER INSERT ON notes BEGIN INSERT INTO "
                               "Secret VALUES(new.id, ''); END"}) {
    SCOPED_TRACE(referrer);
    node.App(referrer);
    Activity activity;
    ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
    ASSERT_VALUE(PrivateDatabase copy, Reopen(node, &made, &activity));
    EXPECT_EQ(Bytes(&copy.db()).find(mark), std::string::npos);
    EXPECT_EQ(Query(&copy.db(), "SELECT count(*) FROM notes"), std::vector<std::string>{"3334"});
    // A left-out table to which a trigger of a remaining table writes is there, or the remaining
    // table could not be written to.
    const bool named = std::string_view(referrer).starts_with("CREATE");
    EXPECT_EQ(Query(&copy.db(), "SELECT name FROM sqlite_schema WHERE name = 'secret'").size(),
              named ? 1u : 0u);
    if (named) sqlite::Execute(&copy.db(), "INSERT INTO notes VALUES(0, 'zero')");
  }
}

TEST(Make, RowidsStay) {
  // VACUUM INTO must keep the rowids of tables that are replicated by rowid, and those that a
  // full-text index refers to.
  TestNode node(
      "CREATE TABLE kept(id INTEGER PRIMARY KEY); CREATE TABLE loose(body TEXT);"
      "CREATE VIRTUAL TABLE find USING fts5(body)");
  node.App(
      "INSERT INTO loose(rowid, body) VALUES(5, 'five'), (9, 'nine'); INSERT INTO find(rowid, "
      "body) VALUES(9, 'nine')");
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  ASSERT_VALUE(PrivateDatabase copy, Reopen(node, &made, &activity));
  EXPECT_EQ(Query(&copy.db(), "SELECT rowid FROM loose"), (std::vector<std::string>{"5", "9"}));
  EXPECT_EQ(Query(&copy.db(), "SELECT rowid FROM find WHERE find MATCH 'nine'"),
            std::vector<std::string>{"9"});
}

TEST(Make, LeavesNothingBehind) {
  TestNode node(kSchema);
  Activity activity;
  ASSERT_OK(Make(OptionsOf(node), node.clock, &activity));
  EXPECT_EQ(FilesBeside(node), 0u);
  activity.transfer.cancelled = true;
  EXPECT_EQ(Make(OptionsOf(node), node.clock, &activity).error().code(), ErrorCode::kRetryLater);
  EXPECT_EQ(FilesBeside(node), 0u);
  // A killed process leaves a file under the name that Reserve gives.
  std::string left;
  {
    ASSERT_VALUE(const PrivateDatabase database, PrivateDatabase::Reserve(node.path, ""));
    left = database.path();
    RemoveLeftovers(node.path);
    EXPECT_TRUE(std::filesystem::exists(left)) << "it is in use";
  }
  EXPECT_EQ(FilesBeside(node), 0u);
  std::ofstream(left) << "x";
  RemoveLeftovers(node.path);
  EXPECT_EQ(FilesBeside(node), 0u);
}

TEST(Make, WhatNobodyIsAttachedToIsRefused) {
  test::TempDir dir;
  Options options;
  options.db_path = dir.File("plain.db");
  options.spool_directory = dir.path();
  sqlite::Connection plain =
      Must(sqlite::Connection::Open(options.db_path, sqlite::OpenMode::kCreate));
  sqlite::Execute(&plain, "CREATE TABLE t(a)");
  Activity activity;
  SystemClock clock;
  EXPECT_EQ(Make(options, clock, &activity).error().code(), ErrorCode::kInvalidArgument);
}

constexpr const char* kForge =
    "UPDATE sqlite_schema SET sql = sql || '; ATTACH ''/nowhere/x'' AS y' WHERE name = 'forged'";

TEST(Make, AForgedTextIsNamedWhereItIs) {
  TestNode node(kSchema);
  node.App("CREATE TRIGGER forged AFTER INSERT ON notes BEGIN SELECT 1; END");
  Activity activity;
  ASSERT_VALUE(const Made made, Make(OptionsOf(node), node.clock, &activity));
  sqlite::ForgeSchema(&node.app, kForge);
  const auto refused = Make(OptionsOf(node), node.clock, &activity);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message().find("trigger forged"), std::string::npos)
      << refused.error().message();
}

TEST(OpenPacked, RefusesAForgedText) {
  TestNode node(kSchema);
  node.App("CREATE TRIGGER forged AFTER INSERT ON notes BEGIN SELECT 1; END");
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  sqlite::ForgeSchema(&made.copy.db(), kForge);
  const auto refused = Reopen(node, &made, &activity);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kCorruption);
  EXPECT_NE(refused.error().message().find("trigger forged"), std::string::npos)
      << refused.error().message();
}

TEST(OpenPacked, RefusesEveryDamage) {
  TestNode node(kSchema);
  node.App("INSERT INTO notes VALUES(1, 'one')");
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  std::string bytes;
  Spool packed(node.dir.path());
  ASSERT_OK(Pack(&made.copy.pieces(), &activity, &packed, &made.manifest));
  ASSERT_OK(packed.ReadAt(0, packed.size(), &bytes));
  const auto code = [&](const std::string& object, const Manifest& manifest) {
    Spool spool(node.dir.path());
    Must(spool.Append(object));
    auto opened = OpenPacked(OptionsOf(node), spool, manifest, &activity);
    return opened.ok() ? std::string("opened") : std::string(ErrorCodeName(opened.error().code()));
  };
  const std::string corruption = ErrorCodeName(ErrorCode::kCorruption);
  EXPECT_EQ(code(bytes, made.manifest), "opened");
  EXPECT_EQ(code(bytes.substr(0, bytes.size() / 2), made.manifest), corruption);
  EXPECT_EQ(code(bytes + "x", made.manifest), corruption);
  std::string altered = bytes;
  altered[bytes.size() / 2] = static_cast<char>(altered[bytes.size() / 2] ^ 1);
  EXPECT_EQ(code(altered, made.manifest), corruption);
  // A manifest is refused if it belongs to another object, or promises less or more than the object
  // holds.
  Manifest manifest = made.manifest;
  manifest.size -= 512;
  EXPECT_EQ(code(bytes, manifest), corruption);
  manifest.size += 1024;
  EXPECT_EQ(code(bytes, manifest), corruption);
  manifest = made.manifest;
  manifest.progress.Advance(node.self, Lseq(1000));
  EXPECT_EQ(code(bytes, manifest), corruption);
  manifest = made.manifest;
  ++manifest.hash;
  EXPECT_EQ(code(bytes, manifest), corruption);
  EXPECT_EQ(FilesBeside(node), 0u);
}

TEST(Catalog, KeepsTheNewestAndRemovesWhatCrashesLeft) {
  TestNode node(kSchema);
  test::MemoryStore store;
  Catalog catalog(&store);
  Activity activity;
  std::vector<std::string> names;
  store.objects["19990101T000000000Z-1.db.zst"] = "an upload that never ended";
  store.objects["mine.txt"] = "somebody else's";
  for (int i = 0; i < 5; ++i) {
    node.clock.wall_ms -= 1000;  // the order stays although the clock goes back
    ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
    ASSERT_VALUE(const std::string name, catalog.Save(&made, 3, &activity));
    EXPECT_TRUE(names.empty() || name > names.back());
    names.push_back(name);
  }
  ASSERT_VALUE(const std::vector<Listed> all, catalog.List());
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].name, names[4]);
  EXPECT_EQ(all[2].name, names[2]);
  EXPECT_EQ(store.objects.size(), 7u);
  EXPECT_TRUE(store.objects.contains("mine.txt"));
}

TEST(Catalog, AStreamIsTheSameObject) {
  TestNode node(kSchema);
  node.App(
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 60000) "
      "INSERT INTO notes SELECT i, hex(randomblob(20)) FROM c");
  test::MemoryStore store;
  Catalog catalog(&store);
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  ASSERT_VALUE(const std::string whole, catalog.Save(&made, 3, &activity));
  const Manifest manifest = made.manifest;
  store.takes_streams = true;
  ASSERT_VALUE(const std::string streamed, catalog.Save(&made, 3, &activity));
  EXPECT_EQ(made.manifest, manifest);
  EXPECT_TRUE(store.objects[whole + ".db.zst"] == store.objects[streamed + ".db.zst"]);
  for (const bool streams : {true, false}) {
    store.takes_streams = streams;
    ASSERT_VALUE(const auto newest, catalog.Newest());
    ASSERT_VALUE(PrivateDatabase copy, catalog.Open(*newest, OptionsOf(node), &activity));
    EXPECT_EQ(Query(&copy.db(), "SELECT count(*) FROM notes"), std::vector<std::string>{"60000"});
    store.objects[streamed + ".db.zst"].back() ^= 1;
    const auto damaged = catalog.Open(*newest, OptionsOf(node), &activity);
    store.objects[streamed + ".db.zst"].back() ^= 1;
    ASSERT_FALSE(damaged.ok());
    EXPECT_EQ(damaged.error().code(), ErrorCode::kCorruption);
    EXPECT_NE(damaged.error().message().find("its checksum differs"), std::string::npos);
  }
}

// Pieces that were packed before the copy was stripped must not be stored.
TEST(Catalog, WhatWasPackedAheadChangesNothing) {
  TestNode node(kSchema);
  node.App(
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 60000) "
      "INSERT INTO notes SELECT i, hex(randomblob(20)) FROM c");
  node.App(
      "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 60000) "
      "INSERT INTO secret SELECT i, hex(randomblob(20)) FROM c");
  test::MemoryStore store;
  Catalog catalog(&store);
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  ASSERT_VALUE(const std::string ahead, catalog.Save(&made, 3, &activity));
  Spool alone(node.dir.path());
  const Manifest manifest = made.manifest;
  ASSERT_OK(Pack(PiecesOf(&made.copy.db()).get(), &activity, &alone, &made.manifest));
  EXPECT_EQ(made.manifest, manifest);
  std::string bytes;
  ASSERT_OK(alone.ReadAt(0, alone.size(), &bytes));
  EXPECT_TRUE(store.objects[ahead + ".db.zst"] == bytes);
}

TEST(Catalog, ADamagedOneIsListedAndPassedOver) {
  TestNode node(kSchema);
  test::MemoryStore store;
  Catalog catalog(&store);
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  ASSERT_VALUE(const std::string good, catalog.Save(&made, 3, &activity));
  ASSERT_VALUE(const std::string bad, catalog.Save(&made, 3, &activity));
  store.objects[bad + ".db.zst"].pop_back();
  ASSERT_VALUE(auto newest, catalog.Newest());
  ASSERT_TRUE(newest.has_value());
  EXPECT_EQ(newest->name, good);
  store.objects[good + ".manifest"][30] ^= 1;
  ASSERT_VALUE(newest, catalog.Newest());
  EXPECT_FALSE(newest.has_value());
  ASSERT_VALUE(const auto all, catalog.List());
  EXPECT_EQ(all.size(), 2u);
  // Neither of the two unusable snapshots takes the place of a good one.
  ASSERT_OK(catalog.Save(&made, 1, &activity));
  EXPECT_EQ(store.objects.size(), 2u);
}

TEST(Catalog, AManifestThatDoesNotComeHidesNoOther) {
  TestNode node(kSchema);
  test::MemoryStore store;
  Catalog catalog(&store);
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  ASSERT_VALUE(const std::string first, catalog.Save(&made, 3, &activity));
  ASSERT_VALUE(const std::string second, catalog.Save(&made, 3, &activity));
  store.silent = {second + ".manifest"};
  ASSERT_VALUE(const auto all, catalog.List());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, second);
  EXPECT_TRUE(all[0].passing);
  ASSERT_VALUE(const auto newest, catalog.Newest());
  EXPECT_EQ(newest->name, first);
  // The snapshot stays, because other nodes may be able to read it, and does not count among the
  // kept ones. It goes when enough newer ones are good.
  ASSERT_VALUE(const std::string third, catalog.Save(&made, 2, &activity));
  EXPECT_TRUE(store.objects.contains(second + ".db.zst"));
  EXPECT_TRUE(store.objects.contains(first + ".db.zst"));
  ASSERT_OK(catalog.Save(&made, 2, &activity));
  EXPECT_EQ(store.objects.size(), 4u);
  EXPECT_TRUE(store.objects.contains(third + ".db.zst"));
}

TEST(Catalog, WhereNoManifestComesThereIsNotNone) {
  TestNode node(kSchema);
  test::MemoryStore store;
  Catalog catalog(&store);
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  for (int i = 0; i < 3; ++i) ASSERT_OK(catalog.Save(&made, 3, &activity));
  ASSERT_VALUE(const auto all, catalog.List());
  store.all_silent = ".manifest";
  EXPECT_EQ(catalog.Newest().error().code(), ErrorCode::kRetryLater);
  store.silent_gets = 0;
  ASSERT_VALUE(const auto unread, catalog.List());
  EXPECT_EQ(unread.size(), 3u);
  for (const Listed& one : unread) EXPECT_TRUE(one.passing) << one.problem;
  EXPECT_EQ(store.silent_gets, 2) << "nobody waits for all of them";
}

TEST(Catalog, WhatCameDamagedIsFetchedOnceMore) {
  TestNode node(kSchema);
  test::MemoryStore store;
  Catalog catalog(&store);
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  ASSERT_OK(catalog.Save(&made, 3, &activity));
  ASSERT_VALUE(const auto newest, catalog.Newest());
  for (const bool streams : {false, true}) {
    store.takes_streams = streams;
    store.altered_gets = 1;
    EXPECT_OK(catalog.Open(*newest, OptionsOf(node), &activity));
    store.altered_gets = 2;
    const auto damaged = catalog.Open(*newest, OptionsOf(node), &activity);
    EXPECT_EQ(damaged.error().code(), ErrorCode::kCorruption);
    EXPECT_EQ(store.altered_gets, 0);
  }
}

TEST(Catalog, AFailedPutLeavesTheOldOnes) {
  TestNode node(kSchema);
  test::MemoryStore store;
  Catalog catalog(&store);
  Activity activity;
  ASSERT_VALUE(Made made, Make(OptionsOf(node), node.clock, &activity));
  ASSERT_VALUE(const std::string good, catalog.Save(&made, 1, &activity));
  store.put_error = {ErrorCode::kRetryLater, "the disk is full"};
  auto failed = catalog.Save(&made, 1, &activity);
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message().find("the disk is full"), std::string::npos);
  ASSERT_VALUE(const auto newest, catalog.Newest());
  EXPECT_EQ(newest->name, good);
  ASSERT_VALUE(const PrivateDatabase copy, catalog.Open(*newest, OptionsOf(node), &activity));
  EXPECT_EQ(store.objects.size(), 2u);
}

}  // namespace
}  // namespace harmonylite::snapshot
