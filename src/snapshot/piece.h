// A database file as pieces of one size, each packed into a zstd frame of its own. Frames of pieces
// can be made in any order and by several threads, and together are one valid object.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace harmonylite::snapshot {

inline constexpr size_t kPieceBytes = 1 << 20;  // every piece but the last has this size

// XXH3-64 of a piece's bytes.
uint64_t HashPiece(std::string_view plain);

// Packs and unpacks pieces. Threads: one at a time.
class PiecePacker {
 public:
  PiecePacker();
  ~PiecePacker();
  PiecePacker(const PiecePacker&) = delete;
  PiecePacker& operator=(const PiecePacker&) = delete;
  // Makes `out` the frame of a piece.
  void Pack(std::string_view plain, std::string* out);
  // Unpacks a frame that Pack made of `length` bytes into `out`. False: `frame` is something else.
  bool Unpack(std::string_view frame, char* out, size_t length);

 private:
  ZSTD_CCtx_s* const context_;  // owned
  ZSTD_DCtx_s* const reverse_;  // owned
};

// A database file that gives its pieces, packed.
//
// Threads: one owner at a time.
class PieceSource {
 public:
  virtual ~PieceSource() = default;
  // Size of the database in bytes.
  virtual Result<uint64_t> Size() = 0;
  // Returns the frame and the hash of a piece, which must begin before Size(). Nothing may write to
  // the file meanwhile. kRetryLater: the disk fails.
  virtual Status Get(uint64_t index, std::string* frame, uint64_t* hash) = 0;
};

}  // namespace harmonylite::snapshot
