// Fuzz target: any bytes as a heartbeat give an error or a meaning, never a crash. A heartbeat that
// is read must be the same after it is written and read again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "node/cluster/heartbeat.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace harmonylite;  // NOLINT: a program of one file
  const auto heartbeat = node::DecodeHeartbeat({reinterpret_cast<const char*>(data), size});
  if (!heartbeat.ok()) {
    HL_CHECK(heartbeat.error().code() == ErrorCode::kCorruption);
    return 0;
  }
  const std::string once = node::EncodeHeartbeat(*heartbeat);
  const auto again = node::DecodeHeartbeat(once);
  HL_CHECK(again.ok());
  HL_CHECK(node::EncodeHeartbeat(*again) == once);
  return 0;
}
