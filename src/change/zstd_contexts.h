// Keeps one zstd context of each kind per thread for the next use, because making one costs as much
// as packing a small batch.
//
// Internal to change/. Threads: any; each thread has contexts of its own.
#pragma once

#include <zstd.h>

#include <memory>

namespace harmonylite::change {

struct ReleasePacker {
  void operator()(ZSTD_CCtx* context) const;
};
struct ReleaseUnpacker {
  void operator()(ZSTD_DCtx* context) const;
};
using Packer = std::unique_ptr<ZSTD_CCtx, ReleasePacker>;
using Unpacker = std::unique_ptr<ZSTD_DCtx, ReleaseUnpacker>;

// A context in its initial state, with zstd's default parameters. Null: there is no memory.
Packer TakePacker();
Unpacker TakeUnpacker();

}  // namespace harmonylite::change
