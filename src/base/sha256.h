// SHA-256 of bytes that come piece by piece.
//
// Threads: a sum has one owner; the functions are pure.
#pragma once

#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace harmonylite {

class Sha256Sum {
 public:
  Sha256Sum();
  ~Sha256Sum();
  Sha256Sum(const Sha256Sum&) = delete;
  Sha256Sum& operator=(const Sha256Sum&) = delete;

  void Add(std::string_view bytes);
  // Returns the 32 bytes of the sum. May be called once, after the last Add().
  std::string Finish();

 private:
  evp_md_ctx_st* const context_;  // owned
};

// Returns the 32 bytes of the sum of `bytes`.
std::string Sha256Of(std::string_view bytes);

// Writes bytes as lower-case hexadecimal digits.
std::string Hex(std::string_view bytes);

}  // namespace harmonylite
