#include "adapters/nats/nkey.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <vector>

namespace harmonylite::nats {

namespace {

// A seed is two bytes of prefix (5 bits for "seed", 5 bits for the kind of key), 32 bytes of key
// and a CRC-16, in base32 without padding. A public key is one byte for the kind, 32 bytes of key
// and a CRC-16.
constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr size_t kKeyBytes = 32;
constexpr size_t kSeedBytes = 2 + kKeyBytes + 2;
constexpr uint8_t kPrefixSeed = 18 << 3;

uint16_t Crc16(const uint8_t* data, size_t size) {
  uint16_t crc = 0;
  for (size_t i = 0; i < size; ++i) {
    crc = static_cast<uint16_t>(crc ^ (data[i] << 8));
    for (int bit = 0; bit < 8; ++bit)
      crc = static_cast<uint16_t>((crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1);
  }
  return crc;
}

bool DecodeBase32(std::string_view text, std::vector<uint8_t>* out) {
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = std::string_view(kAlphabet).find(c);
    if (value == std::string_view::npos) return false;
    bits = bits << 5 | static_cast<uint32_t>(value);
    count += 5;
    if (count >= 8) {
      count -= 8;
      out->push_back(static_cast<uint8_t>(bits >> count));
    }
  }
  return true;
}

std::string EncodeBase32(const std::vector<uint8_t>& bytes) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const uint8_t byte : bytes) {
    bits = bits << 8 | byte;
    count += 8;
    while (count >= 5) {
      count -= 5;
      out += kAlphabet[bits >> count & 31];
    }
  }
  if (count > 0) out += kAlphabet[bits << (5 - count) & 31];
  return out;
}

Error NotASeed() {
  return MakeError(ErrorCode::kInvalidArgument,
                   "not an nkey seed (58 characters that start with SU)");
}

}  // namespace

Result<std::string> PublicNkey(std::string_view seed) {
  std::vector<uint8_t> raw;
  raw.reserve(kSeedBytes + 1);
  struct Wipe {
    std::vector<uint8_t>* bytes;
    ~Wipe() { OPENSSL_cleanse(bytes->data(), bytes->size()); }
  } wipe{&raw};
  if (seed.size() > 100 || !DecodeBase32(seed, &raw) || raw.size() != kSeedBytes) return NotASeed();
  const uint16_t crc = static_cast<uint16_t>(raw[kSeedBytes - 2] | raw[kSeedBytes - 1] << 8);
  if ((raw[0] & 0xF8) != kPrefixSeed || crc != Crc16(raw.data(), kSeedBytes - 2)) return NotASeed();

  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, raw.data() + 2, kKeyBytes),
      EVP_PKEY_free);
  std::vector<uint8_t> out(1 + kKeyBytes);
  size_t size = kKeyBytes;
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), out.data() + 1, &size) != 1) return NotASeed();
  out[0] = static_cast<uint8_t>((raw[0] & 7) << 5 | (raw[1] & 0xF8) >> 3);
  const uint16_t check = Crc16(out.data(), out.size());
  out.push_back(static_cast<uint8_t>(check));
  out.push_back(static_cast<uint8_t>(check >> 8));
  return EncodeBase32(out);
}

Result<std::string> PublicNkeyOfFile(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return MakeError(ErrorCode::kInvalidArgument, "cannot read the nkey seed file {}", path);
  std::string line;
  Result<std::string> out = NotASeed();
  while (!out.ok() && std::getline(file, line)) {
    const size_t begin = line.find_first_not_of(" \t\r");
    const size_t end = line.find_last_not_of(" \t\r");
    if (begin != std::string::npos && line.compare(begin, 2, "SU") == 0)
      out = PublicNkey(std::string_view(line).substr(begin, end - begin + 1));
    OPENSSL_cleanse(line.data(), line.size());
  }
  if (!out.ok()) return std::move(out).error().Wrap(path);
  return out;
}

}  // namespace harmonylite::nats
