// The copy of a node's database that is turned into a snapshot.
//
// VACUUM INTO writes it, or else its pages are taken as they are (make.cc says when).
// With SQLite's default VFS the copy is packed while it is written (packed_file.h); with another
// VFS it is an ordinary file of that VFS.
//
// Threads: one owner at a time.
#pragma once

#include <atomic>
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
  // An empty copy. Its parts that are not packed lie beside `database`, the packed ones in
  // `spool_directory`. `vfs`: see Connection::Open.
  static Result<Copy> Reserve(const std::string& database, const std::string& vfs,
                              const std::string& spool_directory);
  Copy(Copy&&) = default;
  Copy& operator=(Copy&&) = delete;
  ~Copy();

  // The name to give to VACUUM INTO, on a connection of mode kReadWriteUris.
  std::string target() const;
  // Why the copy could not be written, if SQLite's own error says less; otherwise empty.
  std::string failure() const;
  // Copies the pages of `from` as they are. What was deleted there is still in them.
  Status TakePages(sqlite::Connection* from, const std::atomic<bool>& cancelled);
  // Opens the copy once it is written. The connection has no journal, so after an error the content
  // is worthless.
  Status Open();
  sqlite::Connection& db();
  // The packed pieces of the copy. Nothing may write to the copy while they are read.
  PieceSource& pieces();

 private:
  Copy() = default;
  // The three members of a packed copy, or else `plain_`. They are destroyed in reverse order: the
  // connection before the VFS, the VFS before the file.
  std::unique_ptr<PackedFile> packed_;
  std::unique_ptr<sqlite::ContentVfs> content_;
  std::optional<sqlite::Connection> db_;
  std::optional<PrivateDatabase> plain_;
  std::unique_ptr<PieceSource> plain_pieces_;
};

// The pieces of a database in an ordinary file, each packed when it is asked for.
std::unique_ptr<PieceSource> PiecesOf(sqlite::Connection* db);

}  // namespace harmonylite::snapshot
