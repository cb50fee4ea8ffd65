// Packs a file piece by piece while it is still being written, in a thread of its own.
//
// A piece that was written to again afterwards is packed in vain: whoever takes one says what the piece is now, and
// gets nothing if it was something else. So the result never depends on how far this thread came.
// Memory: some megabytes. Threads: one owner at a time, beside the one in here.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/spool.h"

struct ZSTD_CCtx_s;

namespace harmonylite::snapshot {

// A file in pieces of one size, but for the last one. Each becomes a zstd frame of its own.
inline constexpr size_t kPieceBytes = 1 << 20;

using PieceHash = std::array<uint64_t, 2>;
PieceHash HashPiece(std::string_view plain);

// Threads: one at a time.
class PiecePacker {
 public:
  PiecePacker();
  ~PiecePacker();
  PiecePacker(const PiecePacker&) = delete;
  PiecePacker& operator=(const PiecePacker&) = delete;
  void Pack(std::string_view plain, std::string* out);

 private:
  ZSTD_CCtx_s* const context_;  // owned
};

class PackAhead {
 public:
  // `file` is not owned, and only read from. Where the disk of `spool_directory` is full, it packs no further.
  PackAhead(int file, std::string spool_directory);
  ~PackAhead();
  PackAhead(const PackAhead&) = delete;
  PackAhead& operator=(const PackAhead&) = delete;

  // The file has grown to its end; until then the newest part of it is left alone.
  void Complete();
  // The frame of a piece, if it was `hash` when it was packed. Waits while its turn is still to come. False: pack it
  // yourself.
  bool Take(uint64_t index, const PieceHash& hash, std::string* packed);

 private:
  struct Packed {
    PieceHash hash;
    uint64_t offset;  // in spool_
    size_t size;
  };
  void Run();
  // False: there is no such piece, or it is not wanted any more.
  bool AwaitPiece(uint64_t index);
  bool ReadPiece(uint64_t index, std::string* out) const;

  const int file_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Spool spool_;                 // guarded by mutex_, as all below
  std::vector<Packed> pieces_;  // the first ones of the file
  bool complete_ = false;
  bool stop_ = false;
  bool ended_ = false;  // no further piece will be packed
  std::thread thread_;  // last: it uses the others
};

}  // namespace harmonylite::snapshot
