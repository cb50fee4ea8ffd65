#include "sim/sim_bytes.h"

#include <algorithm>
#include <cstring>

#include "base/result.h"

namespace harmonylite::sim {

size_t Bytes::Read(size_t offset, size_t amount, char* out) const {
  const size_t there = offset >= size_ ? 0 : std::min(size_ - offset, amount);
  for (size_t done = 0; done < there;) {
    const size_t at = (offset + done) % kPiece;
    const size_t part = std::min(kPiece - at, there - done);
    const auto& piece = pieces_[(offset + done) / kPiece];
    if (piece == nullptr)
      std::memset(out + done, 0, part);
    else
      std::memcpy(out + done, piece->data() + at, part);
    done += part;
  }
  return there;
}

// Makes piece number `index` one that no other copy shares, and returns it. With `all_new` the
// caller overwrites the whole piece, so its old bytes are not copied.
Bytes::Piece* Bytes::Own(size_t index, bool all_new) {
  std::shared_ptr<Piece>& piece = pieces_[index];
  if (piece == nullptr) {
    piece = std::make_shared<Piece>();
  } else if (piece.use_count() > 1) {
    auto own = std::make_shared_for_overwrite<Piece>();
    if (!all_new) *own = *piece;
    piece = std::move(own);
  }
  return piece.get();
}

void Bytes::Write(size_t offset, std::string_view bytes) {
  HL_CHECK(offset <= size_);
  if (offset + bytes.size() > size_) Resize(offset + bytes.size());
  while (!bytes.empty()) {
    const size_t at = offset % kPiece;
    const size_t part = std::min(kPiece - at, bytes.size());
    std::memcpy(Own(offset / kPiece, part == kPiece)->data() + at, bytes.data(), part);
    offset += part;
    bytes.remove_prefix(part);
  }
}

void Bytes::Resize(size_t size) {
  pieces_.resize((size + kPiece - 1) / kPiece);
  if (const size_t rest = size % kPiece; size < size_ && rest != 0 && pieces_.back() != nullptr)
    std::memset(Own(size / kPiece, false)->data() + rest, 0, kPiece - rest);
  size_ = size;
}

void Bytes::Share(const Bytes& other, size_t offset, size_t amount) {
  HL_CHECK(size_ == other.size_);
  const size_t end = std::min(offset + amount, size_);
  if (offset >= end) return;
  for (size_t i = offset / kPiece; i <= (end - 1) / kPiece; ++i) pieces_[i] = other.pieces_[i];
}

}  // namespace harmonylite::sim
