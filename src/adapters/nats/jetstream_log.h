// The replication log as one JetStream stream, with one subject for each origin.
//
// The stream is "<stream_prefix>-v<format>-<shard>"; the records of an origin are on
// "<subject_prefix>.v<format>.<shard>.<node>.<incarnation>".
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "adapters/nats/connection.h"
#include "ports/replication_log.h"

namespace harmonylite::nats {

struct JetStreamLogOptions {
  std::string stream_prefix = "harmonylite-changes";
  std::string subject_prefix = "harmonylite-change-log";
  int format = 0;  // number of the wire format, part of the names; the caller must set it
  int shard = 1;
  int64_t max_entries = 1 << 20;  // most records kept; the oldest are dropped first
  int replicas = 1;
  // Whether EnsureReady() changes a stream whose configuration differs; if not, it refuses the
  // stream.
  bool update_existing = false;
  std::chrono::milliseconds publish_timeout{5000};
  std::chrono::milliseconds api_timeout{5000};
};

// Threads: every method may be called from any thread.
class JetStreamLog final : public ports::ReplicationLog {
 public:
  // Bytes of the server's max_payload that are reserved for a record's headers.
  static constexpr size_t kHeaderRoom = 1024;

  JetStreamLog(std::shared_ptr<Connection> connection, JetStreamLogOptions options);

  // Connects if necessary, and makes the stream or checks the one that exists. kInvalidArgument:
  // NATS does not accept a prefix, the login or TLS failed, or the stream is configured differently
  // (the message says how).
  Status EnsureReady() override;
  // Also returns kRetryLater if the stream is gone: EnsureReady() makes it again.
  Result<ports::LogState> State() override;
  Result<ports::LogRecord> LastOf(const Origin& subject) override;
  ports::PublishReply Publish(const ports::PublishRequest& request) override;
  // kLogGap: `from` is no longer held, or lies beyond everything that this log has ever stored.
  Result<std::unique_ptr<ports::LogReader>> OpenReader(ports::LogSeq from) override;
  // Before the first connection, the default of NATS is assumed.
  size_t max_payload() const override;

  const std::string& stream_name() const { return stream_; }

 private:
  std::string SubjectOf(const Origin& origin) const;
  // Makes the next EnsureReady() check the stream on the server again.
  void Doubt();

  const std::shared_ptr<Connection> connection_;
  const JetStreamLogOptions options_;
  const std::string stream_;
  const std::string subject_root_;

  mutable std::mutex mutex_;         // guards the members below
  bool checked_ = false;             // whether the stream was fine
  uint64_t checked_reconnects_ = 0;  // reconnect count of the connection when checked_ was set
  // The server's newest known max_payload, in bytes.
  mutable size_t server_max_payload_ = 1 << 20;
};

}  // namespace harmonylite::nats
