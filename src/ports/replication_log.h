// The log that carries frames between nodes: ordered records, with one subject per origin. It is
// step 4 in the life of a change (docs/design.md).
//
// Implementations: adapters/nats/jetstream_log.h, and a simulated one in tests/sim. Neither is
// trusted to keep what it acknowledged: the progress vectors in the databases are the truth, and
// the log only carries (P2).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace harmonylite::ports {

// Position of a record in the log; the first is 1.
using LogSeq = StrongId<struct LogSeqTag, uint64_t>;

struct LogState {
  // Identifies the log: one that was made anew has another creation time.
  int64_t created_ns = 0;
  LogSeq first;  // The oldest record still held; last + 1 if the log is empty.
  LogSeq last;   // The newest record ever stored; 0 for none.
  bool operator==(const LogState&) const = default;
};

struct LogRecord {
  LogSeq seq;
  Origin subject;  // Taken from the record's subject; the frame inside must agree.
  std::string payload;
};

struct PublishRequest {
  Origin subject;
  // Within some minutes, the log drops a second record with the same id.
  std::string message_id;
  LogSeq expected_last;  // Newest record on this subject; 0: there must be none.
  std::string_view payload;
};

enum class PublishOutcome {
  kStored,  // It is in the log, from this call or an earlier one.
  // expected_last is not the subject's newest record. Ask LastOf() and decide again.
  kOutOfSequence,
  kUnknown,  // No answer: it may be stored or not. Repeat with the same id.
  kRefused,  // The log will never take it (too large, no permission).
};

struct PublishReply {
  PublishOutcome outcome = PublishOutcome::kUnknown;
  LogSeq seq;           // Set for kStored.
  std::string message;  // The reason, for kUnknown and kRefused.
};

// Reads forward from one position. After any error the reader is useless and another one must be
// opened.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // Appends up to `max_records` consecutive records. It waits up to `wait` for the first one,
  // returns as soon as it has any, and appends nothing if none came. kLogGap: records between the
  // position and the first one held are gone. kRetryLater: the connection or the consumer was lost,
  // or went silent.
  virtual Status Read(size_t max_records, std::chrono::milliseconds wait,
                      std::vector<LogRecord>* out) = 0;
};

// Threads: all methods may be called from any thread; a LogReader is used by one thread at a time.
class ReplicationLog {
 public:
  virtual ~ReplicationLog() = default;
  // Connects, and makes the log if it does not exist. It is cheap while connected.
  virtual Status EnsureReady() = 0;
  virtual Result<LogState> State() = 0;
  // The newest record of a subject. kNotFound is an answer rather than a failure: the log holds
  // none.
  virtual Result<LogRecord> LastOf(const Origin& subject) = 0;
  // Stores a record; the outcome says what is known (P2).
  virtual PublishReply Publish(const PublishRequest& request) = 0;
  // Opens a reader at `from`. The first record that it returns is `from`; if that record is gone,
  // it returns kLogGap instead.
  virtual Result<std::unique_ptr<LogReader>> OpenReader(LogSeq from) = 0;
  // Largest payload of one record, in bytes.
  virtual size_t max_payload() const = 0;
};

}  // namespace harmonylite::ports
