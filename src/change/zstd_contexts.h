// zstd's contexts, which cost as much as packing a small batch: one of each kind is kept per thread for the next use.
//
// Internal to change/. Threads: free.
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

// As new, with zstd's own parameters; null: no memory.
Packer TakePacker();
Unpacker TakeUnpacker();

}  // namespace harmonylite::change
