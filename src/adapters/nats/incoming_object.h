// Private to src/adapters/nats: the chunks of an object as they come, and whether they are what was
// put.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <string_view>

#include "adapters/nats/object_meta.h"
#include "base/sha256.h"
#include "ports/object_store.h"

namespace harmonylite::nats {

class IncomingObject {
 public:
  // Owns none of them; `transfer` may be null. The sink has begun.
  IncomingObject(const ObjectMeta* meta, ports::ObjectSink* sink, ports::Transfer* transfer);

  // The chunk that comes next.
  Status Take(std::string_view chunk);
  uint64_t chunks() const { return chunks_; }
  // After the last chunk. kCorruption: they are not what was put.
  Status Finish();

 private:
  const ObjectMeta* const meta_;
  ports::ObjectSink* const sink_;
  ports::Transfer* const transfer_;
  Sha256Sum sum_;
  uint64_t chunks_ = 0;
  uint64_t size_ = 0;  // bytes
};

}  // namespace harmonylite::nats
