// The door to SQLite: a connection to a database. Errors are Results.
//
// The files of a database must not be opened in any other way. POSIX drops all locks that a process
// holds on a file as soon as the process closes any descriptor of that file.
// Threads: a Connection and its Statements are used by one thread at a time. Different connections
// are independent of each other.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "sqlite/cached_statement.h"
#include "sqlite/hooks.h"
#include "sqlite/planned_action.h"
#include "sqlite/statement.h"

struct sqlite3;

namespace harmonylite::sqlite {

// kReadWriteUris opens as kReadWrite does and also lets SQL name other files, as in ATTACH, by
// URIs, which can choose a VFS. The path given to Open must then be absolute, so that it cannot be
// taken for a URI. In the other modes SQL cannot attach files at all.
enum class OpenMode { kReadOnly, kReadWrite, kReadWriteUris, kCreate };

class Connection {
 public:
  // An empty `vfs` means that of ordinary files (door_vfs.h). kNotFound: the file does not exist
  // (never with kCreate). kCorruption: the file is not a database. kInvalidArgument: the file
  // cannot be opened, for lack of permission or because it is a folder.
  static Result<Connection> Open(const std::string& path, OpenMode mode,
                                 const std::string& vfs = {});
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  // The text is exactly one statement, here and below: a second one behind it is an error, and so
  // is a NUL byte.
  Result<Statement> Prepare(std::string_view sql);
  // Prepares a text once and keeps the statement. For texts that are used again and again.
  Result<CachedStatement> PrepareCached(const std::string& sql);
  // Drops the statements that PrepareCached keeps. Called when the schema has changed, because
  // other texts will be used from then on. None of the statements may be running.
  void ClearCache();
  // Prepares as Prepare does, and appends to `actions` what the statement and its triggers would
  // do.
  Result<Statement> PrepareListing(std::string_view sql, std::vector<PlannedAction>* actions);
  // Returns what SQLite lacks to compile a statement, in its own words, such as a function that
  // only the application has. Returns nothing if it can compile it.
  Result<std::optional<std::string>> WhatItLacks(std::string_view sql);
  // Runs one statement to its end. Scripts of several are run by RunScript (script.h).
  Status Exec(std::string_view sql);
  // QueryInt and QueryText return the first column of the first row; kNotFound if there is no row.
  Result<int64_t> QueryInt(std::string_view sql);
  Result<std::string> QueryText(std::string_view sql);

  // Returns the collation that the schema gives to a column; "BINARY" if there is no such column.
  Result<std::string> ColumnCollation(const std::string& table, const std::string& column);

  // Returns whether a column is declared AUTOINCREMENT; false if there is no such column.
  Result<bool> IsAutoincrement(const std::string& table, const std::string& column);

  // Sets for how long, in milliseconds, one call tries again while another connection's lock is in
  // its way.
  void SetBusyTimeout(int ms);
  // Decides whether the schema's triggers fire for statements that are prepared from now on. TEMP
  // triggers always fire.
  void EnableTriggers(bool on);
  // Returns whether the schema's triggers fire.
  bool triggers_enabled() const;
  // Decides whether SQLite enforces foreign keys.
  void EnableForeignKeys(bool on);
  // Sets the size of the page cache.
  Status SetCacheKib(int kib);

  // Sets who is told about transactions that write. Neither object is owned. Without a listener
  // nobody is told and the taker is not used; without a taker commits move the WAL's pages
  // themselves.
  void SetWriteLockListener(WriteLockListener* listener, CheckpointTaker* taker = nullptr);
  // Moves as many pages of the WAL into the file as can be moved without waiting for a reader or a
  // writer. kRetryLater: another connection is moving them.
  Status MoveWalPages();

  // True if a part of the schema was met that SQLite cannot read (unreadable.h).
  bool schema_is_partial() const { return marks_->partial; }
  // Returns the greatest number of columns that a table, or the result of a query, may have.
  size_t max_columns() const;

  int64_t changes() const;
  int64_t total_changes() const;
  int64_t last_insert_rowid() const;
  bool in_transaction() const;
  // Makes calls that run on this connection fail with kRetryLater. Any thread may call this.
  void Interrupt();
  // Makes calls on this connection fail with kRetryLater soon after `*flag` has become true. The
  // flag must outlive the connection. Null takes a former flag away. Not for a connection with a
  // listener (SetWriteLockListener).
  void InterruptWhen(const std::atomic<bool>* flag);
  // Returns SQLite's extended code of the newest error, e.g. SQLITE_CONSTRAINT_UNIQUE.
  int extended_error() const;
  bool constraint_was_unique() const;
  // Returns a number that changes whenever another connection has committed. Takes about 3 µs.
  Result<int64_t> DataVersion();
  sqlite3* raw() const { return db_; }

  // Asked about each action of what is compiled, with the arguments that SQLite gives its
  // authorizer; returns SQLITE_OK or SQLITE_DENY. It stays until the next call; empty: nothing is
  // asked. SQLite itself always has the same authorizer, because it prepares all statements anew
  // once it gets another one.
  using Authorizer =
      std::function<int(int code, const char*, const char*, const char*, const char*)>;
  void SetAuthorizer(Authorizer authorizer) { *authorizer_ = std::move(authorizer); }

 private:
  friend class Transaction;
  struct CommitHook {
    WriteLockListener* listener;  // not owned
    CheckpointTaker* taker;       // not owned; null if commits move the WAL's pages themselves
  };
  WriteLockListener* listener() const { return hook_ ? hook_->listener : nullptr; }
  explicit Connection(sqlite3* db) : db_(db) {}
  Result<Statement> PrepareOne(std::string_view sql, unsigned flags);
  // Must succeed before the connection is used. Fails once after a value could not be read, and for
  // as long as FinishRollback fails.
  Status Ready();
  // Rolls back a transaction that Transaction::Rollback could not roll back.
  Status FinishRollback();
  // Prepares ROLLBACK anew where a change of the TEMP schema has made that necessary: when it is
  // needed, memory may be short.
  Status KeepRollback();
  Error MakeSqlError(std::string_view what) const;
  sqlite3* db_ = nullptr;  // owned
  Statement data_version_;
  Statement rollback_;  // prepared before a transaction begins, so that a rollback needs no memory
  std::unordered_map<std::string, Statement> cache_;
  // On the heap, because statements point to it.
  std::unique_ptr<StatementMarks> marks_ = std::make_unique<StatementMarks>();
  // On the heap, because SQLite keeps its address. Null while there is no listener.
  std::unique_ptr<CommitHook> hook_;
  // On the heap, because SQLite keeps its address.
  std::unique_ptr<Authorizer> authorizer_ = std::make_unique<Authorizer>();
  // True after a failed rollback: nothing may be read or written before it is repeated.
  bool must_roll_back_ = false;
};

}  // namespace harmonylite::sqlite
