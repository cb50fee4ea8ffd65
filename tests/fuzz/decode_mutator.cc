// Tells libFuzzer how to change frames and batches: checksums are corrected afterwards, and packed
// batches are unpacked, changed and packed again. Nearly all blind changes would end at the first
// check.
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include "change/batch_grammar.h"
#include "change/codec.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace {

using namespace harmonylite;          // NOLINT: a program of one file
using namespace harmonylite::change;  // NOLINT

constexpr std::string_view kFrameMagic = "\x89HLF";
constexpr size_t kChecksum = 8;

size_t Put(std::string_view bytes, uint8_t* data, size_t max_size) {
  const size_t size = std::min(bytes.size(), max_size);
  std::memcpy(data, bytes.data(), size);
  return size;
}

void SealFrame(uint8_t* data, size_t size) {
  if (size < kFrameMagic.size() + kChecksum ||
      std::memcmp(data, kFrameMagic.data(), kFrameMagic.size()) != 0)
    return;
  const uint64_t checksum = XXH3_64bits(data, size - kChecksum);
  for (size_t i = 0; i < kChecksum; ++i)
    data[size - kChecksum + i] = static_cast<uint8_t>(checksum >> (8 * i));
}

bool IsBatch(const uint8_t* data, size_t size, uint8_t codec) {
  return size > kBatchPrefix && data[0] == kWireFormat && data[1] == codec;
}

std::string Packed(std::string_view body) {
  std::string out(kBatchPrefix + ZSTD_compressBound(body.size()), '\0');
  out[0] = static_cast<char>(kWireFormat);
  out[1] = static_cast<char>(kCodecZstd);
  const size_t size = ZSTD_compress(out.data() + kBatchPrefix, out.size() - kBatchPrefix,
                                    body.data(), body.size(), 1);
  out.resize(ZSTD_isError(size) ? kBatchPrefix : kBatchPrefix + size);
  return out;
}

// Unpacks a compressed batch, changes it, and packs it again.
size_t MutatePacked(uint8_t* data, size_t size, size_t max_size) {
  std::string body(max_size, '\0');
  const size_t had =
      ZSTD_decompress(body.data(), body.size(), data + kBatchPrefix, size - kBatchPrefix);
  if (ZSTD_isError(had)) return LLVMFuzzerMutate(data, size, max_size);
  const size_t has = LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(body.data()), had, body.size());
  return Put(Packed({body.data(), has}), data, max_size);
}

// Makes the whole input the only frame of a batch.
std::string Framed(std::string_view batch) {
  FrameHeader header;
  header.sender = {NodeId(1), Incarnation(1)};
  header.count = 1;
  header.batch_bytes = batch.size();
  header.batch_checksum = XXH3_64bits(batch.data(), batch.size());
  return EncodeFrame(header, batch);
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  std::minstd_rand random(seed);
  const uint64_t how = random() % 16;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (how == 0 && IsBatch(data, size, kCodecStored))
    return Put(Packed(bytes.substr(kBatchPrefix)), data, max_size);
  if (how == 1 && IsBatch(data, size, kCodecZstd)) return LLVMFuzzerMutate(data, size, max_size);
  if (how == 2 && size > 0 && data[0] == kWireFormat) return Put(Framed(bytes), data, max_size);
  size = IsBatch(data, size, kCodecZstd) ? MutatePacked(data, size, max_size)
                                         : LLVMFuzzerMutate(data, size, max_size);
  if (how != 3) SealFrame(data, size);
  return size;
}
