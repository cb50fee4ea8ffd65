// Runs the fuzz target on its stored inputs, so that bugs which were fixed stay fixed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace harmonylite::config {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Try(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::vector<std::string> Corpus() {
  std::vector<std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(HARMONYLITE_SOURCE_DIR "/tests/fuzz/corpus/config")) {
    out.push_back(ReadFile(entry.path()));
  }
  std::sort(out.begin(), out.end());  // the order must be the same on every machine
  return out;
}

TEST(Corpus, EveryInput) {
  const auto corpus = Corpus();
  ASSERT_GE(corpus.size(), 30u);
  for (const auto& bytes : corpus) Try(bytes);
}

TEST(Corpus, EveryInputCutShort) {
  for (const auto& bytes : Corpus()) {
    const size_t step = bytes.size() / 200 + 1;
    for (size_t size = 0; size < bytes.size(); size += step) Try(bytes.substr(0, size));
  }
}

TEST(Corpus, EveryInputWithOneByteChanged) {
  const std::string replacements("\0\"'[]{}=.#\n,-9$\xFF", 17);
  for (const auto& bytes : Corpus()) {
    const size_t step = bytes.size() / 60 + 1;
    for (size_t i = 0; i < bytes.size(); i += step) {
      std::string changed = bytes;
      for (const char c : replacements) {
        changed[i] = c;
        Try(changed);
      }
    }
  }
}

}  // namespace
}  // namespace harmonylite::config
