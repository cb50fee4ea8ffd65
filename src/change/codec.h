// The wire format of a batch and of its frames. Grammar: docs/formats/batch.md.
//
// A batch is one CBOR sequence, zstd-compressed when that pays, in a Spool. Frames are slices of those
// bytes that fit the log's largest message, each with a header and a checksum of its own.
// Nothing read from the wire is trusted: sizes are checked before memory is taken, and every malformed
// input is kCorruption, never a crash. Memory: one row, plus a fixed window.
//
// Threads: objects are used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/spool.h"
#include "change/batch.h"

namespace harmonylite::change {

// The wire format's number: part of the streams' names, the first thing in a frame.
constexpr uint32_t kWireFormat = 2;
// SQLite's own default limits; what is larger cannot have come from a database.
constexpr uint64_t kMaxValueBytes = 1'000'000'000;
constexpr uint32_t kMaxColumns = 32'767;
constexpr uint32_t kMaxTables = 65'536;
constexpr uint32_t kMaxOrigins = 65'536;

class BatchEncoder {
 public:
  // Writes the header. `out` is empty and outlives the encoder. compress=false stores bytes as they are.
  static Result<BatchEncoder> Begin(const BatchHeader& header, bool compress, Spool* out);
  BatchEncoder(BatchEncoder&&) noexcept;
  BatchEncoder& operator=(BatchEncoder&&) noexcept;
  ~BatchEncoder();

  // Tables are numbered 0, 1, … as added; a row may only name a table added before it.
  Status AddTable(const TableShape& shape);
  Status AddRow(const RowView& row);
  // Writes the end mark with the row count and flushes. Nothing may be added after it.
  Status Finish();
  uint64_t rows() const;

 private:
  struct Impl;
  explicit BatchEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class BatchDecoder {
 public:
  struct End {
    uint64_t rows;
  };
  // A RowView's values point into the decoder and are valid until the next call of Next.
  using Item = std::variant<TableShape, RowView, End>;

  // Reads the header. `in` outlives the decoder.
  static Result<BatchDecoder> Begin(const Spool* in);
  BatchDecoder(BatchDecoder&&) noexcept;
  BatchDecoder& operator=(BatchDecoder&&) noexcept;
  ~BatchDecoder();

  const BatchHeader& header() const;
  // Tables and rows in the order they were added, End once; it is an error to call after End.
  // Checked: table and cover indices, value counts against the shape, row count, no bytes after End.
  Result<Item> Next();

 private:
  struct Impl;
  explicit BatchDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Describes a record of the log: one slice of one attempt at sending a batch.
struct FrameHeader {
  Origin sender;
  uint64_t attempt = 0;        // drawn anew each time a batch is built; slices of two never mix
  uint32_t index = 0;          // 0 … count-1
  uint32_t count = 1;
  Lseq to;                     // of the sender itself: up to where this batch publishes it
  Hlc to_stamp;                // of the journal entry `to`: tells a clone from the real one
  uint64_t batch_bytes = 0;    // of the whole batch, all slices together
  uint64_t batch_checksum = 0; // XXH3-64 of them
  bool operator==(const FrameHeader&) const = default;
};

struct FrameView {
  FrameHeader header;
  std::string_view body;  // points into the record
};

// Upper bound of what a frame adds to its body.
constexpr size_t kMaxFrameOverhead = 256;

std::string EncodeFrame(const FrameHeader& header, std::string_view body);
// kCorruption: not a frame, or damaged. kInvalidArgument: a format newer than kWireFormat (hold it).
Result<FrameView> DecodeFrame(std::string_view record);

}  // namespace harmonylite::change
