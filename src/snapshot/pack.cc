#include "snapshot/pack.h"

#include <openssl/evp.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>

#include "sqlite/raw_file.h"

namespace harmonylite::snapshot {

namespace {

constexpr size_t kChunk = 1 << 20;
// A frame that asks for more memory to be unpacked is refused.
constexpr int kMaxWindowLog = 25;

Error Cancelled() { return MakeError(ErrorCode::kRetryLater, "it was told to end"); }

class Sha256Sum {
 public:
  Sha256Sum() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    HL_CHECK(context_ != nullptr);
    HL_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  void Add(std::string_view bytes) {
    HL_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  // Once, at the end: 32 bytes.
  std::string Finish() {
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned int size = 0;
    HL_CHECK(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(out.data()), &size) == 1);
    out.resize(size);
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

class Xxh3 {
 public:
  Xxh3() : state_(XXH3_createState(), XXH3_freeState) {
    HL_CHECK(state_ != nullptr);
    XXH3_64bits_reset(state_.get());
  }
  void Add(std::string_view bytes) { XXH3_64bits_update(state_.get(), bytes.data(), bytes.size()); }
  uint64_t Sum() const { return XXH3_64bits_digest(state_.get()); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out;
}

using Decompressor = std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)>;

Error Broken(std::string_view why) {
  return MakeError(ErrorCode::kCorruption, "the snapshot is damaged: {}", why);
}

}  // namespace

struct Packer::Attempt {
  explicit Attempt(uint64_t bytes) : size(bytes) {}
  const uint64_t size;  // of the database
  uint64_t pieces = 0;  // that were given
  std::string plain;
  PiecePacker packer;
  Xxh3 plain_sum;
  Sha256Sum packed_sum;
  std::string sha256;  // once all was given
  uint64_t packed = 0;
};

Packer::Packer(sqlite::Connection* db, PackAhead* ahead, Phase phase, Activity* activity, Manifest* manifest)
    : db_(db), ahead_(ahead), phase_(phase), activity_(activity), manifest_(manifest) {}

Packer::~Packer() = default;

std::string Packer::Sha256() const { return attempt_->sha256; }

Status Packer::Begin() {
  HL_ASSIGN(const uint64_t size, sqlite::FileSize(db_));
  activity_->Begin(phase_, size);
  attempt_ = std::make_unique<Attempt>(size);
  return Ok();
}

Status Packer::Next(std::string* out) {
  HL_CHECK(attempt_ != nullptr);
  Attempt& a = *attempt_;
  out->clear();
  const uint64_t offset = a.pieces * kPieceBytes;
  if (offset >= a.size) return Ok();
  if (activity_->cancelled()) return Cancelled();
  HL_TRY(sqlite::ReadFileAt(db_, offset, std::min<uint64_t>(a.size - offset, kPieceBytes), &a.plain));
  a.plain_sum.Add(a.plain);
  if (ahead_ == nullptr || !ahead_->Take(a.pieces, HashPiece(a.plain), out)) a.packer.Pack(a.plain, out);
  a.packed_sum.Add(*out);
  a.packed += out->size();
  ++a.pieces;
  activity_->done = offset + a.plain.size();
  if (activity_->done == a.size) Describe();
  return Ok();
}

void Packer::Describe() {
  manifest_->size = attempt_->size;
  manifest_->packed = attempt_->packed;
  attempt_->sha256 = attempt_->packed_sum.Finish();
  manifest_->sha256 = Hex(attempt_->sha256);
  manifest_->hash = attempt_->plain_sum.Sum();
}

Status Pack(sqlite::Connection* db, PackAhead* ahead, Activity* activity, Spool* out, Manifest* manifest) {
  Packer packer(db, ahead, Phase::kPacking, activity, manifest);
  HL_TRY(packer.Begin());
  std::string piece;
  do {
    HL_TRY(packer.Next(&piece));
    HL_TRY(out->Append(piece));
  } while (!piece.empty());
  return Ok();
}

struct Unpacker::Attempt {
  Decompressor decompressor{ZSTD_createDCtx(), ZSTD_freeDCtx};
  std::string plain = std::string(kChunk, '\0');
  Sha256Sum packed_sum;
  Xxh3 plain_sum;
  uint64_t packed = 0;
  uint64_t written = 0;
  size_t hint = 1;     // 0: a frame ends here
  std::string broken;  // why it cannot be unpacked; what follows is only counted then
};

Unpacker::Unpacker(const Manifest* manifest, Activity* activity, sqlite::Connection* db)
    : manifest_(manifest), activity_(activity), db_(db) {}

Unpacker::~Unpacker() = default;

Status Unpacker::Begin() {
  attempt_ = std::make_unique<Attempt>();
  HL_CHECK(attempt_->decompressor != nullptr);
  ZSTD_DCtx_setParameter(attempt_->decompressor.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  return Ok();
}

Status Unpacker::Append(std::string_view bytes) {
  HL_CHECK(attempt_ != nullptr);
  Attempt& a = *attempt_;
  if (activity_->cancelled()) return Cancelled();
  a.packed += bytes.size();
  if (a.packed > manifest_->packed) return Broken(fmt::format("it has more than {} bytes", manifest_->packed));
  a.packed_sum.Add(bytes);
  return a.broken.empty() ? Write(bytes) : Ok();
}

Status Unpacker::Write(std::string_view bytes) {
  Attempt& a = *attempt_;
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer output{a.plain.data(), a.plain.size(), a.plain.size()};
  // Also while nothing is left to read but the last output was full: more may be waiting inside.
  while (input.pos < input.size || (a.hint != 0 && output.pos == output.size)) {
    output = {a.plain.data(), a.plain.size(), 0};
    const size_t consumed = input.pos;
    a.hint = ZSTD_decompressStream(a.decompressor.get(), &output, &input);
    if (ZSTD_isError(a.hint) != 0)
      a.broken = ZSTD_getErrorName(a.hint);
    else if (output.pos > manifest_->size - a.written)
      a.broken = "it is larger than its manifest says";
    if (!a.broken.empty()) return Ok();
    const std::string_view plain(a.plain.data(), output.pos);
    a.plain_sum.Add(plain);
    HL_TRY(sqlite::WriteFileAt(db_, a.written, plain));
    a.written += plain.size();
    activity_->done = a.written;
    if (output.pos == 0 && input.pos == consumed) break;
  }
  return Ok();
}

Status Unpacker::Finish() {
  HL_CHECK(attempt_ != nullptr);
  Attempt& a = *attempt_;
  if (a.packed != manifest_->packed)
    return Broken(fmt::format("it has {} bytes, not {}", a.packed, manifest_->packed));
  if (Hex(a.packed_sum.Finish()) != manifest_->sha256) return Broken("its checksum differs");
  if (!a.broken.empty()) return Broken(a.broken);
  if (a.hint != 0 || a.written != manifest_->size) return Broken("it ends too early");
  if (a.plain_sum.Sum() != manifest_->hash) return Broken("the database's checksum differs");
  return Ok();
}

Status Unpack(const Spool& packed, Unpacker* unpacker) {
  HL_TRY(unpacker->Begin());
  std::string piece;
  for (uint64_t offset = 0; offset < packed.size(); offset += piece.size()) {
    HL_TRY(packed.ReadAt(offset, kChunk, &piece));
    HL_TRY(unpacker->Append(piece));
  }
  return Ok();
}

}  // namespace harmonylite::snapshot
