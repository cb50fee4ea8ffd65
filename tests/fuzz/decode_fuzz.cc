// Fuzz target: any bytes as a frame, as a batch and as an image give an error or a meaning, never a
// crash.
//
// A batch that is read must be the same after it is written, uncompressed, and read again. If the
// bytes are a frame, its body is tried as a batch as well.
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

// Inputs are small, so no spool needs a file, and its directory need not exist.
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
