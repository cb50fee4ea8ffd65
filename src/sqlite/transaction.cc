#include "sqlite/transaction.h"

#include <utility>

namespace harmonylite::sqlite {

Result<Transaction> Transaction::Begin(Connection* connection, TransactionKind kind) {
  // ROLLBACK is prepared anew for each transaction. SQLite would have to prepare a statement from
  // before a schema change again, at the moment when it is needed and memory may be short.
  HL_ASSIGN(connection->rollback_, connection->Prepare("ROLLBACK"));
  if (kind != TransactionKind::kRead) {
    WriteLockListener* listener = connection->listener();
    if (listener != nullptr) HL_TRY(listener->BeforeLock(kind));
    Status locked = connection->Exec("BEGIN IMMEDIATE");
    if (!locked.ok() && listener != nullptr) listener->Ended();
    HL_TRY(std::move(locked));
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
  connection_->marks_->unread = false;
  // After a full disk or an I/O error SQLite may have rolled back by itself.
  connection_->must_roll_back_ = connection_->in_transaction();
  // An interruption ends with the attempt that it interrupts, so a second attempt at once gives the
  // lock back. After any other error the rollback is repeated before the next use of the
  // connection.
  if (!connection_->FinishRollback().ok()) (void)connection_->FinishRollback();
  if (connection_->listener() != nullptr) connection_->listener()->Ended();
  connection_ = nullptr;
}

}  // namespace harmonylite::sqlite
