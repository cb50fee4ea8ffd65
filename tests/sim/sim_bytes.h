// The bytes of a file in memory, in pieces that copies share until one of them is written to: a copy costs little.
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
  // Copies what is there to `out`; how much that was: less than `amount` at the end.
  size_t Read(size_t offset, size_t amount, char* out) const;
  // May begin at the end, not behind it.
  void Write(size_t offset, std::string_view bytes);
  // Grows with zeros.
  void Resize(size_t size);
  // Takes over from `other`, of the same size, the pieces in which these bytes are.
  void Share(const Bytes& other, size_t offset, size_t amount);

 private:
  using Piece = std::array<char, kPiece>;  // zeros behind the end
  Piece* Own(size_t piece, bool all_new);

  std::vector<std::shared_ptr<Piece>> pieces_;  // null: zeros
  size_t size_ = 0;
};

}  // namespace harmonylite::sim
