#include "sqlite/connection.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "sqlite/door_vfs.h"
#include "sqlite/readable_schema.h"
#include "sqlite/sql_error.h"
#include "sqlite/sql_text.h"

namespace harmonylite::sqlite {

namespace {

// A commit moves the WAL's pages into the file from this number on, as SQLite does by default.
constexpr int kCheckpointPages = 1'000;

// Instructions of SQLite's virtual machine between two calls of a progress handler.
constexpr int kOperations = 10'000;

// Moves pages from the WAL into the file without waiting for anybody. Returns SQLite's result code.
int MovePages(sqlite3* db, const char* schema) {
  return sqlite3_wal_checkpoint_v2(db, schema, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

int Authorize(void* authorizer, int code, const char* a, const char* b, const char* database,
              const char* trigger) {
  const auto& ask = *static_cast<const Connection::Authorizer*>(authorizer);
  return ask ? ask(code, a, b, database, trigger) : SQLITE_OK;
}

int ListAction(std::vector<PlannedAction>* actions, int code, const char* a, const char* b,
               const char* trigger) {
  PlannedAction action;
  switch (code) {
    case SQLITE_READ:
      action.kind = PlannedAction::kRead;
      break;
    case SQLITE_INSERT:
      action.kind = PlannedAction::kInsert;
      break;
    case SQLITE_UPDATE:
      action.kind = PlannedAction::kUpdate;
      break;
    case SQLITE_DELETE:
      action.kind = PlannedAction::kDelete;
      break;
    case SQLITE_FUNCTION:
      action.kind = PlannedAction::kFunction;
      break;
    default:
      break;
  }
  const bool is_function = code == SQLITE_FUNCTION;
  const char* name = is_function ? b : a;
  if (name != nullptr) action.table = name;
  if (!is_function && b != nullptr) action.column = b;
  if (trigger != nullptr) action.trigger = trigger;
  actions->push_back(std::move(action));
  return SQLITE_OK;
}

}  // namespace

Result<Connection> Connection::Open(const std::string& path, OpenMode mode,
                                    const std::string& vfs) {
  const int access = mode == OpenMode::kReadOnly    ? SQLITE_OPEN_READONLY
                     : mode == OpenMode::kReadWrite ? SQLITE_OPEN_READWRITE
                     : mode == OpenMode::kReadWriteUris
                         ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI
                         : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  sqlite3* db = nullptr;
  const int rc =
      sqlite3_open_v2(path.c_str(), &db, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                      vfs.empty() ? FileVfs().c_str() : vfs.c_str());
  Connection connection(db);
  if (rc != SQLITE_OK) {
    // SQLite has one code for all files that it cannot open. The system's code tells whether the
    // file exists.
    const bool absent = mode != OpenMode::kCreate && (rc & 0xFF) == SQLITE_CANTOPEN &&
                        db != nullptr && sqlite3_system_errno(db) == ENOENT;
    if (absent) return MakeError(ErrorCode::kNotFound, "{} does not exist", path);
    return ErrorOf(db, "cannot open " + path);
  }
  // This query reads the header, so that a file which is no database is found now and not later. A
  // busy database says nothing about that, so other errors are ignored.
  sqlite3_busy_timeout(db, 1000);
  const int probe = sqlite3_exec(db, "PRAGMA schema_version", nullptr, nullptr, nullptr);
  if ((probe & 0xFF) == SQLITE_NOTADB || (probe & 0xFF) == SQLITE_CORRUPT)
    return ErrorOf(db, path + " is not a SQLite database");
  // What the application's schema uses need not be innocuous: in 3.40, JSON functions are not.
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  if (mode != OpenMode::kReadWriteUris) sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_set_authorizer(db, Authorize, connection.authorizer_.get());
  return connection;
}

Connection::Connection(Connection&& other) noexcept
    : db_(std::exchange(other.db_, nullptr)),
      data_version_(std::move(other.data_version_)),
      rollback_(std::move(other.rollback_)),
      cache_(std::move(other.cache_)),
      marks_(std::move(other.marks_)),
      hook_(std::move(other.hook_)),
      authorizer_(std::move(other.authorizer_)),
      must_roll_back_(other.must_roll_back_) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(data_version_, other.data_version_);
  std::swap(rollback_, other.rollback_);
  std::swap(cache_, other.cache_);
  std::swap(marks_, other.marks_);
  std::swap(hook_, other.hook_);
  std::swap(authorizer_, other.authorizer_);
  std::swap(must_roll_back_, other.must_roll_back_);
  return *this;
}

Connection::~Connection() {
  data_version_ = Statement();
  rollback_ = Statement();
  cache_.clear();
  sqlite3_close_v2(db_);
}

Error Connection::MakeSqlError(std::string_view what) const { return ErrorOf(db_, what); }

Status Connection::Ready() {
  if (marks_->unread) return TakeUnread(&marks_->unread);
  return FinishRollback();
}

Status Connection::FinishRollback() {
  if (!must_roll_back_) return Ok();
  if (in_transaction()) {
    Status rolled_back = rollback_.Run();
    if (!rolled_back.ok() && in_transaction()) return rolled_back;
  }
  must_roll_back_ = false;
  return Ok();
}

// SQLite would prepare the first statement of a text, end the text at a NUL, and be content.
Result<Statement> Connection::PrepareOne(std::string_view sql, unsigned flags) {
  if (sql.find('\0') != std::string_view::npos)
    return MakeError(ErrorCode::kInvalidArgument, "{}: a NUL byte in SQL", sql.substr(0, 200));
  sqlite3_stmt* stmt = nullptr;
  const char* end = nullptr;
  const auto prepare = [&] {
    return sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), flags, &stmt, &end);
  };
  int rc = prepare();
  if (rc != SQLITE_OK && LoadReadable(db_, rc, &marks_->partial)) rc = prepare();
  if (rc != SQLITE_OK) return MakeSqlError(sql.substr(0, 200));
  Statement statement(stmt, marks_.get());
  if (stmt == nullptr || !HasNoStatement(sql.substr(static_cast<size_t>(end - sql.data()))))
    return MakeError(ErrorCode::kInvalidArgument, "{}: not one statement", sql.substr(0, 200));
  return statement;
}

