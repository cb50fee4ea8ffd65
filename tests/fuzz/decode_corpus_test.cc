// Runs the fuzz target of frames and batches over its kept corpus, and over small changes of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "change/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void Try(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::vector<std::filesystem::path> Corpus() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(HARMONYLITE_SOURCE_DIR
                                                               "/tests/fuzz/corpus/decode"))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());  // the seeds below go with the order
  return files;
}

std::string Load(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(DecodeFuzz, TheCorpusIsHandled) {
  const auto files = Corpus();
  ASSERT_GE(files.size(), 12u);
  for (const auto& file : files) Try(Load(file));
}

// The corpus reaches beyond the first check: by their names, some files are good.
TEST(DecodeFuzz, GoodFilesAreRead) {
  int frames = 0;
  int batches = 0;
  for (const auto& file : Corpus()) {
    const std::string name = file.filename().string();
    const std::string bytes = Load(file);
    if (name.starts_with("frame_good")) {
      EXPECT_TRUE(harmonylite::change::DecodeFrame(bytes).ok()) << name;
      ++frames;
    }
    harmonylite::Spool spool(std::filesystem::temp_directory_path().string());
    ASSERT_TRUE(spool.Append(bytes).ok());
    if (name.starts_with("batch_good")) {
      EXPECT_TRUE(harmonylite::change::BatchDecoder::Begin(&spool).ok()) << name;
      ++batches;
    }
  }
  EXPECT_GE(frames, 2);
  EXPECT_GE(batches, 3);
}

TEST(DecodeFuzz, ChangesOfTheCorpusAreHandled) {
  std::mt19937_64 random(7);
  for (const auto& file : Corpus()) {
    const std::string bytes = Load(file);
    for (int i = 0; i < 200 && !bytes.empty(); ++i) {
      std::string changed = bytes;
      for (uint64_t n = 1 + random() % 3; n > 0; --n)
        changed[random() % changed.size()] = static_cast<char>(random());
      Try(changed);
      Try(bytes.substr(0, random() % bytes.size()));
    }
  }
}

}  // namespace
