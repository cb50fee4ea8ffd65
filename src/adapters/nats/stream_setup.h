// Private to src/adapters/nats: makes the log's stream, or compares the one that exists with what is
// configured.
#pragma once

#include "adapters/nats/session.h"

namespace harmonylite::nats {

struct StreamSetup {
  std::string name;
  std::string subject;  // with wildcards
  int64_t max_entries = 0;
  int replicas = 1;
  bool update_existing = false;
  int64_t wait_ms = 5000;
};

// kInvalidArgument: it exists and differs (named in the message), or the server refuses the
// settings.
Status EnsureStream(const Session& session, const StreamSetup& setup);

}  // namespace harmonylite::nats
