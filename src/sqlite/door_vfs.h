// A VFS that passes everything to another one, and sees how the connections of this process use the
// WAL indexes of their databases, so that a connection can close its database's door (door.h).
//
// All connections of the process to a database go through the same DoorVfs: it must know all locks
// that the process has on a WAL index.
// Threads: all.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "sqlite/read_marks.h"

struct sqlite3_file;
struct sqlite3_vfs;

namespace harmonylite::sqlite {

class WalIndex;

class DoorVfs {
 public:
  // Registers a VFS with this name on top of the one called `below`, which outlives this object; an
  // empty `below` means SQLite's default one. `marks` is not owned.
  DoorVfs(std::string name, const std::string& below, ReadMarkSource* marks);
  ~DoorVfs();
  DoorVfs(const DoorVfs&) = delete;
  DoorVfs& operator=(const DoorVfs&) = delete;

  const std::string& name() const { return name_; }

  // The index of a database file that is open through a DoorVfs. Null if the file is not, is not in
  // WAL mode, was not read yet, or has an index that could not be opened.
  static std::shared_ptr<WalIndex> IndexOf(sqlite3_file* file);

 private:
  struct Calls;
  struct File;

  std::shared_ptr<WalIndex> FindIndex(const std::string& path);

  const std::string name_;
  ReadMarkSource* marks_;  // not owned
  sqlite3_vfs* below_;     // not owned
  std::unique_ptr<sqlite3_vfs> vfs_;
  // Guards indexes_, and is held while SQLite opens or closes an index. An index is destroyed under
  // it, because that closes a descriptor, which drops the locks of the process on that file.
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<WalIndex>> indexes_;  // by ReadMarkSource::Key
};

// The name of the VFS for ordinary files: a DoorVfs on top of SQLite's default VFS, made when it is
// first asked for, and SQLite's default from then on.
const std::string& FileVfs();

}  // namespace harmonylite::sqlite
