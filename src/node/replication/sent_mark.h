// A machine's memory, until it restarts, of the changes that a node has sent (P2, P7).
//
// The number of a change may be given out again only if no other node has seen it. The database
// cannot tell: a power cut or a restored backup takes it back together with its own account of what
// was sent, and the log may go back as well. So the newest number that was sent is also kept in a
// place that does not go back with the file: memory that belongs to the running kernel. A restart
// of the machine empties it, and then the node goes on as a new incarnation.
// Source: docs/decisions/0033-certain-or-a-new-incarnation.md.
//
// Threads: one owner at a time; in production the publisher.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "change/version.h"

namespace harmonylite::node {

// States that `origin` has never sent a change with a number greater than `to`. `stamp` is the
// stamp of change `to`, which tells it from another change with the same number.
struct SentMark {
  Origin origin;
  Lseq to;
  Hlc stamp;
  bool operator==(const SentMark&) const = default;
};

// Keeps the mark of one node. Implemented by TmpfsSentMark, and by fakes in tests.
class SentMarkStore {
 public:
  virtual ~SentMarkStore() = default;
  // The saved mark; none if no mark was saved since the machine started, or it cannot be read.
  virtual std::optional<SentMark> Load() = 0;
  // Replaces the saved mark. If that fails, an older mark is removed: it would vouch for a file
  // that lacks later changes.
  virtual Status Save(const SentMark& mark) = 0;
};

// Keeps the mark of one database in a file of `directory`, which must be a tmpfs: its content ends
// with the machine's power, and no backup of the database contains it. The file must belong to this
// user and be readable by no other.
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
  int fd_ = -1;  // owned; -1 while the file is not open
};

}  // namespace harmonylite::node
