// What this machine remembers, until it restarts, of the changes that a node has sent.
//
// Numbers of changes may be given out again only if nobody has seen them. The database cannot tell: a
// power cut or a restored backup takes it back together with its own account of what was sent, and the
// log may go back with both. So the newest number that was sent is also kept where neither goes back with
// the file: in memory that belongs to the running kernel. A restart of the machine empties it, and then
// the node goes on as a new incarnation (docs/decisions/0033-certain-or-a-new-incarnation.md).
//
// Threads: one owner at a time.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "change/version.h"

namespace harmonylite::node {

// Everything that `origin` may ever have sent is numbered up to `to`; `stamp` is that of change `to`.
struct SentMark {
  Origin origin;
  Lseq to;
  Hlc stamp;
  bool operator==(const SentMark&) const = default;
};

class SentMarkStore {
 public:
  virtual ~SentMarkStore() = default;
  // Nothing: the machine has restarted since the mark was saved, or none was.
  virtual std::optional<SentMark> Load() = 0;
  // After an error no older mark is left either.
  virtual Status Save(const SentMark& mark) = 0;
};

// The mark of one database in a file of `directory`, which must be a tmpfs: its content ends with the
// machine's power, and no backup of the database takes it along. The file belongs to this user alone.
class TmpfsSentMark final : public SentMarkStore {
 public:
  static constexpr const char* kDirectory = "/dev/shm";

  TmpfsSentMark(const std::string& database, NodeId node, std::string directory = kDirectory);
  ~TmpfsSentMark() override;
  TmpfsSentMark(const TmpfsSentMark&) = delete;
  TmpfsSentMark& operator=(const TmpfsSentMark&) = delete;

  std::optional<SentMark> Load() override;
  Status Save(const SentMark& mark) override;
  const std::string& path() const { return path_; }

 private:
  Status Open();
  Status Write(const SentMark& mark);

  const std::string directory_;
  const std::string path_;
  int fd_ = -1;
};

}  // namespace harmonylite::node
