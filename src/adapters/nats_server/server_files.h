// Private to src/adapters/nats_server: the files around a nats-server: its program, its store folder, its
// configuration.
//
// Threads: pure functions over the file system; a StoreLock has one owner.
#pragma once

#include <string>

#include "base/result.h"

namespace harmonylite::nats_server {

// The path of the program to run: `binary`, or nats-server on PATH or in the usual places beside
// it. kInvalidArgument: none; says how to get one.
Result<std::string> FindServer(const std::string& binary);

// Makes the folder (and those above it); only its owner may look inside.
Status PrepareStoreDir(const std::string& path);

// Replaces a file that only its owner may read.
Status WritePrivateFile(const std::string& path, const std::string& content);

// Forgets ports files of servers that ran here before.
void RemovePortsFiles(const std::string& directory);

// Keeps two servers from using one store. It belongs to the open file, so a server that inherits
// the descriptor holds it too: a successor waits until an orphaned server has really ended.
class StoreLock {
 public:
  StoreLock() = default;
  StoreLock(StoreLock&& other) noexcept;
  StoreLock& operator=(StoreLock&& other) noexcept;
  ~StoreLock();

  // kRetryLater: somebody holds it.
  static Result<StoreLock> Take(const std::string& store_dir);
  int fd() const { return fd_; }

 private:
  int fd_ = -1;  // owned
};

}  // namespace harmonylite::nats_server
