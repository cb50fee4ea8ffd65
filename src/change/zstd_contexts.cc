#include "change/zstd_contexts.h"

#include <cstddef>
#include <utility>

namespace harmonylite::change {

namespace {

constexpr size_t kMostKept = 1 << 20;  // In bytes. A larger context is freed after use.

struct FreePacker {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeUnpacker {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

thread_local std::unique_ptr<ZSTD_CCtx, FreePacker> kept_packer;
thread_local std::unique_ptr<ZSTD_DCtx, FreeUnpacker> kept_unpacker;

}  // namespace

void ReleasePacker::operator()(ZSTD_CCtx* context) const {
  const bool keep = kept_packer == nullptr && ZSTD_sizeof_CCtx(context) <= kMostKept &&
                    !ZSTD_isError(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters));
  if (!keep) return FreePacker()(context);
  kept_packer.reset(context);
}

void ReleaseUnpacker::operator()(ZSTD_DCtx* context) const {
  const bool keep = kept_unpacker == nullptr && ZSTD_sizeof_DCtx(context) <= kMostKept &&
                    !ZSTD_isError(ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters));
  if (!keep) return FreeUnpacker()(context);
  kept_unpacker.reset(context);
}

Packer TakePacker() {
  ZSTD_CCtx* kept = kept_packer.release();
  return Packer(kept != nullptr ? kept : ZSTD_createCCtx());
}

Unpacker TakeUnpacker() {
  ZSTD_DCtx* kept = kept_unpacker.release();
  return Unpacker(kept != nullptr ? kept : ZSTD_createDCtx());
}

}  // namespace harmonylite::change
