// Tests that the documentation and the example say what the code does.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include "config/config.h"
#include "support/result_matchers.h"

namespace harmonylite::config {
namespace {

std::string ReadSource(const std::string& path) {
  std::ifstream file(HARMONYLITE_SOURCE_DIR "/" + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Returns the name of the table that begins at this line, which may be a comment: "nats" for
// "[nats]", "hooks" for "# [[hooks]]"; empty if none does.
std::string TableAt(std::string line) {
  if (line.starts_with("# [[")) line = line.substr(2);
  if (!line.starts_with("[")) return {};
  const size_t begin = line.find_first_not_of('[');
  return line.substr(begin, line.find(']') - begin);
}

// Returns the lines of one table of a TOML file, including comments.
std::string Section(const std::string& text, const std::string& table) {
  std::istringstream lines("\n" + text);
  std::string line;
  std::string current;
  std::string out = "\n";
  while (std::getline(lines, line)) {
    if (const std::string begins = TableAt(line); !begins.empty()) current = begins;
    if (current == table) out += line + "\n";
  }
  return out;
}

std::pair<std::string, std::string> Split(const std::string& key) {
  const size_t dot = key.rfind('.');
  if (dot == std::string::npos) return {"", key};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

TEST(Documentation, TheExampleLoadsAndHoldsTheDefaults) {
  ASSERT_VALUE(const Config example, Load(HARMONYLITE_SOURCE_DIR "/examples/config.toml"));
  EXPECT_TRUE(example.warnings.empty());
  ASSERT_VALUE(const Config plain, ParseConfig("db_path = \"" + example.db_path + "\"", ""));
  EXPECT_EQ(RenderRedacted(example), RenderRedacted(plain));
}

TEST(Documentation, TheExampleHasEveryKey) {
  const std::string example = ReadSource("examples/config.toml");
  for (const auto& key : KnownKeys()) {
    const auto [table, name] = Split(key);
    const std::string section = Section(example, table);
    EXPECT_TRUE(section.find("\n" + name + " = ") != std::string::npos ||
                section.find("\n# " + name + " = ") != std::string::npos)
        << key;
  }
}

// Each table of keys stands under a heading "## `[table]`", and has a row for each key.
TEST(Documentation, EveryKeyIsExplained) {
  std::istringstream lines(ReadSource("docs/configuration.md"));
  std::string line;
  std::string table;
  std::string rows;
  while (std::getline(lines, line)) {
    if (line.starts_with("## ")) {
      const size_t open = line.find("`[");
      table = open == std::string::npos ? "" : TableAt(line.substr(open + 1)) + ".";
    }
    if (line.starts_with("| `")) rows += "\n" + table + line.substr(3, line.find('`', 3) - 3) + " ";
  }
  for (const auto& key : KnownKeys()) {
    EXPECT_NE((rows + "\n").find("\n" + key + " "), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace harmonylite::config