Result<Statement> Connection::Prepare(std::string_view sql) {
  HL_TRY(Ready());
  return PrepareOne(sql, SQLITE_PREPARE_PERSISTENT);
}

Result<CachedStatement> Connection::PrepareCached(const std::string& sql) {
  HL_TRY(Ready());
  auto it = cache_.find(sql);
  if (it == cache_.end()) {
    HL_ASSIGN(Statement statement, Prepare(sql));
    // References to elements of an unordered_map stay valid while the map grows.
    it = cache_.emplace(sql, std::move(statement)).first;
  }
  HL_CHECK(sqlite3_stmt_busy(it->second.stmt_) == 0);
  return CachedStatement(&it->second);
}

void Connection::ClearCache() {
  for (const auto& [sql, statement] : cache_) HL_CHECK(sqlite3_stmt_busy(statement.stmt_) == 0);
  cache_.clear();
}

Result<Statement> Connection::PrepareListing(std::string_view sql,
                                             std::vector<PlannedAction>* actions) {
  SetAuthorizer([&](int code, const char* a, const char* b, const char*, const char* trigger) {
    return ListAction(actions, code, a, b, trigger);
  });
  auto statement = Prepare(sql);
  SetAuthorizer({});
  return statement;
}

Result<std::optional<std::string>> Connection::WhatItLacks(std::string_view sql) {
  auto statement = Prepare(sql);
  if (statement.ok()) return std::optional<std::string>();
  if (statement.error().code() != ErrorCode::kInvalidArgument) return std::move(statement).error();
  return std::optional<std::string>(sqlite3_errmsg(db_));
}

Status Connection::Exec(std::string_view sql) {
  HL_TRY(Ready());
  HL_ASSIGN(const Statement statement, PrepareOne(sql, 0));
  int rc = SQLITE_ROW;
  while (rc == SQLITE_ROW) rc = StepOrLoad(statement.raw(), &marks_->partial);
  return rc == SQLITE_DONE ? KeepRollback() : Status(MakeSqlError(sql.substr(0, 200)));
}

Status Connection::KeepRollback() {
  if (!in_transaction() || rollback_.raw() == nullptr || sqlite3_expired(rollback_.raw()) == 0)
    return Ok();
  Authorizer asked = std::exchange(*authorizer_, {});
  auto rollback = PrepareOne("ROLLBACK", SQLITE_PREPARE_PERSISTENT);
  *authorizer_ = std::move(asked);
  if (!rollback.ok()) return std::move(rollback).error();
  rollback_ = std::move(*rollback);
  return Ok();
}

Result<int64_t> Connection::QueryInt(std::string_view sql) {
  HL_ASSIGN(Statement statement, Prepare(sql));
  HL_ASSIGN(const bool row, statement.Step());
  if (!row) return MakeError(ErrorCode::kNotFound, "no row: {}", sql);
  return statement.Int(0);
}

Result<std::string> Connection::QueryText(std::string_view sql) {
  HL_ASSIGN(Statement statement, Prepare(sql));
  HL_ASSIGN(const bool row, statement.Step());
  if (!row) return MakeError(ErrorCode::kNotFound, "no row: {}", sql);
  return std::string(statement.Text(0));
}

