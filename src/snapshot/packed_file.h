// A database file that is packed while SQLite writes it, so that most of it never lies anywhere
// unpacked.
//
// SQLite writes a new file nearly in order. A piece stays in memory until the writing is some
// megabytes past it, and is then packed: by a thread of this object, and by the writer, too, if
// that thread is slower. A piece that is only packed and is read or written again is unpacked once:
// into memory, if the file is complete and there is room, and otherwise into an unlinked file,
// where it stays like a part of an ordinary file. So random access costs at most one pass over the
// file. What Get returns depends only on what was written, never on how far the thread has come.
//
// Memory: at most about 50 MB. Disk: the packed bytes in the spool directory, the unpacked pieces
// beside the database. If the spool's disk is full, further pieces lie unpacked beside the database
// and are packed when they are asked for.
//
// Threads: one owner at a time, beside the thread in here.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/nameless_file.h"
#include "snapshot/piece.h"
#include "sqlite/content_vfs.h"

namespace harmonylite::snapshot {

class PackedFile final : public sqlite::FileContent, public PieceSource {
 public:
  PackedFile(std::string plain_directory, std::string spool_directory);
  ~PackedFile() override;
  PackedFile(const PackedFile&) = delete;
  PackedFile& operator=(const PackedFile&) = delete;

  // Each of the following calls may fail with kRetryLater because the disk is full or fails; the
  // file is worthless then.
  uint64_t size() const override { return size_; }
  Status Read(uint64_t offset, char* out, size_t length) override;
  Status Write(uint64_t offset, std::string_view bytes) override;
  Status Truncate(uint64_t size) override;

  // Tells the file that it was written to its end. Little will change from now on, so all the rest
  // can be packed.
  void Settle();
  Result<uint64_t> Size() override { return size_; }
  Status Get(uint64_t index, std::string* frame, uint64_t* hash) override;
  // Bytes that pieces, and buffers kept for pieces, take in memory now.
  size_t memory();

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Buffer = std::unique_ptr<char[]>;
  // One piece. Its bytes are in `plain`, or else in file_ if `in_file`, or else only in frames_,
  // packed.
  struct Piece {
    Buffer plain;  // kPieceBytes long, with zeros after the file's end
    bool in_file = false;
    bool packing = false;  // a thread reads its bytes without the lock
    bool packed = false;   // its frame in frames_ is up to date
    // Where its frame begins in frames_, and how many bytes it has.
    uint64_t offset = 0;
    size_t size = 0;
    uint64_t hash = 0;  // hash of the bytes in the frame
  };
  // The thread that packs ahead.
  void Run();
  // True if the next piece is far enough behind the end of the file to be packed.
  bool CanPackNext() const;
  // Packs the next piece, unless Get has packed it already.
  Status PackNext(Lock* lock, PiecePacker* packer, std::string* frame);
  // Packs one piece. The lock is released while it is read and packed.
  Status PackPiece(Lock* lock, uint64_t index, PiecePacker* packer, std::string* frame);
  // Waits until no thread packs the piece.
  Piece* AwaitPiece(Lock* lock, uint64_t index);
  size_t LengthOf(uint64_t index) const;
  // The piece, ready to be written to. Its frame does not count any more.
  Result<Piece*> PieceToChange(Lock* lock, uint64_t index);
  // Makes the bytes of a piece that is only packed readable and writable, in memory or in file_.
  Status Thaw(uint64_t index);
  Status MoveToFile(uint64_t index);
  Status Grow(Lock* lock, uint64_t size);
  Buffer NewBuffer();
  void Drop(Buffer buffer);

  NamelessFile file_;  // unpacked pieces, each at its place in the database
  // The frames of packed pieces, in the order in which they were packed.
  NamelessFile frames_;
  std::atomic<uint64_t> frames_end_{0};
  std::atomic<bool> frames_full_{false};  // the spool's disk is full: no frame is written any more
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;  // guarded by mutex_, like all members down to failure_
  uint64_t size_ = 0;         // written by the owner's thread alone
  uint64_t next_ = 0;         // number of the next piece to pack; earlier ones had their turn
  size_t in_memory_ = 0;      // number of pieces in memory
  std::vector<Buffer> spare_;
  bool settled_ = false;
  bool stop_ = false;
  // The error that ended the thread; empty: there was none.
  std::string failure_;
  PiecePacker packer_;  // used by the owner's thread alone, like frame_
  std::string frame_;
  std::thread thread_;  // declared last, because it uses the other members
};

}  // namespace harmonylite::snapshot
