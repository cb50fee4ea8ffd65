// The copy of a node's database that becomes a snapshot.
//
// On the default VFS it is packed while it is written (packed_file.h); on another one it is an ordinary file of that VFS.
// Threads: one owner at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "snapshot/packed_file.h"
#include "snapshot/piece.h"
#include "snapshot/private_database.h"
#include "sqlite/connection.h"
#include "sqlite/content_vfs.h"

namespace harmonylite::snapshot {

class Copy {
 public:
  // An empty one. What is not packed of it lies beside `database`. `vfs`: as of Connection::Open.
  static Result<Copy> Reserve(const std::string& database, const std::string& vfs, const std::string& spool_directory);
  Copy(Copy&&) = default;
  Copy& operator=(Copy&&) = delete;
  ~Copy();

  // For VACUUM INTO by a connection of mode kReadWriteUris.
  std::string target() const;
  // Why it could not be written, where SQLite says less; or empty.
  std::string failure() const;
  // Once it is written. Without journal: after an error the content is to be thrown away.
  Status Open();
  sqlite::Connection& db();
  // While nobody writes to it.
  PieceSource& pieces();

 private:
  Copy() = default;
  // Either these, or `plain_`. They end in reverse order.
  std::unique_ptr<PackedFile> packed_;
  std::unique_ptr<sqlite::ContentVfs> content_;
  std::optional<sqlite::Connection> db_;
  std::optional<PrivateDatabase> plain_;
  std::unique_ptr<PieceSource> plain_pieces_;
};

// The pieces of a database in an ordinary file, packed when they are asked for.
std::unique_ptr<PieceSource> PiecesOf(sqlite::Connection* db);

}  // namespace harmonylite::snapshot
