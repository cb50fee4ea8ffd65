#include "ledger/next_incarnation.h"

#include <gtest/gtest.h>

#include "capture/capture_test_util.h"
#include "ledger/hidden_tables.h"
#include "support/result_matchers.h"

namespace harmonylite::ledger {
namespace {

using capture::TestNode;
using sqlite::Must;

Incarnation Next(TestNode* node, uint64_t random) {
  return Must(NextIncarnation(&node->db, node->state.self.node, random));
}

void Know(TestNode* node, const Origin& origin) {
  OriginTable origins = Must(OriginTable::Load(&node->db));
  node->Write([&] { EXPECT_OK(origins.IndexOf(&node->db, origin)); });
}

TEST(NextIncarnationTest, IsGreaterThanAnyThatTheFileKnowsOfThisNode) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  Know(&node, {node.state.self.node, Incarnation(5'000'000)});
  Know(&node, {NodeId(77), Incarnation(4'000'000'000)});
  for (const uint64_t random : {uint64_t{0}, uint64_t{12'345'678}, UINT64_MAX}) {
    EXPECT_GT(Next(&node, random), Incarnation(5'000'000));
    EXPECT_LT(Next(&node, random), Incarnation(4'000'000'000));
  }
  EXPECT_NE(Next(&node, 1), Next(&node, 2));
}

TEST(NextIncarnationTest, TheLastOneIsReachedAndNotPassed) {
  TestNode node("CREATE TABLE t(id INTEGER PRIMARY KEY)");
  Know(&node, {node.state.self.node, Incarnation(UINT32_MAX - 1)});
  EXPECT_EQ(Next(&node, UINT64_MAX), Incarnation(UINT32_MAX));
  Know(&node, {node.state.self.node, Incarnation(UINT32_MAX)});
  const auto none = NextIncarnation(&node.db, node.state.self.node, 1);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.error().message().find("-cleanup"), std::string::npos);
}

}  // namespace
}  // namespace harmonylite::ledger
