// Stores objects as files in a directory. All nodes see them if it lies on a network file system.
//
// A file is written under a temporary name, flushed to the disk and renamed, so a file with an
// object's name is always complete.
//
// Threads: one call at a time, as ports::ObjectStore demands.
#pragma once

#include <string>

#include "ports/object_store.h"

namespace harmonylite::stores {

class DirectoryStore final : public ports::ObjectStore {
 public:
  // The first Put() makes the directory if only the last part of its path is missing.
  explicit DirectoryStore(std::string directory);

  Status Put(const std::string& name, const Spool& content, ports::Transfer* transfer) override;
  Status Get(const std::string& name, Spool* out, ports::Transfer* transfer) override;
  Result<std::vector<ports::ObjectInfo>> List(const std::string& prefix) override;
  Status Delete(const std::string& name) override;

 private:
  Status MakeDirectory();
  // Removes temporary files of writers that were killed.
  void RemoveStaleParts();
  std::string PathOf(const std::string& name) const { return directory_ + "/" + name; }

  const std::string directory_;
};

}  // namespace harmonylite::stores
