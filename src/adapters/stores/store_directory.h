// Objects as files in a directory, which all nodes see when it lies on a network file system.
//
// A file is written beside its place, flushed to the disk and renamed: what has an object's name is
// whole.
#pragma once

#include <string>

#include "ports/object_store.h"

namespace harmonylite::stores {

class DirectoryStore final : public ports::ObjectStore {
 public:
  // The first Put makes the directory when only its last part is missing.
  explicit DirectoryStore(std::string directory);

  Status Put(const std::string& name, const Spool& content, ports::Transfer* transfer) override;
  Status Get(const std::string& name, Spool* out, ports::Transfer* transfer) override;
  Result<std::vector<ports::ObjectInfo>> List(const std::string& prefix) override;
  Status Delete(const std::string& name) override;

 private:
  Status MakeDirectory();
  // Files of writers that were killed.
  void RemoveStaleParts();
  std::string PathOf(const std::string& name) const { return directory_ + "/" + name; }

  const std::string directory_;
};

}  // namespace harmonylite::stores
