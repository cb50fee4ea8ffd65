// Runs the fuzz target of manifests over its kept corpus, and over small changes of that.
#include <gtest/gtest.h>

#include "fuzz/corpus.h"

namespace {

using harmonylite::fuzz::LoadCorpus;
using harmonylite::fuzz::TryChanges;
using harmonylite::fuzz::TryInput;

TEST(ManifestFuzz, TheCorpusIsHandled) {
  const auto corpus = LoadCorpus("manifest");
  ASSERT_GE(corpus.size(), 8u);
  for (const auto& [name, bytes] : corpus) TryInput(bytes);
}

TEST(ManifestFuzz, ChangesOfTheCorpusAreHandled) {
  for (const auto& [name, bytes] : LoadCorpus("manifest")) TryChanges(bytes);
}

}  // namespace
