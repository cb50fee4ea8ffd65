#include "snapshot/packed_file.h"

#include <algorithm>
#include <cstring>

#include "base/thread_name.h"

namespace harmonylite::snapshot {

namespace {

// SQLite keeps the newest pages in its cache of 16 MB and writes older ones to the file. So a piece
// that ends at least this many bytes before the end of the file is nearly final.
constexpr uint64_t kStillMoving = 20 << 20;
// Pieces in memory above which the writer packs pieces itself.
constexpr size_t kMostInMemory = 40;
// Buffers that are kept for further pieces.
constexpr size_t kMostSpare = 4;

}  // namespace

PackedFile::PackedFile(std::string plain_directory, std::string spool_directory)
    : file_(std::move(plain_directory)), frames_(std::move(spool_directory)) {
  frames_full_ = !frames_.Open().ok();
  thread_ = std::thread([this] { Run(); });
}

PackedFile::~PackedFile() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// --- What SQLite calls ---

Status PackedFile::Read(uint64_t offset, char* out, size_t length) {
  const Lock lock(mutex_);
  HL_CHECK(offset + length <= size_);
  while (length > 0) {
    const uint64_t index = offset / kPieceBytes;
    const size_t at = offset % kPieceBytes;
    const size_t part = std::min(kPieceBytes - at, length);
    HL_TRY(Thaw(index));
    if (pieces_[index].plain)
      std::memcpy(out, pieces_[index].plain.get() + at, part);
    else
      HL_TRY(file_.Read(offset, out, part));
    out += part;
    offset += part;
    length -= part;
  }
  return Ok();
}

Status PackedFile::Write(uint64_t offset, std::string_view bytes) {
  Lock lock(mutex_);
  if (!failure_.empty()) return MakeError(ErrorCode::kRetryLater, "{}", failure_);
  if (offset + bytes.size() > size_) HL_TRY(Grow(&lock, offset + bytes.size()));
  while (!bytes.empty()) {
    const uint64_t index = offset / kPieceBytes;
    const size_t at = offset % kPieceBytes;
    const std::string_view part = bytes.substr(0, kPieceBytes - at);
    HL_ASSIGN(Piece * piece, PieceToChange(&lock, index));
    if (piece->plain)
      std::memcpy(piece->plain.get() + at, part.data(), part.size());
    else
      HL_TRY(file_.Write(offset, part));
    offset += part.size();
    bytes.remove_prefix(part.size());
  }
  return Ok();
}

Status PackedFile::Truncate(uint64_t size) {
  Lock lock(mutex_);
  if (!failure_.empty()) return MakeError(ErrorCode::kRetryLater, "{}", failure_);
  if (size >= size_) return Grow(&lock, size);
  while (pieces_.size() > (size + kPieceBytes - 1) / kPieceBytes) {
    Drop(std::move(AwaitPiece(&lock, pieces_.size() - 1)->plain));
    pieces_.pop_back();
  }
  next_ = std::min<uint64_t>(next_, pieces_.size());
  if (const size_t tail = size % kPieceBytes; tail != 0) {
    HL_ASSIGN(Piece * last, PieceToChange(&lock, pieces_.size() - 1));
    if (last->plain) std::memset(last->plain.get() + tail, 0, kPieceBytes - tail);
  }
  size_ = size;
  return file_.Cut(size);
}

Status PackedFile::Grow(Lock* lock, uint64_t size) {
  // The last piece grows, so a frame of it would not be up to date.
  if (size > size_ && size_ % kPieceBytes != 0) HL_TRY(PieceToChange(lock, pieces_.size() - 1));
  while (pieces_.size() * kPieceBytes < size) {
    while (in_memory_ >= kMostInMemory && CanPackNext()) HL_TRY(PackNext(lock, &packer_, &frame_));
    pieces_.emplace_back().plain = NewBuffer();
    size_ = std::min<uint64_t>(size, pieces_.size() * kPieceBytes);
  }
  size_ = size;
  if (CanPackNext()) changed_.notify_all();
  return Ok();
}

// --- Packing ---

void PackedFile::Settle() {
  {
    const std::lock_guard lock(mutex_);
    settled_ = true;
  }
  changed_.notify_all();
}

Status PackedFile::Get(uint64_t index, std::string* frame, uint64_t* hash) {
  Lock lock(mutex_);
  if (!failure_.empty()) return MakeError(ErrorCode::kRetryLater, "{}", failure_);
  Piece* piece = AwaitPiece(&lock, index);
  if (!piece->packed) {
    HL_TRY(PackPiece(&lock, index, &packer_, frame));
    *hash = piece->hash;
    return Ok();
  }
  *hash = piece->hash;
  frame->resize(piece->size);
  const uint64_t offset = piece->offset;
  lock.unlock();
  return frames_.Read(offset, frame->data(), frame->size());
}

size_t PackedFile::memory() {
  const std::lock_guard lock(mutex_);
  return (in_memory_ + spare_.size()) * kPieceBytes;
}

void PackedFile::Run() {
  NameThisThread("pack ahead");
  PiecePacker packer;
  std::string frame;
  Lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop_ || CanPackNext(); });
    if (stop_) return;
    if (Status packed = PackNext(&lock, &packer, &frame); !packed.ok()) {
      failure_ = packed.error().message();
      return;
    }
  }
}

