// Private to src/adapters/nats: the description of an object in NATS' own object store, as the
// clients of every language write it: JSON on the subject "$O.<bucket>.M.<name in base64url>".
//
// Threads: any; pure functions, except that NewNuid() draws random bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace harmonylite::nats {

struct ObjectMeta {
  std::string name;
  std::string bucket;
  std::string nuid;  // the object's chunks are on "$O.<bucket>.C.<nuid>"
  uint64_t size = 0;
  uint64_t chunks = 0;
  std::string digest;  // "SHA-256=<base64url>"; other clients may omit it
  bool deleted = false;
};

std::string EncodeObjectMeta(const ObjectMeta& meta, size_t chunk_bytes);
// kCorruption: `json` is not a description, or describes an object that no client could read.
Result<ObjectMeta> DecodeObjectMeta(std::string_view json);

// Encodes with padding, as the other clients do.
std::string Base64Url(std::string_view bytes);

// Returns a SHA-256 of 32 bytes in the form of ObjectMeta::digest.
std::string DigestText(std::string_view sha256);

// Returns a random token for subjects that was never used before.
std::string NewNuid();

}  // namespace harmonylite::nats
