#include "snapshot/packed_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "snapshot/copy.h"
#include "sqlite/sqlite_test_util.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::snapshot {
namespace {

using sqlite::Must;

constexpr size_t kPage = 4096;

// A page that is unlike every other page, and that packs to about half its size.
std::string Page(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string out(kPage, 'x');
  for (size_t i = 0; i < kPage / 2; ++i) out[i] = static_cast<char>(random());
  return out;
}

// A PackedFile, and a string that holds what the file must hold.
class Both {
 public:
  explicit Both(PackedFile* file) : file_(file) {}
  void Write(uint64_t offset, const std::string& bytes) {
    Must(file_->Write(offset, bytes));
    if (expected_.size() < offset + bytes.size()) expected_.resize(offset + bytes.size());
    expected_.replace(offset, bytes.size(), bytes);
  }
  void Truncate(uint64_t size) {
    Must(file_->Truncate(size));
    expected_.resize(size);
  }
  void CheckRead(uint64_t offset, size_t length) {
    std::string out(length, '\0');
    Must(file_->Read(offset, out.data(), length));
    ASSERT_TRUE(out == expected_.substr(offset, length)) << length << " bytes at " << offset;
  }
  // Every frame must be what packing the piece alone gives.
  void CheckPieces() {
    ASSERT_EQ(Must(file_->Size()), expected_.size());
    std::string frame, alone;
    for (uint64_t i = 0; i * kPieceBytes < expected_.size(); ++i) {
      const std::string_view plain =
          std::string_view(expected_).substr(i * kPieceBytes, kPieceBytes);
      uint64_t hash = 0;
      Must(file_->Get(i, &frame, &hash));
      packer_.Pack(plain, &alone);
      ASSERT_TRUE(frame == alone) << "piece " << i;
      ASSERT_EQ(hash, HashPiece(plain));
    }
  }
  uint64_t size() const { return expected_.size(); }

 private:
  PackedFile* file_;
  PiecePacker packer_;
  std::string expected_;
};

void WriteInOrder(Both* both, uint64_t bytes) {
  for (uint64_t at = both->size(); at < bytes; at += kPage) both->Write(at, Page(at));
}

class PackedFileWhere : public testing::TestWithParam<std::string> {
 protected:
  // The parameter is the spool's folder. An empty one stands for a disk with room.
  std::string spool() const { return GetParam().empty() ? dir_.path() : GetParam(); }
  test::TempDir dir_;
};
INSTANTIATE_TEST_SUITE_P(Spools, PackedFileWhere, testing::Values("", "/nonexistent"));

TEST_P(PackedFileWhere, IsWhatWasWritten) {
  PackedFile file(dir_.path(), spool());
  Both both(&file);
  WriteInOrder(&both, (60 << 20) + 3 * kPage);  // more than fits into the file's memory
  both.CheckRead(100, 3 * kPieceBytes);
  file.Settle();
  both.CheckPieces();
  both.CheckRead(0, both.size());
}

TEST_P(PackedFileWhere, WhatIsWrittenAgainIsPackedAgain) {
  PackedFile file(dir_.path(), spool());
  Both both(&file);
  WriteInOrder(&both, 60 << 20);
  both.Write(5 * kPage, Page(1));  // a page of a piece that is packed
  WriteInOrder(&both, 70 << 20);
  file.Settle();
  both.CheckPieces();
  both.Write(5 * kPage, Page(2));
  both.Write((40 << 20) - kPage, Page(3) + Page(4));  // across the edge of two pieces
  both.CheckPieces();
  both.CheckPieces();
  // The end of the file moves within a packed piece, and away from it.
  both.Write(both.size(), Page(5));
  both.CheckPieces();
  WriteInOrder(&both, (70 << 20) + 2 * kPage);
  both.CheckPieces();
  both.Truncate((30 << 20) + kPage);
  both.CheckPieces();
  // Zeros must lie between the old end and the new page, not the bytes that were cut off.
  both.Write((33 << 20) + kPage, Page(6));
  both.CheckRead(30 << 20, 3 << 20);
  both.CheckPieces();
}

TEST_P(PackedFileWhere, AnyOrderOfCalls) {
  std::mt19937_64 random(20261128);
  for (int history = 0; history < 6; ++history) {
    PackedFile file(dir_.path(), spool());
    Both both(&file);
    WriteInOrder(&both, (random() % 90) << 20);
    const int settled = static_cast<int>(random() % 400);
    for (int step = 0; step < 400; ++step) {
      if (step == settled) file.Settle();
      const uint64_t page = both.size() == 0 ? 0 : random() % (both.size() / kPage);
      switch (random() % 20) {
        case 0:
          both.Truncate(page * kPage);
          break;
        case 1:
          WriteInOrder(&both, both.size() + (random() % 3 << 20) + kPage);
          break;
        case 2:
          both.Write(both.size() + (random() % (5 << 20)) / kPage * kPage, Page(random()));
          break;
        case 3:
          if (step > settled && step % 10 == 0) both.CheckPieces();
          break;
        default:
          if (random() % 2 == 0) both.Write(page * kPage, Page(random()));
          if (both.size() > kPage) both.CheckRead(page * kPage, kPage);
      }
      ASSERT_LE(file.memory(), size_t{46} << 20);
      if (HasFatalFailure()) FAIL() << "history " << history << " step " << step;
    }
    file.Settle();
    both.CheckPieces();
    if (both.size() > 0) both.CheckRead(0, both.size());
  }
}

TEST(PackedFile, HasLittleInMemoryAlsoWhenItBeginsAnew) {
  test::TempDir dir;
  PackedFile file(dir.path(), dir.path());
  Both both(&file);
  WriteInOrder(&both, 80 << 20);
  both.Truncate(kPage);
  WriteInOrder(&both, 60 << 20);
  EXPECT_LE(file.memory(), size_t{46} << 20);
}

TEST(PackedFile, EndsAtAnyMoment) {
  test::TempDir dir;
  { const PackedFile empty(dir.path(), dir.path()); }
  PackedFile file(dir.path(), dir.path());
  Both both(&file);
  WriteInOrder(&both, 45 << 20);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path())) << "its files have names";
}

