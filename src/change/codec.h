// Encodes and decodes batches and frames: step 3 in the life of a change (docs/design.md). The
// grammar is in docs/formats/batch.md.
//
// A batch is one CBOR sequence in a Spool, compressed with zstd when that pays. Frames are slices
// of those bytes that fit the log's largest message; each has a header and a checksum of its own.
// Nothing that comes off the wire is trusted: sizes are checked before memory is taken, and
// malformed input of any kind is kCorruption, never a crash. Memory: one row, plus a fixed window.
//
// Threads: an object is used by one thread at a time.
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

// Number of the wire format. It is part of the streams' names and stands at the start of each frame
// and batch.
constexpr uint32_t kWireFormat = 2;
// SQLite's own default limits; anything larger cannot have come from a database.
constexpr uint64_t kMaxValueBytes = 1'000'000'000;
constexpr uint32_t kMaxColumns = 32'767;
constexpr uint32_t kMaxTables = 65'536;
constexpr uint32_t kMaxOrigins = 65'536;

class BatchEncoder {
 public:
  // Writes the header. `out` is empty, is not owned, and outlives the encoder. compress=false
  // stores bytes as they are.
  static Result<BatchEncoder> Begin(const BatchHeader& header, bool compress, Spool* out);
  BatchEncoder(BatchEncoder&&) noexcept;
  BatchEncoder& operator=(BatchEncoder&&) noexcept;
  ~BatchEncoder();

  // Adds a table. Tables are numbered 0, 1, … as they are added, and a row may only name a table
  // that was added before it.
  Status AddTable(const TableShape& shape);
  Status AddRow(const RowView& row);
  // Writes the end mark with the row count, and flushes. Nothing may be added afterwards.
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
  // The values of a RowView point into the decoder and are valid until the next call of Next.
  using Item = std::variant<TableShape, RowView, End>;

  // Reads the header. `in` is not owned and outlives the decoder.
  static Result<BatchDecoder> Begin(const Spool* in);
  BatchDecoder(BatchDecoder&&) noexcept;
  BatchDecoder& operator=(BatchDecoder&&) noexcept;
  ~BatchDecoder();

  const BatchHeader& header() const;
  // Returns tables and rows in the order in which they were added, then End once; calling Next
  // after End or after an error is an error. It checks table and cover indices, value counts
  // against the shape, the row count, and that no bytes follow the end.
  Result<Item> Next();

 private:
  struct Impl;
  explicit BatchDecoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Describes one record of the log: one slice of one attempt at sending a batch.
struct FrameHeader {
  Origin sender;
  // Drawn at random each time a batch is built, so that slices of two attempts never mix.
  uint64_t attempt = 0;
  uint32_t index = 0;  // Number of this slice, from 0 to count - 1.
  uint32_t count = 1;
  Lseq to;       // The sender's own lseq up to which this batch publishes.
  Hlc to_stamp;  // Stamp of the journal entry `to`; a clone of the file has another stamp there.
  uint64_t batch_bytes = 0;     // Length of the whole batch, all slices together.
  uint64_t batch_checksum = 0;  // XXH3-64 of the whole batch.
  bool operator==(const FrameHeader&) const = default;
};

struct FrameView {
  FrameHeader header;
  std::string_view body;  // Points into the record.
};

// Upper bound of the bytes that a frame adds to its body.
constexpr size_t kMaxFrameOverhead = 256;

std::string EncodeFrame(const FrameHeader& header, std::string_view body);
// kCorruption: it is not a frame, or it is damaged. kInvalidArgument: its format is newer than
// kWireFormat, and it must be held.
Result<FrameView> DecodeFrame(std::string_view record);

}  // namespace harmonylite::change
