// The replication log as one JetStream stream, one subject per origin.
//
// Stream "<stream_prefix>-v<format>-<shard>", records on
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
  int format = 0;  // the wire format's number, part of the names; the caller must set it
  int shard = 1;
  int64_t max_entries = 1 << 20;  // records kept; the oldest go first
  int replicas = 1;
  bool update_existing = false;  // change a stream whose configuration differs, else refuse it
  std::chrono::milliseconds publish_timeout{5000};
  std::chrono::milliseconds api_timeout{5000};
};

// Threads: every method may be called from any thread.
class JetStreamLog final : public ports::ReplicationLog {
 public:
  // Kept free of each record for its headers.
  static constexpr size_t kHeaderRoom = 1024;

  JetStreamLog(std::shared_ptr<Connection> connection, JetStreamLogOptions options);

  // Connects when needed; makes the stream, or checks the one that is there. kInvalidArgument: a
  // prefix NATS does not take, a login or TLS failure, or a stream that is configured otherwise
  // (says how).
  Status EnsureReady() override;
  // kRetryLater also when the stream is gone: EnsureReady makes it again.
  Result<ports::LogState> State() override;
  Result<ports::LogRecord> LastOf(const Origin& subject) override;
  ports::PublishReply Publish(const ports::PublishRequest& request) override;
  // kLogGap: `from` is no longer held, or lies beyond what this log has ever stored.
  Result<std::unique_ptr<ports::LogReader>> OpenReader(ports::LogSeq from) override;
  // Before the first connection: NATS' default.
  size_t max_payload() const override;

  const std::string& stream_name() const { return stream_; }

 private:
  std::string SubjectOf(const Origin& origin) const;
  // The next EnsureReady looks at the server again.
  void Doubt();

  const std::shared_ptr<Connection> connection_;
  const JetStreamLogOptions options_;
  const std::string stream_;
  const std::string subject_root_;

  mutable std::mutex mutex_;              // guards what follows
  bool checked_ = false;                  // the stream was fine on this connection
  uint64_t checked_reconnects_ = 0;       // …and this was its reconnect count
  mutable size_t server_max_payload_ = 1 << 20;  // newest known
};

}  // namespace harmonylite::nats
