// Any bytes as a frame and as a batch: an error or a meaning, never a crash.
//
// A batch that is read must be written again, uncompressed, and then read the same. Bytes that are
// a frame go on with its body as a batch.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/spool.h"
#include "change/batch_test_util.h"

namespace {

using harmonylite::ErrorCode;
using harmonylite::Spool;
using namespace harmonylite::change;  // NOLINT: a program of one file

void CheckError(const harmonylite::Error& error) {
  HL_CHECK(error.code() == ErrorCode::kCorruption || error.code() == ErrorCode::kInvalidArgument);
  HL_CHECK(!error.message().empty());
}

void TryBatch(std::string_view bytes) {
  const auto batch = Decode(SpoolOf(bytes));
  if (!batch.ok()) {
    CheckError(batch.error());
    return;
  }
  Spool again = MakeSpool();
  HL_CHECK(Encode(*batch, /*compress=*/false, &again).ok());
  const auto back = Decode(again);
  HL_CHECK(back.ok() && *back == *batch);
}

void TryFrame(std::string_view record) {
  const auto frame = DecodeFrame(record);
  if (!frame.ok()) {
    CheckError(frame.error());
    return;
  }
  HL_CHECK(EncodeFrame(frame->header, frame->body) == record);
  TryBatch(frame->body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  TryFrame(bytes);
  TryBatch(bytes);
  return 0;
}
