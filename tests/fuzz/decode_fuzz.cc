// Any bytes as a frame, as a batch and as an image: an error or a meaning, never a crash.
//
// A batch that is read must be written again, uncompressed, and then read the same. Bytes that are
// a frame go on with its body as a batch.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/spool.h"
#include "change/batch_test_util.h"
#include "change/image_codec.h"

namespace {

using harmonylite::ErrorCode;
using harmonylite::Spool;
using namespace harmonylite::change;  // NOLINT: a program of one file

void CheckError(const harmonylite::Error& error) {
  HL_CHECK(error.code() == ErrorCode::kCorruption || error.code() == ErrorCode::kInvalidArgument);
  HL_CHECK(!error.message().empty());
}

// Inputs are small: no spool goes to a disk.
Spool MakeSmallSpool() { return Spool("/nowhere"); }

void TryBatch(std::string_view bytes) {
  Spool spool = MakeSmallSpool();
  HL_CHECK(spool.Append(bytes).ok());
  const auto batch = Decode(spool);
  if (!batch.ok()) {
    CheckError(batch.error());
    return;
  }
  Spool again = MakeSmallSpool();
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

void TryImage(std::string_view bytes) {
  const auto image = DecodeImage(bytes);
  if (!image.ok()) {
    CheckError(image.error());
    return;
  }
  const std::vector<ValueView> values(image->values.begin(), image->values.end());
  const auto back = DecodeImage(EncodeImage(image->columns, values));
  HL_CHECK(back.ok() && back->columns == image->columns && back->values == image->values);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  TryFrame(bytes);
  TryBatch(bytes);
  TryImage(bytes);
  return 0;
}
