// Runs the fuzz target of stored schema texts over its kept corpus, and over small changes of that.
#include <gtest/gtest.h>

#include "fuzz/corpus.h"

namespace {

using harmonylite::fuzz::LoadCorpus;
using harmonylite::fuzz::TryChanges;
using harmonylite::fuzz::TryInput;

TEST(SchemaFuzz, TheCorpusIsHandled) {
  const auto corpus = LoadCorpus("schema");
  ASSERT_GE(corpus.size(), 8u);
  for (const auto& [name, bytes] : corpus) TryInput(bytes);
}

TEST(SchemaFuzz, ChangesOfTheCorpusAreHandled) {
  for (const auto& [name, bytes] : LoadCorpus("schema")) TryChanges(bytes);
}

}  // namespace
