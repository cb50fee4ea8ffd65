#include "sqlite/connection.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

namespace harmonylite::sqlite {

namespace {

// A commit moves the WAL's pages into the file from this number on, as SQLite does by default.
constexpr int kCheckpointPages = 1'000;

// Moves pages from the WAL into the file without waiting for anybody. Returns SQLite's result code.
int MovePages(sqlite3* db, const char* schema) {
  return sqlite3_wal_checkpoint_v2(db, schema, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

ErrorCode CodeOf(int rc) {
  switch (rc & 0xFF) {
    case SQLITE_CONSTRAINT:
      return ErrorCode::kConflict;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorruption;
    case SQLITE_SCHEMA:
      return ErrorCode::kSchemaMismatch;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
      return ErrorCode::kRetryLater;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

Error ErrorOf(sqlite3* db, std::string_view what) {
  const int rc = db == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db);
  return MakeError(CodeOf(rc), "{}: {} (SQLite {})", what,
                   db == nullptr ? "out of memory" : sqlite3_errmsg(db), rc);
}

struct Listing {
  std::vector<PlannedAction>* actions;
};

int ListAction(void* context, int code, const char* a, const char* b, const char*,
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
  static_cast<Listing*>(context)->actions->push_back(std::move(action));
  return SQLITE_OK;
}

Error TakeUnread(bool* unread) {
  *unread = false;
  return MakeError(ErrorCode::kRetryLater, "a value could not be read: out of memory");
}

}  // namespace

// --- Statement ---

Statement::Statement(Statement&& other) noexcept
    : stmt_(std::exchange(other.stmt_, nullptr)), unread_(other.unread_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(stmt_, other.stmt_);
  std::swap(unread_, other.unread_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(stmt_); }

void Statement::Bind(int index, const ValueView& value) {
  int rc = SQLITE_OK;
  switch (value.type) {
    case ValueType::kNull:
      rc = sqlite3_bind_null(stmt_, index);
      break;
    case ValueType::kInteger:
      rc = sqlite3_bind_int64(stmt_, index, value.integer);
      break;
    case ValueType::kReal:
      rc = sqlite3_bind_double(stmt_, index, value.real);
      break;
    case ValueType::kText:
      // SQLite takes a null pointer for NULL, but this text is empty and not absent.
      rc = sqlite3_bind_text64(stmt_, index, value.bytes.empty() ? "" : value.bytes.data(),
                               value.bytes.size(), SQLITE_STATIC, SQLITE_UTF8);
      break;
    case ValueType::kBlob:
      rc = sqlite3_bind_blob64(stmt_, index, value.bytes.empty() ? "" : value.bytes.data(),
                               value.bytes.size(), SQLITE_STATIC);
      break;
  }
  // After SQLITE_TOOBIG or SQLITE_NOMEM the parameter is NULL, and the statement would silently
  // write NULL in place of the value. The process stops instead.
  HL_CHECK(rc == SQLITE_OK);
}

void Statement::Bind(int index, int64_t value) {
  HL_CHECK(sqlite3_bind_int64(stmt_, index, value) == SQLITE_OK);
}

void Statement::Bind(int index, std::string_view text) { Bind(index, ValueView::Text(text)); }

void Statement::BindNull(int index) { HL_CHECK(sqlite3_bind_null(stmt_, index) == SQLITE_OK); }

Result<bool> Statement::Step() {
  if (*unread_) {
    sqlite3_reset(stmt_);
    return TakeUnread(unread_);
  }
  const int rc = sqlite3_step(stmt_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) {
    sqlite3_reset(stmt_);
    return false;
  }
  Error error = ErrorOf(sqlite3_db_handle(stmt_), "statement");
  sqlite3_reset(stmt_);
  return error;
}

Status Statement::Run() {
  while (true) {
    HL_ASSIGN(const bool row, Step());
    if (!row) return Ok();
  }
}

void Statement::Reset() { sqlite3_reset(stmt_); }

ValueView Statement::Column(int index) const {
  switch (sqlite3_column_type(stmt_, index)) {
    case SQLITE_INTEGER:
      return ValueView::Integer(sqlite3_column_int64(stmt_, index));
    case SQLITE_FLOAT:
      return ValueView::Real(sqlite3_column_double(stmt_, index));
    case SQLITE_TEXT:
      return ValueView::Text(Text(index));
    case SQLITE_BLOB: {
      const auto* data = static_cast<const char*>(sqlite3_column_blob(stmt_, index));
      const auto size = static_cast<size_t>(sqlite3_column_bytes(stmt_, index));
      if (data == nullptr && size != 0) *unread_ = true;
      return ValueView::Blob(data == nullptr ? std::string_view("") : std::string_view(data, size));
    }
    default:
      return ValueView::Null();
  }
}

int64_t Statement::Int(int index) const { return sqlite3_column_int64(stmt_, index); }

std::string_view Statement::Text(int index) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(stmt_, index));
  if (data == nullptr) {
    if (!IsNull(index)) *unread_ = true;
    return "";
  }
  return {data, static_cast<size_t>(sqlite3_column_bytes(stmt_, index))};
}

bool Statement::IsNull(int index) const { return sqlite3_column_type(stmt_, index) == SQLITE_NULL; }

int Statement::columns() const { return sqlite3_column_count(stmt_); }

// --- Connection ---

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
                      vfs.empty() ? nullptr : vfs.c_str());
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
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, nullptr);
  return connection;
}

