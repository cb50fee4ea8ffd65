// The door of a database: while it is closed, no other process is inside a transaction on the
// database's present state, and none can begin one. See wal_index.h.
//
// A database that is not in WAL mode has no door, and needs none: there a reader keeps every writer
// out, and a writer every reader.
// Threads: as the connection.
#pragma once

#include <memory>

#include "sqlite/connection.h"
#include "sqlite/wal_index.h"

namespace harmonylite::sqlite {

class Door {
 public:
  // `db` is not owned. It must not have a transaction open.
  explicit Door(Connection* db) : db_(db) {}
  ~Door() { Open(); }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // Closes the door if no other process is inside. kClosed also if there is no door to close. Never
  // waits. A closed door must be opened within a second: old libraries give up a transaction that
  // could not begin for about that long, today's after some ten seconds.
  DoorAnswer TryClose();
  // Opens the door if it is closed.
  void Open();
  bool closed() const { return index_ != nullptr; }
  // False if there is no door to close: the database is not in WAL mode, or its "-shm" file cannot
  // be opened for writing.
  bool exists() const { return FindIndex() != nullptr; }

 private:
  std::shared_ptr<WalIndex> FindIndex() const;

  Connection* db_;
  std::shared_ptr<WalIndex> index_;  // null while the door is open
};

}  // namespace harmonylite::sqlite
