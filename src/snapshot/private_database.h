// A database file that only this process can open, for a copy that is made or was fetched. It is
// deleted with the object that owns it.
//
// The file lies beside the application's file, because that disk was chosen for data of such size.
// With SQLite's default VFS its name is removed from the folder as soon as it is open; if the
// process is killed before that, the next Reserve or RemoveLeftovers removes the file. Only the
// owner may read and write it (mode 0600).
//
// Threads: one owner at a time.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::snapshot {

class PrivateDatabase {
 public:
  // Makes an empty file beside `database`. `vfs`: see Connection::Open.
  static Result<PrivateDatabase> Reserve(const std::string& database, const std::string& vfs);
  PrivateDatabase(PrivateDatabase&& other) noexcept;
  PrivateDatabase& operator=(PrivateDatabase&&) = delete;
  ~PrivateDatabase();

  // The file's path. It is valid until Open().
  const std::string& path() const { return path_; }
  // See Connection::Open.
  const std::string& vfs() const { return vfs_; }
  // Opens the file. The connection has no journal, so after an error the content is worthless.
  Status Open();
  sqlite::Connection& db() { return *db_; }

 private:
  PrivateDatabase() = default;
  void RemoveName();

  std::string path_;
  std::string vfs_;
  int lock_ = -1;  // owned; its flock tells RemoveLeftovers that the file is in use
  // The file still has a name in the folder.
  bool named_ = true;
  std::optional<sqlite::Connection> db_;
};

// Configures `db` as Open() does: exclusive lock, no journal, no flushing, secure_delete on,
// neither triggers nor foreign keys.
Status MakePrivate(sqlite::Connection* db);

// Removes such files beside `database` whose process was killed. Files in use stay.
void RemoveLeftovers(const std::string& database);

}  // namespace harmonylite::snapshot
