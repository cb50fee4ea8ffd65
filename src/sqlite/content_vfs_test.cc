#include "sqlite/content_vfs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "sqlite/raw_file.h"
#include "sqlite/sqlite_test_util.h"
#include "sqlite/vacuum.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::sqlite {
namespace {

class InMemory final : public FileContent {
 public:
  uint64_t size() const override { return bytes.size(); }
  Status Read(uint64_t offset, char* out, size_t length) override {
    EXPECT_LE(offset + length, bytes.size());
    std::memcpy(out, bytes.data() + offset, length);
    return Ok();
  }
  Status Write(uint64_t offset, std::string_view part) override {
    if (offset + part.size() > limit) return MakeError(ErrorCode::kRetryLater, "the paper is full");
    bytes.resize(std::max<size_t>(bytes.size(), offset + part.size()));
    bytes.replace(offset, part.size(), part);
    return Ok();
  }
  Status Truncate(uint64_t size) override {
    bytes.resize(size);
    return Ok();
  }
  std::string bytes;
  uint64_t limit = UINT64_MAX;
};

// Makes a database with 1,000 rows of 5,000 bytes, and opens it so that it can write to URIs.
Connection Source(const test::TempDir& dir) {
  Connection out = Must(Connection::Open(dir.File("a.db"), OpenMode::kCreate));
  Execute(&out,
          "CREATE TABLE t(a INTEGER PRIMARY KEY, b);"
          "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000) "
          "INSERT INTO t SELECT i, zeroblob(5000) FROM c");
  return Must(Connection::Open(dir.File("a.db"), OpenMode::kReadWriteUris));
}

Status VacuumIntoUri(Connection* source, const std::string& uri) {
  Statement vacuum = Must(source->Prepare("VACUUM INTO ?1"));
  vacuum.Bind(1, uri);
  return vacuum.Run();
}

TEST(ContentVfs, IsADatabaseWithoutAFile) {
  test::TempDir dir;
  InMemory content;
  ContentVfs vfs(&content);
  {
    Connection source = Source(dir);
    ASSERT_OK(VacuumIntoUri(&source, vfs.uri()));
  }
  EXPECT_TRUE(content.bytes.starts_with("SQLite format 3"));
  Connection db = Must(Connection::Open("content", OpenMode::kCreate, vfs.name()));
  EXPECT_EQ(Query(&db, "SELECT count(*), sum(length(b)) FROM t"),
            std::vector<std::string>{"1000|5000000"});
  // A temporary table and a sort make SQLite open other files through this VFS.
  Execute(&db,
          "PRAGMA temp_store = FILE; CREATE TEMP TABLE u AS SELECT * FROM t ORDER BY b, -a; DELETE "
          "FROM t WHERE a > 10");
  EXPECT_EQ(Query(&db, "SELECT count(*) FROM u"), std::vector<std::string>{"1000"});
  ASSERT_OK(Vacuum(&db));
  EXPECT_EQ(Query(&db, "PRAGMA integrity_check"), std::vector<std::string>{"'ok'"});
  EXPECT_EQ(Must(FileSize(&db)), content.bytes.size());
  EXPECT_LT(content.bytes.size(), 200'000u);
}

TEST(ContentVfs, SaysWhyItCouldNotBeWritten) {
  test::TempDir dir;
  InMemory content;
  content.limit = 100'000;
  ContentVfs vfs(&content);
  Connection source = Source(dir);
  Execute(&source, "PRAGMA cache_size = 10");
  const Status failed = VacuumIntoUri(&source, vfs.uri());
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), ErrorCode::kRetryLater);
  EXPECT_EQ(vfs.failure(), "the paper is full");
  Execute(&source, "INSERT INTO t VALUES(0, 0)");  // The source is still usable.
}

}  // namespace
}  // namespace harmonylite::sqlite