TEST(PackedFile, SaysWhereNothingCanBeStored) {
  PackedFile file("/nonexistent", "/nonexistent");
  const std::string piece(kPieceBytes, 'a');
  Status status = Ok();
  for (uint64_t i = 0; status.ok() && i < 100; ++i) status = file.Write(i * kPieceBytes, piece);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kRetryLater);
  EXPECT_NE(status.error().message().find("cannot make a temporary file in /nonexistent"),
            std::string::npos);
}

// SQLite with a small cache works on a PackedFile, so that it comes back to pages that are packed.
TEST(Copy, IsADatabaseLikeAnyOther) {
  test::TempDir dir;
  const std::string path = dir.File("app.db");
  {
    auto source = Must(sqlite::Connection::Open(path, sqlite::OpenMode::kCreate));
    sqlite::Execute(
        &source,
        "PRAGMA journal_mode = WAL; CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b TEXT);"
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 70000) "
        "INSERT INTO t SELECT i, hex(randomblob(200)), 'b' || i FROM c;"
        "CREATE INDEX t_a ON t(a); CREATE TABLE u AS SELECT * FROM t WHERE id % 3 = 0");
  }
  auto source = Must(sqlite::Connection::Open(path, sqlite::OpenMode::kReadWriteUris));
  ASSERT_VALUE(Copy copy, Copy::Reserve(path, "", dir.path()));
  auto vacuum = Must(source.Prepare("VACUUM INTO ?1"));
  const std::string target = copy.target();
  vacuum.Bind(1, target);
  ASSERT_OK(vacuum.Run());
  ASSERT_OK(copy.Open());
  ASSERT_OK(copy.db().SetCacheKib(2000));
  const std::string change =
      "UPDATE t SET b = a || b WHERE id % 7 = 0; DELETE FROM t WHERE id % 5 = 0; DROP TABLE u;"
      "CREATE INDEX t_b ON t(b); INSERT INTO t SELECT id + 1000000, b, a FROM t WHERE id % 11 = 0";
  sqlite::Execute(&copy.db(), change);
  sqlite::Execute(&source, change);
  EXPECT_EQ(Must(copy.db().QueryText("PRAGMA integrity_check")), "ok");
  const std::string all =
      "SELECT count(*), sum(length(a) * id), sum(length(b) * id), min(b), max(a) FROM t";
  EXPECT_EQ(sqlite::Query(&copy.db(), all), sqlite::Query(&source, all));
  ASSERT_VALUE(const uint64_t size, copy.pieces().Size());
  const auto plain = PiecesOf(&copy.db());
  for (uint64_t i = 0; i * kPieceBytes < size; ++i) {
    std::string frame, expected;
    uint64_t hash = 0, expected_hash = 1;
    ASSERT_OK(copy.pieces().Get(i, &frame, &hash));
    ASSERT_OK(plain->Get(i, &expected, &expected_hash));
    ASSERT_TRUE(frame == expected && hash == expected_hash) << "piece " << i;
  }
}

}  // namespace
}  // namespace harmonylite::snapshot
