// Private to src/adapters/nats: how NATS' own object store describes an object, as in the clients of every
// language: JSON on the subject "$O.<bucket>.M.<name in base64url>".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_md_ctx_st;

namespace harmonylite::nats {

struct ObjectMeta {
  std::string name;
  std::string bucket;
  std::string nuid;  // its chunks are on "$O.<bucket>.C.<nuid>"
  uint64_t size = 0;
  uint64_t chunks = 0;
  std::string digest;  // "SHA-256=<base64url>"; other clients may leave it out
  bool deleted = false;
};

std::string EncodeObjectMeta(const ObjectMeta& meta, size_t chunk_bytes);
// kCorruption: it is none, or describes an object that no client could read.
Result<ObjectMeta> DecodeObjectMeta(std::string_view json);

// With padding, as the other clients do.
std::string Base64Url(std::string_view bytes);

// A SHA-256 of 32 bytes as ObjectMeta holds it.
std::string DigestText(std::string_view sha256);

// A word for subjects that nobody has had before.
std::string NewNuid();

// The digest of what is added, as ObjectMeta holds it.
class ObjectDigest {
 public:
  ObjectDigest();
  ~ObjectDigest();
  ObjectDigest(const ObjectDigest&) = delete;
  ObjectDigest& operator=(const ObjectDigest&) = delete;
  void Add(std::string_view bytes);
  // Once, at the end.
  std::string Finish();

 private:
  evp_md_ctx_st* const context_;  // owned
};

}  // namespace harmonylite::nats
