// One connection to a SQLite file: open, prepare, execute; errors as Result.
//
// Never touch the database's files except through here: closing a file descriptor of the database drops
// this process's POSIX locks on it.
// Threads: a Connection and its Statements belong to one thread at a time; different connections are free.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "change/value.h"

struct sqlite3;
struct sqlite3_stmt;

namespace harmonylite::sqlite {

using change::ValueType;
using change::ValueView;

// kReadWriteUris: as kReadWrite, and the names of files that it attaches may be URIs, which choose a VFS; its own path
// is absolute then.
enum class OpenMode { kReadOnly, kReadWrite, kReadWriteUris, kCreate };

class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Parameters count from 1. Bytes are not copied: they must live until Reset or the next Bind.
  void Bind(int index, const ValueView& value);
  void Bind(int index, int64_t value);
  void Bind(int index, std::string_view text);
  void BindNull(int index);
  void BindUInt(int index, uint64_t value) { Bind(index, static_cast<int64_t>(value)); }

  // True: a row is there. False: done (and reset).
  // kRetryLater: busy, full or an I/O error. kConflict: a constraint (see Connection::constraint()).
  Result<bool> Step();
  // Steps to the end, resets, and clears nothing: bindings stay.
  Status Run();
  void Reset();

  // Columns count from 0; views are valid until the next Step or Reset. A value for which there is no memory is
  // empty, and the next call on the connection fails with kRetryLater: nothing wrong is committed, or read to its end.
  ValueView Column(int index) const;
  int64_t Int(int index) const;
  std::string_view Text(int index) const;
  bool IsNull(int index) const;
  int columns() const;
  explicit operator bool() const { return stmt_ != nullptr; }
  sqlite3_stmt* raw() const { return stmt_; }

 private:
  friend class Connection;
  Statement(sqlite3_stmt* stmt, bool* unread) : stmt_(stmt), unread_(unread) {}
  sqlite3_stmt* stmt_ = nullptr;  // owned
  bool* unread_ = nullptr;        // of its connection
};

// A statement that its connection keeps prepared; reset when this goes. One user of a text at a time.
class CachedStatement {
 public:
  CachedStatement() = default;
  explicit CachedStatement(Statement* statement) : statement_(statement) {}
  CachedStatement(CachedStatement&& other) noexcept
      : statement_(std::exchange(other.statement_, nullptr)) {}
  CachedStatement& operator=(CachedStatement&& other) noexcept {
    std::swap(statement_, other.statement_);
    return *this;
  }
  ~CachedStatement() {
    if (statement_ != nullptr) statement_->Reset();
  }
  Statement* operator->() const { return statement_; }
  Statement& operator*() const { return *statement_; }

 private:
  Statement* statement_ = nullptr;  // owned by the connection
};

// What an authorizer is told: one action of a statement while it is prepared.
struct PlannedAction {
  enum Kind { kRead, kInsert, kUpdate, kDelete, kFunction, kOther } kind = kOther;
  std::string table;    // or function name
  std::string column;   // kRead, kUpdate
  std::string trigger;  // innermost trigger or view it comes from; empty for the statement itself
};

// Is told when its connection holds the write lock, on the connection's thread.
class WriteLockListener {
 public:
  virtual ~WriteLockListener() = default;
  virtual void BeforeLock() = 0;
  virtual void Locked() = 0;
  // Others may have it; what a commit has still to do (moving pages from the WAL into the file) comes after this. Not told
  // where a transaction wrote nothing.
  virtual void Released() = 0;
  // The transaction is over, with all that it brought.
  virtual void Ended() = 0;
};

// Moves the pages of the WAL into the file in a committing connection's stead; asked on that one's thread.
class CheckpointTaker {
 public:
  virtual ~CheckpointTaker() = default;
  // The WAL holds so many pages, more than are left there. False: the commit is to move them.
  virtual bool Take(int pages) = 0;
};

