#include "snapshot/pack.h"

#include <xxhash.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>

#include "base/sha256.h"
#include "sqlite/raw_file.h"

namespace harmonylite::snapshot {

namespace {

constexpr size_t kChunk = 1 << 20;
// The logarithm of the largest window, 32 MB, that a zstd frame may need to be unpacked. A frame
// that needs more is refused, so that a forged object cannot make this node allocate more.
constexpr int kMaxWindowLog = 25;

Error Cancelled() { return MakeError(ErrorCode::kRetryLater, "it was told to end"); }

using XxhState = std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)>;

// Computes the checksum of a database from the checksums of its pieces.
class HashSum {
 public:
  HashSum() : state_(XXH3_createState(), XXH3_freeState) {
    HL_CHECK(state_ != nullptr);
    XXH3_64bits_reset(state_.get());
  }
  void Add(uint64_t piece) {
    std::array<unsigned char, sizeof piece> bytes{};
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = static_cast<unsigned char>(piece >> (8 * i));
    XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
  }
  uint64_t Sum() const { return XXH3_64bits_digest(state_.get()); }

 private:
  XxhState state_;
};

// Computes the same checksum as HashSum from the bytes of the database, which come in parts of any
// size.
class PlainSum {
 public:
  PlainSum() : piece_(XXH3_createState(), XXH3_freeState) {
    HL_CHECK(piece_ != nullptr);
    XXH3_64bits_reset(piece_.get());
  }
  void Add(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, kPieceBytes - held_);
      XXH3_64bits_update(piece_.get(), part.data(), part.size());
      held_ += part.size();
      bytes.remove_prefix(part.size());
      if (held_ == kPieceBytes) EndPiece();
    }
  }
  // Returns the checksum. Called once, at the end.
  uint64_t Finish() {
    if (held_ > 0) EndPiece();
    return sum_.Sum();
  }

 private:
  void EndPiece() {
    sum_.Add(XXH3_64bits_digest(piece_.get()));
    XXH3_64bits_reset(piece_.get());
    held_ = 0;
  }
  XxhState piece_;
  size_t held_ = 0;  // bytes of the piece that is not complete yet
  HashSum sum_;
};

using Decompressor = std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)>;

Error Broken(std::string_view why) {
  return MakeError(ErrorCode::kCorruption, "the snapshot is damaged: {}", why);
}

}  // namespace

// The state of one attempt of the store to take the object.
struct Packer::Attempt {
  explicit Attempt(uint64_t bytes) : size(bytes) {}
  const uint64_t size;  // size of the database in bytes
  uint64_t pieces = 0;  // pieces that were given to the store
  HashSum plain_sum;
  Sha256Sum packed_sum;
  std::string sha256;  // set when the last piece was given
  uint64_t packed = 0;
};

Packer::Packer(PieceSource* pieces, Phase phase, Activity* activity, Manifest* manifest)
    : pieces_(pieces), phase_(phase), activity_(activity), manifest_(manifest) {}

Packer::~Packer() = default;

std::string Packer::Sha256() const { return attempt_->sha256; }

Status Packer::Begin() {
  HL_ASSIGN(const uint64_t size, pieces_->Size());
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
  uint64_t hash = 0;
  HL_TRY(pieces_->Get(a.pieces, out, &hash));
  a.plain_sum.Add(hash);
  a.packed_sum.Add(*out);
  a.packed += out->size();
  ++a.pieces;
  activity_->done = std::min(a.size, offset + kPieceBytes);
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

Status Pack(PieceSource* pieces, Activity* activity, Spool* out, Manifest* manifest) {
  Packer packer(pieces, Phase::kPacking, activity, manifest);
  HL_TRY(packer.Begin());
  std::string piece;
  do {
    HL_TRY(packer.Next(&piece));
    HL_TRY(out->Append(piece));
  } while (!piece.empty());
  return Ok();
}

// The state of one attempt to fetch the object.
struct Unpacker::Attempt {
  Decompressor decompressor{ZSTD_createDCtx(), ZSTD_freeDCtx};
  std::string plain = std::string(kChunk, '\0');
  Sha256Sum packed_sum;
  PlainSum plain_sum;
  uint64_t packed = 0;
  uint64_t written = 0;
  size_t hint = 1;  // zstd's hint; 0: a frame ends here
  // Why the object cannot be unpacked. The bytes that follow are only counted and summed up,
  // because a wrong checksum is the better explanation.
  std::string broken;
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
  if (a.packed > manifest_->packed)
    return Broken(fmt::format("it has more than {} bytes", manifest_->packed));
  a.packed_sum.Add(bytes);
  return a.broken.empty() ? Write(bytes) : Ok();
}

Status Unpacker::Write(std::string_view bytes) {
  Attempt& a = *attempt_;
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer output{a.plain.data(), a.plain.size(), a.plain.size()};
  // The loop goes on without input if the last output was full, because zstd may hold more.
  while (input.pos < input.size || (a.hint != 0 && output.pos == output.size)) {
    output = {a.plain.data(), a.plain.size(), 0};
    const size_t consumed = input.pos;
    a.hint = ZSTD_decompressStream(a.decompressor.get(), &output, &input);
    if (ZSTD_getErrorCode(a.hint) == ZSTD_error_memory_allocation)
      return Error(ErrorCode::kRetryLater, "reading a snapshot: no memory for zstd");
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
  if (a.plain_sum.Finish() != manifest_->hash) return Broken("the database's checksum differs");
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