void Connection::SetBusyTimeout(int ms) { sqlite3_busy_timeout(db_, ms); }

void Connection::EnableTriggers(bool on) {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, on ? 1 : 0, nullptr);
}

bool Connection::triggers_enabled() const {
  int on = 0;
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, -1, &on);
  return on != 0;
}

void Connection::EnableForeignKeys(bool on) {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, on ? 1 : 0, nullptr);
}

Status Connection::SetCacheKib(int kib) { return Exec(fmt::format("PRAGMA cache_size=-{}", kib)); }

size_t Connection::max_columns() const {
  return static_cast<size_t>(sqlite3_limit(db_, SQLITE_LIMIT_COLUMN, -1));
}

int64_t Connection::changes() const { return sqlite3_changes64(db_); }
int64_t Connection::total_changes() const { return sqlite3_total_changes64(db_); }
int64_t Connection::last_insert_rowid() const { return sqlite3_last_insert_rowid(db_); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
void Connection::Interrupt() { sqlite3_interrupt(db_); }

void Connection::InterruptWhen(const std::atomic<bool>* flag) {
  HL_CHECK(hook_ == nullptr);
  const auto look = [](void* context) {
    return static_cast<const std::atomic<bool>*>(context)->load() ? 1 : 0;
  };
  sqlite3_progress_handler(db_, flag == nullptr ? 0 : kOperations,
                           flag == nullptr ? nullptr : +look, const_cast<std::atomic<bool>*>(flag));
}

// SQLite's automatic checkpoint is a WAL hook: SQLite calls it after a commit, when the write lock
// is free again. The hook set here replaces it. It tells the listener that the lock is free, and
// then does the same work, unless the taker sees to it.
void Connection::SetWriteLockListener(WriteLockListener* listener, CheckpointTaker* taker) {
  if (listener == nullptr) {
    sqlite3_wal_autocheckpoint(db_, kCheckpointPages);
    sqlite3_progress_handler(db_, 0, nullptr, nullptr);
    hook_.reset();
    return;
  }
  sqlite3_progress_handler(
      db_, kOperations,
      [](void* told) {
        static_cast<WriteLockListener*>(told)->Working();
        return 0;
      },
      listener);
  auto hook = std::make_unique<CommitHook>(CommitHook{listener, taker});
  sqlite3_wal_hook(
      db_,
      [](void* context, sqlite3* db, const char* schema, int pages) {
        const auto* told = static_cast<const CommitHook*>(context);
        told->listener->Released();
        if (pages < kCheckpointPages || (told->taker != nullptr && told->taker->Take(pages)))
          return SQLITE_OK;
        // Pages that cannot be moved now are moved after a later commit. Nothing is lost, and the
        // commit at hand has succeeded already.
        (void)MovePages(db, schema);
        return SQLITE_OK;
      },
      hook.get());
  hook_ = std::move(hook);
}

Status Connection::MoveWalPages() {
  HL_TRY(Ready());
  return MovePages(db_, "main") == SQLITE_OK
             ? Ok()
             : Status(MakeSqlError("moving pages of the WAL into the file"));
}

int Connection::extended_error() const { return sqlite3_extended_errcode(db_); }

bool Connection::constraint_was_unique() const {
  const int rc = extended_error();
  return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
         rc == SQLITE_CONSTRAINT_ROWID;
}

Result<std::string> Connection::ColumnCollation(const std::string& table,
                                                const std::string& column) {
  const char* collation = nullptr;
  const int code = sqlite3_table_column_metadata(db_, "main", table.c_str(), column.c_str(),
                                                 nullptr, &collation, nullptr, nullptr, nullptr);
  if (code == SQLITE_ERROR) return std::string("BINARY");  // no such column
  if (code != SQLITE_OK) return MakeSqlError("reading the columns of " + table);
  return std::string(collation == nullptr ? "BINARY" : collation);
}

Result<bool> Connection::IsAutoincrement(const std::string& table, const std::string& column) {
  int counts = 0;
  const int code = sqlite3_table_column_metadata(db_, "main", table.c_str(), column.c_str(),
                                                 nullptr, nullptr, nullptr, nullptr, &counts);
  if (code == SQLITE_ERROR) return false;  // no such column
  if (code != SQLITE_OK) return MakeSqlError("reading the columns of " + table);
  return counts != 0;
}

Result<int64_t> Connection::DataVersion() {
  if (!data_version_) {
    HL_ASSIGN(data_version_, Prepare("PRAGMA data_version"));
  }
  HL_TRY(Ready());
  HL_ASSIGN(const bool row, data_version_.Step());
  const int64_t version = row ? data_version_.Int(0) : 0;
  data_version_.Reset();
  return version;
}

}  // namespace harmonylite::sqlite
