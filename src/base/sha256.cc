#include "base/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/result.h"

namespace harmonylite {

Sha256Sum::Sha256Sum() : context_(EVP_MD_CTX_new()) {
  HL_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
}

Sha256Sum::~Sha256Sum() { EVP_MD_CTX_free(context_); }

void Sha256Sum::Add(std::string_view bytes) {
  HL_CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

std::string Sha256Sum::Finish() {
  std::string sum(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  HL_CHECK(EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(sum.data()), &size) == 1);
  sum.resize(size);
  return sum;
}

std::string Sha256Of(std::string_view bytes) {
  Sha256Sum sum;
  sum.Add(bytes);
  return sum.Finish();
}

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out;
}

}  // namespace harmonylite
