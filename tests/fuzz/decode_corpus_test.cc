// Runs the fuzz target of frames and batches over its kept corpus, and over small changes of that.
#include <gtest/gtest.h>

#include "change/codec.h"
#include "fuzz/corpus.h"

namespace {

using harmonylite::fuzz::LoadCorpus;
using harmonylite::fuzz::TryChanges;
using harmonylite::fuzz::TryInput;

TEST(DecodeFuzz, TheCorpusIsHandled) {
  const auto corpus = LoadCorpus("decode");
  ASSERT_GE(corpus.size(), 12u);
  for (const auto& [name, bytes] : corpus) TryInput(bytes);
}

// The corpus must reach beyond the first check: files whose names say that they are good are read.
TEST(DecodeFuzz, GoodFilesAreRead) {
  int frames = 0;
  int batches = 0;
  for (const auto& [name, bytes] : LoadCorpus("decode")) {
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
  for (const auto& [name, bytes] : LoadCorpus("decode")) TryChanges(bytes);
}

}  // namespace
