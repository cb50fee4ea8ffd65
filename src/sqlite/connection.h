// The door to SQLite: connections, prepared statements and transactions. Errors are Results.
//
// The files of a database must not be opened in any other way. POSIX drops all locks that a process
// holds on a file as soon as the process closes any descriptor of that file.
// Threads: a Connection and its Statements are used by one thread at a time. Different connections
// are independent of each other.
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

// kReadWriteUris opens as kReadWrite does and also lets SQL name other files, as in ATTACH, by
// URIs, which can choose a VFS. The path given to Open must then be absolute, so that it cannot be
// taken for a URI.
enum class OpenMode { kReadOnly, kReadWrite, kReadWriteUris, kCreate };

// A prepared statement. It must be destroyed before its connection.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Parameters count from 1. Text and blobs are not copied: their bytes must stay valid until the
  // statement is reset or the parameter is bound again.
  void Bind(int index, const ValueView& value);
  void Bind(int index, int64_t value);
  void Bind(int index, std::string_view text);
  void BindNull(int index);
  void BindUInt(int index, uint64_t value) { Bind(index, static_cast<int64_t>(value)); }

  // Returns true if there is a row to read, and false at the end. At the end, and after an error,
  // the statement is reset. kRetryLater: the database is busy, the call was interrupted, disk or
  // memory is full, or an I/O error occurred. kConflict: a constraint refused a row; see
  // Connection::constraint_was_unique().
  Result<bool> Step();
  // Steps to the end and resets the statement. Bindings are kept.
  Status Run();
  void Reset();

  // Columns count from 0. Views are valid until the next Step or Reset. A value for which there is
  // no memory reads as empty, and the next call on the connection then fails with kRetryLater. So a
  // wrong value is never committed, and a result with one is never read to its end.
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
  bool* unread_ = nullptr;        // Connection::unread_; owned by the connection
};

// A statement that its connection keeps prepared. It is reset when this object is destroyed. Only
// one user at a time may run the statement of an SQL text.
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

// One thing that a statement would do, as SQLite tells its authorizer while it prepares the
// statement.
struct PlannedAction {
  enum Kind { kRead, kInsert, kUpdate, kDelete, kFunction, kOther } kind = kOther;
  std::string table;    // for kFunction, the function's name
  std::string column;   // set for kRead and kUpdate
  std::string trigger;  // innermost trigger or view that does this; empty for the statement itself
};

// Learns when its connection takes the write lock and gives it back. Called on the connection's
// thread.
class WriteLockListener {
 public:
  virtual ~WriteLockListener() = default;
  // The connection is about to ask for the lock. Locked() does not follow if the lock is refused.
  virtual void BeforeLock() = 0;
  virtual void Locked() = 0;
  // A commit has given the lock back, and other connections may take it. What the commit still has
  // to do, such as moving pages from the WAL into the file, happens after this call. A transaction
  // that wrote nothing, or was rolled back, does not cause this call.
  virtual void Released() = 0;
  // A transaction is over, committed or rolled back, including the work that follows a commit. This
  // is called at the end of read transactions, too.
  virtual void Ended() = 0;
};

// Moves the pages of the WAL into the file so that a committing connection need not do it. Called
// on that connection's thread.
class CheckpointTaker {
 public:
  virtual ~CheckpointTaker() = default;
  // The WAL holds `pages` pages, which is enough for a commit to move them. Returns true if the
  // taker sees to it, and false if the commit must do it.
  virtual bool Take(int pages) = 0;
};

class Connection {
 public:
  // An empty `vfs` means SQLite's default one. kNotFound: the file does not exist (never with
  // kCreate). kCorruption: the file is not a database. kInvalidArgument: the file cannot be opened,
  // for lack of permission or because it is a folder.
  static Result<Connection> Open(const std::string& path, OpenMode mode,
                                 const std::string& vfs = {});
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  Result<Statement> Prepare(std::string_view sql);
  // Prepares a text once and keeps the statement. For texts that are used again and again.
  Result<CachedStatement> PrepareCached(const std::string& sql);
  // Drops the statements that PrepareCached keeps. Called when the schema has changed, because
  // other texts will be used from then on. None of the statements may be running.
  void ClearCache();
  // Prepares as Prepare does, and appends to `actions` what the statement and its triggers would
  // do.
  Result<Statement> PrepareListing(std::string_view sql, std::vector<PlannedAction>* actions);
  // Runs every statement in `sql`.
  Status Exec(std::string_view sql);
  // QueryInt and QueryText return the first column of the first row; kNotFound if there is no row.
  Result<int64_t> QueryInt(std::string_view sql);
  Result<std::string> QueryText(std::string_view sql);

