// What encoder and decoder of a batch share: the numbers of docs/formats/batch.md and the rules
// that a header and a table definition keep. Internal to change/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "change/batch.h"
#include "change/codec.h"

namespace harmonylite::change {

// The first two bytes of a batch: kWireFormat, then one of these.
constexpr uint8_t kCodecStored = 0;
constexpr uint8_t kCodecZstd = 1;
constexpr size_t kBatchPrefix = 2;

// The first number of an item.
enum BatchOp : uint64_t { kOpEnd = 0, kOpTable = 1, kOpLive = 2, kOpDeleted = 3 };

constexpr uint64_t kHeaderFields = 5;
constexpr uint64_t kCoverFields = 4;
constexpr uint64_t kSeenFields = 3;

// Table definitions stay in their receiver's memory for the whole batch. Each name (of a table, a
// column, a collation) counts its bytes and kNameCost; all of a batch together at most kMaxNames.
constexpr uint64_t kNameCost = 32;
constexpr uint64_t kMaxNames = 256ull << 20;

// zstd's history that a decoder is willing to hold: 2 MiB. Level 1 uses 512 KiB.
constexpr int kMaxWindowLog = 21;

// What is wrong with it, or null. A batch that breaks these rules is neither written nor read.
const char* HeaderProblem(const BatchHeader& header);
const char* ShapeProblem(const TableShape& shape);

// What the names of `shape` count towards kMaxNames.
uint64_t NamesCost(const TableShape& shape);

}  // namespace harmonylite::change
