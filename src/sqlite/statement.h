// A prepared statement: bind values, step through the rows, read their columns.
//
// Threads: a Statement is used by one thread at a time, the one that uses its connection.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "change/value.h"

struct sqlite3_stmt;

namespace harmonylite::sqlite {

using change::ValueType;
using change::ValueView;

// What a connection's statements tell it.
struct StatementMarks {
  bool unread = false;   // a value could not be read
  bool partial = false;  // SQLite cannot read a part of the schema (unreadable.h)
};

// A prepared statement. It must be destroyed before its connection.
class Statement {
 public:
  Statement() = default;
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Parameters count from 1. Text and blobs are not copied: their bytes must stay valid until the
  // statement is reset or the parameter is bound again. If a value is longer than SQLite allows, or
  // memory is short, the next Step fails and does nothing.
  void Bind(int index, const ValueView& value);
  void Bind(int index, int64_t value);
  void Bind(int index, std::string_view text);
  void BindNull(int index);
  void BindUInt(int index, uint64_t value) { Bind(index, static_cast<int64_t>(value)); }
  // Binds each of `values`, which are ValueViews or Values, from parameter `first` on.
  template <typename Values>
  void BindAll(const Values& values, int first = 1) {
    for (const ValueView value : values) Bind(first++, value);
  }

  // Returns true if there is a row to read, and false at the end. At the end, and after an error,
  // the statement is reset. kRetryLater: the database is busy, the call was interrupted, disk or
  // memory is full, or an I/O error occurred. kConflict: a constraint refused a row; see
  // Connection::constraint_was_unique().
  Result<bool> Step();
  // Steps to the end and resets the statement. Bindings are kept.
  Status Run();
  // Steps to the end, and calls `visit` for each row while the statement stands on it. `visit`
  // takes the statement, and returns nothing or a Status. Its first error ends the walk and is
  // returned. The statement is reset in every case.
  template <typename Visit>
  Status ForEachRow(Visit&& visit);
  // Steps to the end and returns all rows, with all their columns.
  Result<std::vector<change::Row>> AllRows();
  void Reset();

  // Columns count from 0. Views are valid until the next Step or Reset. A value for which there is
  // no memory reads as empty, and the next call on the connection then fails with kRetryLater. So a
  // wrong value is never committed, and a result with one is never read to its end.
  ValueView Column(int index) const;
  int64_t Int(int index) const;
  std::string_view Text(int index) const;
  bool IsNull(int index) const;
  // A copy of the columns from number `first` on.
  change::Row Values(int first = 0) const;
  int columns() const;
  explicit operator bool() const { return stmt_ != nullptr; }
  sqlite3_stmt* raw() const { return stmt_; }

 private:
  friend class Connection;
  void NoteBound(int rc);
  Statement(sqlite3_stmt* stmt, StatementMarks* marks) : stmt_(stmt), marks_(marks) {}
  sqlite3_stmt* stmt_ = nullptr;     // owned
  StatementMarks* marks_ = nullptr;  // owned by the connection
  int bind_error_ = 0;  // SQLite's code for a value that could not be bound since the last Step
};

template <typename Visit>
Status Statement::ForEachRow(Visit&& visit) {
  while (true) {
    HL_ASSIGN(const bool row, Step());
    if (!row) return Ok();
    if constexpr (std::is_void_v<std::invoke_result_t<Visit&, const Statement&>>) {
      visit(std::as_const(*this));
    } else if (Status visited = visit(std::as_const(*this)); !visited.ok()) {
      Reset();
      return visited;
    }
  }
}

}  // namespace harmonylite::sqlite
