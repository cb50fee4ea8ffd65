#include "adapters/nats/object_meta.h"

#include <fmt/chrono.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

namespace harmonylite::nats {

namespace {

using nlohmann::json;

constexpr std::string_view kDigestName = "SHA-256=";
constexpr size_t kNuidLength = 22;

bool IsSubjectToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_';
  });
}

Error NoMeta(const char* why) {
  return MakeError(ErrorCode::kCorruption, "the description of an object cannot be read: {}", why);
}

std::string Text(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// Reads a number that may be absent; returns false if the member exists and is not a number.
bool ReadNumber(const json& object, const char* key, uint64_t* out) {
  const auto it = object.find(key);
  if (it == object.end()) return true;
  if (!it->is_number_unsigned()) return false;
  *out = it->get<uint64_t>();
  return true;
}

}  // namespace

std::string EncodeObjectMeta(const ObjectMeta& meta, size_t chunk_bytes) {
  const json object = {
      {"name", meta.name},
      {"bucket", meta.bucket},
      {"nuid", meta.nuid},
      {"size", meta.size},
      {"chunks", meta.chunks},
      {"digest", meta.digest},
      {"mtime", fmt::format("{:%FT%TZ}", fmt::gmtime(std::time(nullptr)))},
      {"options", {{"max_chunk_size", chunk_bytes}}},
  };
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ObjectMeta> DecodeObjectMeta(std::string_view text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return NoMeta("it is not JSON");
  ObjectMeta meta;
  meta.name = Text(object, "name");
  meta.bucket = Text(object, "bucket");
  meta.nuid = Text(object, "nuid");
  meta.digest = Text(object, "digest");
  const auto deleted = object.find("deleted");
  meta.deleted = deleted != object.end() && deleted->is_boolean() && deleted->get<bool>();
  if (!ReadNumber(object, "size", &meta.size) || !ReadNumber(object, "chunks", &meta.chunks))
    return NoMeta("its size is not a number");
  if (meta.name.empty()) return NoMeta("it names none");
  if (!meta.deleted && !IsSubjectToken(meta.nuid))
    return NoMeta("it does not say where the bytes are");
  return meta;
}

std::string Base64Url(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3), '\0');
  // The library writes one zero byte after the text; a std::string has room for it.
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  std::replace(out.begin(), out.end(), '+', '-');
  std::replace(out.begin(), out.end(), '/', '_');
  return out;
}

std::string NewNuid() {
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::array<unsigned char, kNuidLength> random{};
  HL_CHECK(RAND_bytes(random.data(), random.size()) == 1);
  std::string out;
  for (const unsigned char byte : random) out += kDigits[byte % kDigits.size()];
  return out;
}

std::string DigestText(std::string_view sha256) {
  return std::string(kDigestName) + Base64Url(sha256);
}

}  // namespace harmonylite::nats
