// Runs the fuzz target of heartbeats over its kept corpus, and over small changes of that.
#include <gtest/gtest.h>

#include "fuzz/corpus.h"

namespace {

using harmonylite::fuzz::LoadCorpus;
using harmonylite::fuzz::TryChanges;
using harmonylite::fuzz::TryInput;

TEST(HeartbeatFuzz, TheCorpusIsHandled) {
  const auto corpus = LoadCorpus("heartbeat");
  ASSERT_GE(corpus.size(), 8u);
  for (const auto& [name, bytes] : corpus) TryInput(bytes);
}

TEST(HeartbeatFuzz, ChangesOfTheCorpusAreHandled) {
  for (const auto& [name, bytes] : LoadCorpus("heartbeat")) TryChanges(bytes);
}

}  // namespace
