#include "cli/known_tables.h"

#include <gtest/gtest.h>

namespace harmonylite::cli {
namespace {

using Columns = std::vector<std::string>;

std::string Owner(std::string_view name, const Columns& columns) {
  const auto known = Recognise(name, columns);
  return known ? std::string(known->owner) : "nobody";
}

TEST(KnownTables, OneNameOfSeveralPrograms) {
  EXPECT_EQ(Owner("schema_migrations", {"version"}), "Rails or dbmate");
  EXPECT_EQ(Owner("schema_migrations", {"version", "dirty"}), "golang-migrate");
  EXPECT_EQ(Owner("schema_migrations", {"version", "inserted_at"}), "Ecto");
  EXPECT_EQ(Owner("migrations", {"id", "migration", "batch"}), "Laravel");
  EXPECT_EQ(Owner("migrations", {"id", "timestamp", "name"}), "TypeORM");
}

TEST(KnownTables, ATableOfTheApplicationHasOtherColumns) {
  EXPECT_EQ(Owner("migrations", {"id", "species", "batch", "migration"}), "nobody");
  EXPECT_EQ(Owner("migrations", {"id", "migration"}), "nobody");
  EXPECT_EQ(Owner("jobs", {"id", "title", "salary"}), "nobody");
  EXPECT_EQ(Owner("sessions", {"id", "speaker", "starts_at"}), "nobody");
  EXPECT_EQ(Owner("cache", {}), "nobody");
  EXPECT_EQ(Owner("my_migrations", {"id", "migration", "batch"}), "nobody");
}

TEST(KnownTables, CaseAndOrderDoNotMatter) {
  EXPECT_EQ(Owner("__EFMigrationsHistory", {"ProductVersion", "MigrationId"}), "EF Core");
  EXPECT_EQ(Owner("DJANGO_SESSION", {"expire_date", "session_key", "SESSION_DATA"}), "Django");
}

TEST(KnownTables, ColumnsThatSomeVersionsHave) {
  EXPECT_EQ(Owner("solid_cache_entries", {"id", "key", "value", "created_at"}),
            "Rails, Solid Cache");
  EXPECT_EQ(
      Owner("solid_cache_entries", {"id", "key", "value", "created_at", "key_hash", "byte_size"}),
      "Rails, Solid Cache");
  EXPECT_EQ(Owner("solid_cache_entries", {"id", "key", "value", "created_at", "mine"}), "nobody");
  EXPECT_EQ(Owner("solid_queue_ready_executions", {"id", "job_id", "priority", "created_at"}),
            "Rails, Solid Queue");
  EXPECT_EQ(Owner("solid_queue_notes", {"id", "text"}), "nobody");
}

TEST(KnownTables, DjangosCacheHasAnyNameWithTheWordInIt) {
  const Columns columns = {"cache_key", "value", "expires"};
  EXPECT_EQ(Owner("my_cache_table", columns), "Django");
  EXPECT_EQ(Owner("prices", columns), "nobody");
}

TEST(KnownTables, Roles) {
  EXPECT_EQ(Recognise("alembic_version", {"version_num"})->role, TableRole::kMigrations);
  EXPECT_EQ(Recognise("apscheduler_jobs", {"id", "next_run_time", "job_state"})->role,
            TableRole::kJobs);
  EXPECT_EQ(Recognise("sessions", {"token", "data", "expiry"})->role, TableRole::kSessions);
  EXPECT_EQ(Recognise("keyv", {"key", "value"})->role, TableRole::kCache);
  EXPECT_EQ(Recognise("_litestream_seq", {"id", "seq"})->role, TableRole::kFileState);
}

}  // namespace
}  // namespace harmonylite::cli
