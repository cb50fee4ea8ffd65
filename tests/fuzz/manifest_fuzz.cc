// Fuzz target: any bytes as the manifest of a snapshot give an error or a meaning, never a crash. A
// manifest that is read must be the same after it is written and read again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "snapshot/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace harmonylite;  // NOLINT: a program of one file
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto made_ms = snapshot::SnapshotTime(bytes)) HL_CHECK(*made_ms >= 0);
  const auto manifest = snapshot::DecodeManifest(bytes);
  if (!manifest.ok()) {
    HL_CHECK(manifest.error().code() == ErrorCode::kCorruption);
    HL_CHECK(!manifest.error().message().empty());
    return 0;
  }
  const auto again = snapshot::DecodeManifest(snapshot::EncodeManifest(*manifest));
  HL_CHECK(again.ok() && *again == *manifest);
  return 0;
}
