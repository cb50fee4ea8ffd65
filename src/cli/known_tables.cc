#include "cli/known_tables.h"

#include <algorithm>
#include <set>

#include "config/glob.h"
#include "sqlite/identifier.h"

namespace harmonylite::cli {

namespace {

struct Row {
  TableRole role;
  std::string_view owner;
  std::string_view name;      // a pattern (config/glob.h)
  std::string_view columns;   // every one of them is there; separated by spaces, in folded case
  std::string_view optional;  // some versions have these as well; "*": others may be there, too
};

constexpr TableRole kMigrations = TableRole::kMigrations;
constexpr TableRole kJobs = TableRole::kJobs;
constexpr TableRole kSessions = TableRole::kSessions;
constexpr TableRole kCache = TableRole::kCache;

constexpr Row kRows[] = {
    {kMigrations, "Django", "django_migrations", "id app name applied", ""},
    {kMigrations, "Rails or dbmate", "schema_migrations", "version", ""},
    {kMigrations, "golang-migrate", "schema_migrations", "version dirty", ""},
    {kMigrations, "Ecto", "schema_migrations", "version inserted_at", ""},
    {kMigrations, "Rails", "ar_internal_metadata", "key value created_at updated_at", ""},
    {kMigrations, "Laravel", "migrations", "id migration batch", ""},
    {kMigrations, "TypeORM", "migrations", "id timestamp name", ""},
    {kMigrations, "Knex", "knex_migrations", "id name batch migration_time", ""},
    {kMigrations, "Knex", "knex_migrations_lock", "index is_locked", ""},
    {kMigrations, "Prisma", "_prisma_migrations",
     "id checksum finished_at migration_name logs rolled_back_at started_at applied_steps_count",
     ""},
    {kMigrations, "Drizzle", "__drizzle_migrations", "id hash created_at", "name applied_at"},
    {kMigrations, "Sequelize", "SequelizeMeta", "name", "createdat updatedat"},
    {kMigrations, "Kysely", "kysely_migration", "name timestamp", ""},
    {kMigrations, "Kysely", "kysely_migration_lock", "id is_locked", ""},
    {kMigrations, "Alembic", "alembic_version", "version_num", ""},
    {kMigrations, "PocketBase", "_migrations", "file applied", ""},
    {kMigrations, "goose", "goose_db_version", "id version_id is_applied tstamp", ""},
    {kMigrations, "Flyway", "flyway_schema_history",
     "installed_rank version description type script checksum installed_by installed_on "
     "execution_time success",
     ""},
    {kMigrations, "Liquibase", "databasechangelog",
     "id author filename dateexecuted orderexecuted exectype", "*"},
    {kMigrations, "Liquibase", "databasechangeloglock", "id locked lockgranted lockedby", ""},
    {kMigrations, "EF Core", "__efmigrationshistory", "migrationid productversion", ""},
    {kMigrations, "EF Core", "__efmigrationslock", "id timestamp", ""},
    {kMigrations, "SQLx", "_sqlx_migrations",
     "version description installed_on success checksum execution_time", ""},
    {kMigrations, "Diesel", "__diesel_schema_migrations", "version run_on", ""},
    {kMigrations, "SeaORM", "seaql_migrations", "version applied_at", ""},
    {kMigrations, "refinery", "refinery_schema_history", "version name applied_on checksum", ""},
    {kMigrations, "Phinx", "phinxlog", "version migration_name start_time end_time", "breakpoint"},
    {kMigrations, "Doctrine", "doctrine_migration_versions", "version executed_at execution_time",
     ""},
    {kMigrations, "Yii", "migration", "version apply_time", ""},
    {kMigrations, "Room", "room_master_table", "id identity_hash", ""},

    {kJobs, "Rails, Solid Queue", "solid_queue_*", "id created_at", "*"},
    {kJobs, "Rails, Delayed Job", "delayed_jobs",
     "id priority attempts handler last_error run_at locked_at failed_at locked_by queue",
     "created_at updated_at"},
    {kJobs, "Laravel", "jobs", "id queue payload attempts reserved_at available_at created_at", ""},
    {kJobs, "Django Q", "django_q_ormq", "id key payload lock", ""},
    {kJobs, "Django Q", "django_q_schedule", "id func next_run", "*"},
    {kJobs, "APScheduler", "apscheduler_jobs", "id next_run_time job_state", ""},
    {kJobs, "Kombu", "kombu_message", "id visible timestamp payload version queue_id", ""},
    {kJobs, "Symfony Messenger", "messenger_messages",
     "id body headers queue_name created_at available_at delivered_at", ""},
    {kJobs, "Oban", "oban_jobs", "id state queue worker args attempt", "*"},
    {kJobs, "goqite", "goqite", "id created updated queue body timeout received", "priority"},

    {kSessions, "Django", "django_session", "session_key session_data expire_date", ""},
    {kSessions, "Rails", "sessions", "id session_id data created_at updated_at", ""},
    {kSessions, "Laravel", "sessions", "id user_id ip_address user_agent payload last_activity",
     ""},
    {kSessions, "Express", "sessions", "sid expired sess", ""},
    {kSessions, "Express", "sessions", "sid sess expire", ""},
    {kSessions, "Express", "sessions", "sid expires data createdat updatedat", "userid"},
    {kSessions, "Flask-Session", "sessions", "id session_id data expiry", ""},
    {kSessions, "Symfony", "sessions", "sess_id sess_data sess_lifetime sess_time", ""},
    {kSessions, "scs", "sessions", "token data expiry", ""},

    // The name is the administrator's choice.
    {kCache, "Django", "*cache*", "cache_key value expires", ""},
    {kCache, "Laravel", "cache", "key value expiration", ""},
    {kCache, "Laravel", "cache_locks", "key owner expiration", ""},
    {kCache, "Rails, Solid Cache", "solid_cache_entries", "id key value created_at",
     "key_hash byte_size"},
    {kCache, "Symfony", "cache_items", "item_id item_data item_lifetime item_time", ""},
    {kCache, "Keyv", "keyv", "key value", ""},
    {kCache, "MediaWiki", "objectcache", "keyname value exptime", "modtoken flags"},

    {TableRole::kFileState, "Litestream", "_litestream_seq", "id seq", ""},
    {TableRole::kFileState, "Litestream", "_litestream_lock", "id", ""},
};

std::set<std::string_view> Words(std::string_view text) {
  std::set<std::string_view> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (end > 0) out.insert(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

bool HasShape(const Row& row, const std::set<std::string>& columns) {
  const std::set<std::string_view> needed = Words(row.columns);
  const std::set<std::string_view> optional = Words(row.optional);
  const bool all = std::all_of(needed.begin(), needed.end(), [&](std::string_view word) {
    return columns.contains(std::string(word));
  });
  return all && (optional.contains("*") ||
                 std::all_of(columns.begin(), columns.end(), [&](const std::string& column) {
                   return needed.contains(column) || optional.contains(column);
                 }));
}

}  // namespace

std::optional<KnownTable> Recognise(std::string_view name,
                                    const std::vector<std::string>& columns) {
  std::set<std::string> folded;
  for (const std::string& column : columns) folded.insert(sqlite::FoldCase(column));
  for (const Row& row : kRows)
    if (config::GlobMatch(row.name, name) && HasShape(row, folded))
      return KnownTable{row.role, row.owner};
  return std::nullopt;
}

}  // namespace harmonylite::cli