class Connection {
 public:
  // `vfs`: empty for the default. kNotFound: no such file (not with kCreate). kCorruption: not a
  // database. kInvalidArgument: cannot be opened (permissions, a folder).
  static Result<Connection> Open(const std::string& path, OpenMode mode, const std::string& vfs = {});
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  Result<Statement> Prepare(std::string_view sql);
  // Prepared once and kept, for texts that come again and again.
  Result<CachedStatement> PrepareCached(const std::string& sql);
  // Forgets them, when the schema has changed and other texts will come.
  void ClearCache();
  // As Prepare, and lists what the statement and its triggers would do.
  Result<Statement> PrepareListing(std::string_view sql, std::vector<PlannedAction>* actions);
  // Runs every statement of `sql`.
  Status Exec(std::string_view sql);
  // First column of the first row; kNotFound without one.
  Result<int64_t> QueryInt(std::string_view sql);
  Result<std::string> QueryText(std::string_view sql);

  // The collation a column is compared with when nothing else is said; "BINARY" too when there is no such column.
  Result<std::string> ColumnCollation(const std::string& table, const std::string& column);

  // How long SQLITE_BUSY is waited out inside one call, milliseconds.
  void SetBusyTimeout(int ms);
  // Triggers of the schema fire on statements prepared from now on; TEMP triggers always do.
  void EnableTriggers(bool on);
  void EnableForeignKeys(bool on);
  // Page cache in KiB.
  Status SetCacheKib(int kib);

  // Of transactions of kind kWrite. Not owned; null: nobody.
  void SetWriteLockListener(WriteLockListener* listener, CheckpointTaker* taker = nullptr);
  // Moves those pages of the WAL into the file that no reader needs there. Waits for nobody; kRetryLater: another
  // connection is doing it.
  Status MoveWalPages();

  int64_t changes() const;
  int64_t total_changes() const;
  int64_t last_insert_rowid() const;
  bool in_transaction() const;
  // Ends calls in progress on this connection with kRetryLater; from any thread.
  void Interrupt();
  // Ends calls with kRetryLater soon after the flag is set; it outlives the connection. Null: no more.
  void InterruptWhen(const std::atomic<bool>* flag);
  // SQLite's extended code of the newest error, e.g. SQLITE_CONSTRAINT_UNIQUE.
  int extended_error() const;
  bool constraint_was_unique() const;
  // The value changes when another connection has committed. About 3 µs.
  Result<int64_t> DataVersion();
  sqlite3* raw() const { return db_; }

 private:
  friend class Transaction;
  struct CommitHook {
    WriteLockListener* listener;  // not owned
    CheckpointTaker* taker;       // not owned; null: nobody
  };
  WriteLockListener* listener() const { return hook_ ? hook_->listener : nullptr; }
  explicit Connection(sqlite3* db) : db_(db) {}
  // Fails once when a value was not read, and when FinishRollback does.
  Status Ready();
  // Ends what Transaction::Rollback could not end.
  Status FinishRollback();
  Error MakeSqlError(std::string_view what) const;
  sqlite3* db_ = nullptr;  // owned
  Statement data_version_;
  Statement rollback_;  // ready before a transaction begins: then it needs no memory
  std::unordered_map<std::string, Statement> cache_;
  std::unique_ptr<bool> unread_ = std::make_unique<bool>(false);  // a value was not read
  std::unique_ptr<CommitHook> hook_;  // SQLite knows where it lies; null: nobody listens
  bool must_roll_back_ = false;  // nothing may be read or written before
};

enum class TransactionKind { kRead, kWrite };

// BEGIN … COMMIT, or ROLLBACK when it is destroyed uncommitted. A ROLLBACK for which there is no memory is made up for
// before the connection is used again; until then its uses fail with kRetryLater.
class Transaction {
 public:
  // kWrite takes the write lock at once; kRetryLater when another connection holds it.
  // kRead fixes its snapshot at once.
  static Result<Transaction> Begin(Connection* connection, TransactionKind kind);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status Commit();
  void Rollback();

 private:
  explicit Transaction(Connection* connection) : connection_(connection) {}
  Connection* connection_;  // not owned; null when ended
};

// For a whole process, before its first connection: SQLite no longer counts every allocation under one lock
// that all threads share. Later it does nothing.
void DropMemoryStatistics();

// SQLite's library version, e.g. "3.40.1".
std::string LibraryVersion();

}  // namespace harmonylite::sqlite
