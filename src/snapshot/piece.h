// A database file in pieces of one size, each of which is packed into a zstd frame of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace harmonylite::snapshot {

inline constexpr size_t kPieceBytes = 1 << 20;  // all but the last one

uint64_t HashPiece(std::string_view plain);

// Threads: one at a time.
class PiecePacker {
 public:
  PiecePacker();
  ~PiecePacker();
  PiecePacker(const PiecePacker&) = delete;
  PiecePacker& operator=(const PiecePacker&) = delete;
  void Pack(std::string_view plain, std::string* out);
  // What Pack made of `length` bytes. False: it is something else.
  bool Unpack(std::string_view frame, char* out, size_t length);

 private:
  ZSTD_CCtx_s* const context_;  // owned
  ZSTD_DCtx_s* const reverse_;  // owned
};

// A file that can be asked for its pieces, packed.
// Threads: one owner at a time.
class PieceSource {
 public:
  virtual ~PieceSource() = default;
  virtual Result<uint64_t> Size() = 0;
  // The frame of a piece before Size(), and the piece's hash. Nobody writes to the file meanwhile.
  // kRetryLater: the disk fails.
  virtual Status Get(uint64_t index, std::string* frame, uint64_t* hash) = 0;
};

}  // namespace harmonylite::snapshot