  // Returns the collation that the schema gives to a column; "BINARY" if there is no such column.
  Result<std::string> ColumnCollation(const std::string& table, const std::string& column);

  // Sets for how long, in milliseconds, one call tries again while another connection's lock is in
  // its way.
  void SetBusyTimeout(int ms);
  // Decides whether the schema's triggers fire for statements that are prepared from now on. TEMP
  // triggers always fire.
  void EnableTriggers(bool on);
  // Decides whether SQLite enforces foreign keys.
  void EnableForeignKeys(bool on);
  // Sets the size of the page cache.
  Status SetCacheKib(int kib);

  // Sets who is told about transactions of kind kWrite. Neither object is owned. Without a listener
  // nobody is told and the taker is not used; without a taker commits move the WAL's pages
  // themselves.
  void SetWriteLockListener(WriteLockListener* listener, CheckpointTaker* taker = nullptr);
  // Moves as many pages of the WAL into the file as can be moved without waiting for a reader or a
  // writer. kRetryLater: another connection is moving them.
  Status MoveWalPages();

  int64_t changes() const;
  int64_t total_changes() const;
  int64_t last_insert_rowid() const;
  bool in_transaction() const;
  // Makes calls that run on this connection fail with kRetryLater. Any thread may call this.
  void Interrupt();
  // Makes calls on this connection fail with kRetryLater soon after `*flag` has become true. The
  // flag must outlive the connection. Null takes a former flag away.
  void InterruptWhen(const std::atomic<bool>* flag);
  // Returns SQLite's extended code of the newest error, e.g. SQLITE_CONSTRAINT_UNIQUE.
  int extended_error() const;
  bool constraint_was_unique() const;
  // Returns a number that changes whenever another connection has committed. Takes about 3 µs.
  Result<int64_t> DataVersion();
  sqlite3* raw() const { return db_; }

 private:
  friend class Transaction;
  struct CommitHook {
    WriteLockListener* listener;  // not owned
    CheckpointTaker* taker;       // not owned; null if commits move the WAL's pages themselves
  };
  WriteLockListener* listener() const { return hook_ ? hook_->listener : nullptr; }
  explicit Connection(sqlite3* db) : db_(db) {}
  // Must succeed before the connection is used. Fails once after a value could not be read, and for
  // as long as FinishRollback fails.
  Status Ready();
  // Rolls back a transaction that Transaction::Rollback could not roll back.
  Status FinishRollback();
  Error MakeSqlError(std::string_view what) const;
  sqlite3* db_ = nullptr;  // owned
  Statement data_version_;
  Statement rollback_;  // prepared before a transaction begins, so that a rollback needs no memory
  std::unordered_map<std::string, Statement> cache_;
  // True after a value could not be read. On the heap, because statements point to it.
  std::unique_ptr<bool> unread_ = std::make_unique<bool>(false);
  // On the heap, because SQLite keeps its address. Null while there is no listener.
  std::unique_ptr<CommitHook> hook_;
  // True after a failed rollback: nothing may be read or written before it is repeated.
  bool must_roll_back_ = false;
};

enum class TransactionKind { kRead, kWrite };

// A transaction from BEGIN to COMMIT. Destroying it uncommitted rolls it back. If that fails, the
// rollback is repeated before the connection is used again, and uses fail until it succeeds.
class Transaction {
 public:
  // kWrite takes the write lock at once; kRetryLater: another connection holds the lock. kRead
  // fixes its snapshot at once.
  static Result<Transaction> Begin(Connection* connection, TransactionKind kind);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status Commit();
  void Rollback();

 private:
  explicit Transaction(Connection* connection) : connection_(connection) {}
  Connection* connection_;  // not owned; null once the transaction has ended
};

// Stops SQLite from counting every allocation under one lock that all threads share. Applies to the
// whole process, and has no effect once a connection has been opened.
void DropMemoryStatistics();

// Returns the version of the SQLite library, e.g. "3.40.1".
std::string LibraryVersion();

}  // namespace harmonylite::sqlite
