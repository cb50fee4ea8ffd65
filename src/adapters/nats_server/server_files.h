// Private to src/adapters/nats_server: the files that a nats-server needs: its program, its store
// folder and its configuration.
//
// Threads: any, the functions use only the file system. A StoreLock has one owner.
#pragma once

#include <string>

#include "base/result.h"

namespace harmonylite::nats_server {

// Returns the path of the program to run: `binary`, or if it is empty, nats-server. A bare name is
// looked up on PATH and in the usual folders. kInvalidArgument: there is none; the message says how
// to get one.
Result<std::string> FindServer(const std::string& binary);

// Makes the folder and those above it, if it is missing. Only its owner may look into a folder made
// here. kInvalidArgument: it cannot be made, or is another user's, or everybody may write to it.
Status PrepareStoreDir(const std::string& path);

// Writes a file that only its owner may read, and replaces an older one.
Status WritePrivateFile(const std::string& path, const std::string& content);

// Removes the ports files of servers that ran here before.
void RemovePortsFiles(const std::string& directory);

// Keeps two servers from using one store folder. The lock (flock) belongs to the open file, so a
// server that inherits the descriptor holds it too: a successor waits until an orphaned server has
// really ended.
class StoreLock {
 public:
  StoreLock() = default;
  StoreLock(StoreLock&& other) noexcept;
  StoreLock& operator=(StoreLock&& other) noexcept;
  ~StoreLock();

  // kRetryLater: another process holds the lock.
  static Result<StoreLock> Take(const std::string& store_dir);
  int fd() const { return fd_; }

 private:
  int fd_ = -1;  // owned
};

}  // namespace harmonylite::nats_server
