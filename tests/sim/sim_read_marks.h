// The read marks of WAL indexes on a simulated disk. Whoever opens files through the node's DoorVfs
// is the sidecar; whoever opens them through the SimVfs itself is another process.
//
// Threads: one.
#pragma once

#include <memory>
#include <string>

#include "sim/sim_disk.h"
#include "sqlite/read_marks.h"

namespace harmonylite::sim {

class SimReadMarks final : public sqlite::ReadMarkSource {
 public:
  // `disk` is not owned.
  explicit SimReadMarks(SimDisk* disk) : disk_(disk) {}
  std::string Key(const std::string& path) override;
  std::unique_ptr<sqlite::ReadMarkLocks> Open(const std::string& path,
                                              const std::string& key) override;

 private:
  SimDisk* disk_;
};

}  // namespace harmonylite::sim
