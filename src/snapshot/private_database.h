// A database file of our own, for a copy that is made or was fetched: nobody else can open it, and it goes with us.
//
// It lies beside the application's file, so that the disk is one that was chosen for such sizes. On the default VFS
// its name is gone from the folder as soon as it is open; after a crash before that, the next Reserve or
// RemoveLeftovers removes it. Rights are 0600.
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
  // Makes an empty file beside `database`. `vfs`: as of Connection::Open.
  static Result<PrivateDatabase> Reserve(const std::string& database, const std::string& vfs);
  PrivateDatabase(PrivateDatabase&& other) noexcept;
  PrivateDatabase& operator=(PrivateDatabase&&) = delete;
  ~PrivateDatabase();

  // Until Open.
  const std::string& path() const { return path_; }
  // Without journal: after an error the content is to be thrown away.
  Status Open();
  sqlite::Connection& db() { return *db_; }

 private:
  PrivateDatabase() = default;
  void RemoveName();

  std::string path_;
  std::string vfs_;
  int lock_ = -1;      // owned; tells RemoveLeftovers that the file is in use
  bool named_ = true;
  std::optional<sqlite::Connection> db_;
};

// As Open leaves a connection: alone with its file, without journal, overwriting what is deleted.
Status MakePrivate(sqlite::Connection* db);

// Removes files of this kind whose process was killed. Those in use stay.
void RemoveLeftovers(const std::string& database);

}  // namespace harmonylite::snapshot
