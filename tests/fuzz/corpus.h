// Reads the kept inputs of a fuzz target, so that ordinary tests can run them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace harmonylite::fuzz {

inline void TryInput(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

// The inputs' contents, by file name.
inline std::map<std::string, std::string> LoadCorpus(const std::string& target) {
  std::map<std::string, std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(HARMONYLITE_SOURCE_DIR "/tests/fuzz/corpus/" + target)) {
    std::ifstream in(entry.path(), std::ios::binary);
    out[entry.path().filename().string()] = {std::istreambuf_iterator<char>(in), {}};
  }
  return out;
}

// Runs the target on changed and shortened copies of `bytes`; the changes are the same in every
// run.
inline void TryChanges(const std::string& bytes) {
  constexpr int kChanges = 200;
  std::mt19937_64 random(7);
  for (int i = 0; i < kChanges && !bytes.empty(); ++i) {
    std::string changed = bytes;
    for (uint64_t n = 1 + random() % 3; n > 0; --n)
      changed[random() % changed.size()] = static_cast<char>(random());
    TryInput(changed);
    TryInput(bytes.substr(0, random() % bytes.size()));
  }
}

}  // namespace harmonylite::fuzz
