// A transaction on a connection. Unless it is committed, its end rolls it back.
//
// Threads: as the connection.
#pragma once

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::sqlite {

// A transaction from BEGIN to COMMIT. Destroying it uncommitted rolls it back. If that fails, the
// rollback is repeated before the connection is used again, and uses fail until it succeeds.
class Transaction {
 public:
  // kRetryLater: another connection holds the write lock, or the connection's listener refuses.
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

}  // namespace harmonylite::sqlite