Connection::Connection(Connection&& other) noexcept
    : db_(std::exchange(other.db_, nullptr)),
      data_version_(std::move(other.data_version_)),
      rollback_(std::move(other.rollback_)),
      cache_(std::move(other.cache_)),
      unread_(std::move(other.unread_)),
      hook_(std::move(other.hook_)),
      must_roll_back_(other.must_roll_back_) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(data_version_, other.data_version_);
  std::swap(rollback_, other.rollback_);
  std::swap(cache_, other.cache_);
  std::swap(unread_, other.unread_);
  std::swap(hook_, other.hook_);
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
  if (*unread_) return TakeUnread(unread_.get());
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

Result<Statement> Connection::Prepare(std::string_view sql) {
  HL_TRY(Ready());
  sqlite3_stmt* stmt = nullptr;
  const int rc = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
  if (rc != SQLITE_OK) return MakeSqlError(sql.substr(0, 200));
  return Statement(stmt, unread_.get());
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
  Listing listing{actions};
  sqlite3_set_authorizer(db_, ListAction, &listing);
  auto statement = Prepare(sql);
  sqlite3_set_authorizer(db_, nullptr, nullptr);
  return statement;
}

Status Connection::Exec(std::string_view sql) {
  HL_TRY(Ready());
  const std::string text(sql);
  if (sqlite3_exec(db_, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return MakeSqlError(sql.substr(0, 200));
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

void Connection::EnableForeignKeys(bool on) {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, on ? 1 : 0, nullptr);
}

Status Connection::SetCacheKib(int kib) { return Exec(fmt::format("PRAGMA cache_size=-{}", kib)); }

int64_t Connection::changes() const { return sqlite3_changes64(db_); }
int64_t Connection::total_changes() const { return sqlite3_total_changes64(db_); }
int64_t Connection::last_insert_rowid() const { return sqlite3_last_insert_rowid(db_); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
void Connection::Interrupt() { sqlite3_interrupt(db_); }

void Connection::InterruptWhen(const std::atomic<bool>* flag) {
  // Instructions of SQLite's virtual machine between two looks at the flag.
  constexpr int kOperations = 10'000;
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
    hook_.reset();
    return;
  }
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

// --- Transaction ---

Result<Transaction> Transaction::Begin(Connection* connection, TransactionKind kind) {
  // ROLLBACK is prepared anew for each transaction. SQLite would have to prepare a statement from
  // before a schema change again, at the moment when it is needed and memory may be short.
  HL_ASSIGN(connection->rollback_, connection->Prepare("ROLLBACK"));
  if (kind == TransactionKind::kWrite) {
    WriteLockListener* listener = connection->listener();
    if (listener != nullptr) listener->BeforeLock();
    HL_TRY(connection->Exec("BEGIN IMMEDIATE"));
    if (listener != nullptr) listener->Locked();
    return Transaction(connection);
  }
  HL_TRY(connection->Exec("BEGIN"));
  Transaction transaction(connection);
  // BEGIN alone takes no snapshot. The first read does.
  HL_ASSIGN(auto look, connection->PrepareCached("SELECT 1 FROM sqlite_schema LIMIT 1"));
  HL_ASSIGN([[maybe_unused]] const bool row, look->Step());
  return transaction;
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() { Rollback(); }

Status Transaction::Commit() {
  HL_CHECK(connection_ != nullptr);
  HL_TRY(connection_->Exec("COMMIT"));
  if (connection_->listener() != nullptr) connection_->listener()->Ended();
  connection_ = nullptr;
  return Ok();
}

void Transaction::Rollback() {
  if (connection_ == nullptr) return;
  *connection_->unread_ = false;
  // After a full disk or an I/O error SQLite may have rolled back by itself.
  connection_->must_roll_back_ = connection_->in_transaction();
  // An interruption ends with the attempt that it interrupts, so a second attempt at once gives the
  // lock back. After any other error the rollback is repeated before the next use of the
  // connection.
  if (!connection_->FinishRollback().ok()) (void)connection_->FinishRollback();
  if (connection_->listener() != nullptr) connection_->listener()->Ended();
  connection_ = nullptr;
}

void DropMemoryStatistics() { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

std::string LibraryVersion() { return sqlite3_libversion(); }

}  // namespace harmonylite::sqlite
