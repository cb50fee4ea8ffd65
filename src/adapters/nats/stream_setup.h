// Private to src/adapters/nats: makes the log's stream, or compares the existing one with the
// configuration.
//
// Threads: any, as the session allows it.
#pragma once

#include "adapters/nats/session.h"

namespace harmonylite::nats {

struct StreamSetup {
  std::string name;
  std::string subject;  // subject that the stream takes, with wildcards
  int64_t max_entries = 0;
  int replicas = 1;
  bool update_existing = false;
  int64_t wait_ms = 5000;
};

// kInvalidArgument: the stream exists and differs (the message says how), or the server refuses the
// settings.
Status EnsureStream(const Session& session, const StreamSetup& setup);

}  // namespace harmonylite::nats
