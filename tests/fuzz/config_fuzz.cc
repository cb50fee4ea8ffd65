// Fuzz target: any bytes as a configuration, or, if they start with '-', as a command line with one
// word per line.
//
// Neither may crash. A configuration that is accepted must be accepted again, with the same
// meaning, after it is written out. An error must say where it is.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/command_line.h"
#include "config/config.h"
#include "config/glob.h"

namespace {

using harmonylite::config::Config;

void TryConfig(std::string_view text) {
  const auto parsed = harmonylite::config::ParseConfig(text, "fuzz.toml");
  if (!parsed.ok()) {
    HL_CHECK(parsed.error().code() == harmonylite::ErrorCode::kInvalidArgument);
    HL_CHECK(parsed.error().message().starts_with("fuzz.toml:"));
    return;
  }
  const Config& config = *parsed;
  HL_CHECK(!config.db_path.empty());
  for (const auto& pattern : config.tables.include) {
    HL_CHECK(harmonylite::config::GlobMatch("*" + pattern, pattern));
  }
  const std::string once = RenderRedacted(config);
  // A redacted URL is not a URL any more, so a configuration with one cannot be read again.
  if (!config.nats.embedded() ||
      config.snapshot.store != harmonylite::config::SnapshotStore::kNats) {
    return;
  }
  const auto again = harmonylite::config::ParseConfig(once, "fuzz.toml");
  HL_CHECK(again.ok());
  HL_CHECK(RenderRedacted(*again) == once);
}

void TryCommandLine(std::string_view text) {
  std::vector<std::string> words = {"harmonylite"};
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    words.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  std::vector<const char*> argv;
  for (const auto& word : words) argv.push_back(word.c_str());
  const auto parsed =
      harmonylite::config::ParseCommandLine(static_cast<int>(argv.size()), argv.data());
  if (!parsed.ok()) HL_CHECK(!parsed.error().message().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!text.empty() && text[0] == '-') {
    TryCommandLine(text);
  } else {
    TryConfig(text);
  }
  return 0;
}