bool PackedFile::CanPackNext() const {
  return next_ < pieces_.size() && (settled_ || (next_ + 1) * kPieceBytes + kStillMoving <= size_);
}

Status PackedFile::PackNext(Lock* lock, PiecePacker* packer, std::string* frame) {
  const uint64_t index = next_++;
  const Piece& piece = pieces_[index];
  if (piece.packed || piece.packing) return Ok();  // Get has done it, or is at it
  if (!frames_full_) HL_TRY(PackPiece(lock, index, packer, frame));
  return piece.packed ? Status(Ok()) : MoveToFile(index);
}

Status PackedFile::PackPiece(Lock* lock, uint64_t index, PiecePacker* packer, std::string* frame) {
  // The reference stays valid: Truncate waits until the piece is packed, and a deque does not move
  // its other elements.
  Piece& piece = pieces_[index];
  const size_t length = LengthOf(index);
  piece.packing = true;
  lock->unlock();
  Buffer read;
  Status status = Ok();
  if (!piece.plain) {
    read.reset(new char[length]);
    status = file_.Read(index * kPieceBytes, read.get(), length);
  }
  const std::string_view plain(piece.plain ? piece.plain.get() : read.get(), length);
  const uint64_t hash = HashPiece(plain);
  packer->Pack(plain, frame);
  const uint64_t offset = frames_end_.fetch_add(frame->size());
  if (!frames_full_ && !frames_.Write(offset, *frame).ok()) frames_full_ = true;
  const bool stored = status.ok() && !frames_full_;
  lock->lock();
  piece.packing = false;
  piece.hash = hash;
  piece.offset = offset;
  piece.size = frame->size();
  piece.packed = stored;
  if (stored) Drop(std::move(piece.plain));
  changed_.notify_all();
  return status;
}

// --- Where pieces lie ---

PackedFile::Piece* PackedFile::AwaitPiece(Lock* lock, uint64_t index) {
  HL_CHECK(index < pieces_.size());
  changed_.wait(*lock, [&] { return !pieces_[index].packing; });
  return &pieces_[index];
}

Result<PackedFile::Piece*> PackedFile::PieceToChange(Lock* lock, uint64_t index) {
  Piece* piece = AwaitPiece(lock, index);
  HL_TRY(Thaw(index));
  piece->packed = false;
  return piece;
}

size_t PackedFile::LengthOf(uint64_t index) const {
  return static_cast<size_t>(std::min<uint64_t>(kPieceBytes, size_ - index * kPieceBytes));
}

Status PackedFile::Thaw(uint64_t index) {
  Piece& piece = pieces_[index];
  if (piece.plain || piece.in_file) return Ok();
  HL_CHECK(piece.packed);
  frame_.resize(piece.size);
  HL_TRY(frames_.Read(piece.offset, frame_.data(), frame_.size()));
  piece.plain = NewBuffer();
  const size_t length = LengthOf(index);
  if (!packer_.Unpack(frame_, piece.plain.get(), length) ||
      HashPiece({piece.plain.get(), length}) != piece.hash) {
    Drop(std::move(piece.plain));
    return MakeError(ErrorCode::kRetryLater,
                     "a temporary file does not hold what was written to it");
  }
  // While the file grows, the memory belongs to its newest pieces, so an old piece that is touched
  // again goes to the disk.
  return settled_ && in_memory_ <= kMostInMemory ? Status(Ok()) : MoveToFile(index);
}

Status PackedFile::MoveToFile(uint64_t index) {
  Piece& piece = pieces_[index];
  if (!piece.plain) return Ok();
  HL_TRY(file_.Write(index * kPieceBytes, {piece.plain.get(), LengthOf(index)}));
  Drop(std::move(piece.plain));
  piece.in_file = true;
  return Ok();
}

PackedFile::Buffer PackedFile::NewBuffer() {
  ++in_memory_;
  Buffer out;
  if (spare_.empty()) {
    out.reset(new char[kPieceBytes]);
  } else {
    out = std::move(spare_.back());
    spare_.pop_back();
  }
  std::memset(out.get(), 0, kPieceBytes);
  return out;
}

// Keeps a few buffers for the next pieces, because the system zeroes new memory page by page.
void PackedFile::Drop(Buffer buffer) {
  if (!buffer) return;
  --in_memory_;
  if (!settled_ && spare_.size() < kMostSpare) spare_.push_back(std::move(buffer));
}

}  // namespace harmonylite::snapshot
