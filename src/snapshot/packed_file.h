// A database file that is packed while it is written: of most of it, only the packed bytes ever lie anywhere.
//
// SQLite writes a new file nearly in order. What it writes stays in memory until the writing is some megabytes further
// on, and is then packed, piece by piece, by a thread of its own, and by the writer where that thread is slower. Only a
// piece that is written to again after that (and where memory ends, one that is read) is unpacked once, into a
// nameless file, and lives there from then on, like any part of an ordinary file. So random access costs one pass over
// the file at most, and what Get gives depends on what was written alone, never on how far the thread came.
//
// Memory: at most some 50 MB. Disk: the packed bytes, in the spool; the unpacked pieces, beside the database. When the
// spool's disk is full, the pieces that follow lie beside the database unpacked, and are packed when they are
// asked for.
// Threads: one owner at a time, beside the one in here.
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

  // Errors of all: kRetryLater, the disk is full or fails; the file is worth nothing then.
  uint64_t size() const override { return size_; }
  Status Read(uint64_t offset, char* out, size_t length) override;
  Status Write(uint64_t offset, std::string_view bytes) override;
  Status Truncate(uint64_t size) override;

  // It was written to its end: what may still change is little, so that all the rest can be packed.
  void Settle();
  Result<uint64_t> Size() override { return size_; }
  Status Get(uint64_t index, std::string* frame, uint64_t* hash) override;
  // Bytes of pieces in memory now.
  size_t memory();

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Buffer = std::unique_ptr<char[]>;
  // Its bytes are in `plain`, or else in file_ (`in_file`), or else only packed.
  struct Piece {
    Buffer plain;          // kPieceBytes, zeros after the file's end
    bool in_file = false;
    bool packing = false;  // somebody reads it without the lock
    bool packed = false;   // what lies in frames_ is what it holds
    uint64_t offset = 0;   // there
    size_t size = 0;       // there
    uint64_t hash = 0;     // of what is packed
  };
  void Run();
  bool CanPackNext() const;
  // Packs the next piece that nobody has packed yet.
  Status PackNext(Lock* lock, PiecePacker* packer, std::string* frame);
  Status PackPiece(Lock* lock, uint64_t index, PiecePacker* packer, std::string* frame);
  Piece* AwaitPiece(Lock* lock, uint64_t index);
  size_t LengthOf(uint64_t index) const;
  // One that is about to be written to: what was packed of it counts no more.
  Result<Piece*> PieceToChange(Lock* lock, uint64_t index);
  // A piece that is only packed is put where it can be read and written.
  Status Thaw(uint64_t index);
  Status MoveToFile(uint64_t index);
  Status Grow(Lock* lock, uint64_t size);
  Buffer NewBuffer();
  void Drop(Buffer buffer);

  NamelessFile file_;         // each unpacked piece at its own place
  NamelessFile frames_;
  std::atomic<uint64_t> frames_end_{0};
  std::atomic<bool> frames_full_{false};  // none is written any more
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;  // guarded by mutex_, as all down to failure_
  uint64_t size_ = 0;         // written by the owner's thread alone
  uint64_t next_ = 0;         // the pieces before it have had their turn
  size_t in_memory_ = 0;      // pieces
  std::vector<Buffer> spare_;
  bool settled_ = false;
  bool stop_ = false;
  std::string failure_;  // of the thread: what its error said
  PiecePacker packer_;  // the owner's, as frame_
  std::string frame_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace harmonylite::snapshot
