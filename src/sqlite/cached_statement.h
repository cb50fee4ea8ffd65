// The use of a statement that its connection keeps prepared.
//
// Threads: as the connection.
#pragma once

#include <utility>

#include "sqlite/statement.h"

namespace harmonylite::sqlite {

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

}  // namespace harmonylite::sqlite
