// The bytes of a file in memory. Copies share pieces of 4 KiB until one of the copies writes to a
// piece, so copying a file is cheap.
//
// Threads: one.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace harmonylite::sim {

class Bytes {
 public:
  static constexpr size_t kPiece = 4'096;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Copies up to `amount` bytes from `offset` on to `out`. Returns how many bytes there were, which
  // is less than `amount` at the end of the file.
  size_t Read(size_t offset, size_t amount, char* out) const;
  // Overwrites or appends. `offset` is at most size(): a write must not leave a gap.
  void Write(size_t offset, std::string_view bytes);
  // Cuts the file, or extends it with zeros.
  void Resize(size_t size);
  // Replaces every piece that the range touches by the same piece of `other`, which must have the
  // same size.
  void Share(const Bytes& other, size_t offset, size_t amount);

 private:
  using Piece = std::array<char, kPiece>;  // bytes after the end of the file are zero
  Piece* Own(size_t piece, bool all_new);

  std::vector<std::shared_ptr<Piece>> pieces_;  // a null pointer stands for a piece of zeros
  size_t size_ = 0;
};

}  // namespace harmonylite::sim
