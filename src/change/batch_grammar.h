// The numbers and rules that the encoder and the decoder of a batch share; docs/formats/batch.md is
// the full grammar. Internal to change/. Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "change/batch.h"
#include "change/codec.h"

namespace harmonylite::change {

// A batch begins with two bytes: kWireFormat, then one of these codecs.
constexpr uint8_t kCodecStored = 0;
constexpr uint8_t kCodecZstd = 1;
constexpr size_t kBatchPrefix = 2;

// An item begins with one of these numbers.
// A table whose identity is not its name begins with kOpObject.
enum BatchOp : uint64_t { kOpEnd = 0, kOpTable = 1, kOpLive = 2, kOpDeleted = 3, kOpObject = 4 };

constexpr uint64_t kHeaderFields = 5;
// A header with retirements has one field more.
constexpr uint64_t kLongHeaderFields = 6;
constexpr uint64_t kCoverFields = 4;
constexpr uint64_t kSeenFields = 3;
constexpr uint64_t kRetirementFields = 6;

// Limits the names in a batch, because table definitions stay in the receiver's memory until its
// end. Each name (of a table, a column or a collation) costs its bytes plus kNameCost; all names of
// a batch may cost kMaxNames together.
constexpr uint64_t kNameCost = 32;
constexpr uint64_t kMaxNames = 256ull << 20;

// Binary logarithm of the largest zstd window that a decoder accepts: 2 MiB. Level 1, which the
// encoder uses, needs 512 KiB.
constexpr int kMaxWindowLog = 21;

// Each returns what is wrong with its argument, or null. A batch that breaks these rules is neither
// written nor read.
const char* HeaderProblem(const BatchHeader& header);
const char* ShapeProblem(const TableShape& shape);

// Cost of the names in `shape`, to be held against kMaxNames.
uint64_t NamesCost(const TableShape& shape);

}  // namespace harmonylite::change
