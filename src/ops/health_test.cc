#include "ops/health.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace harmonylite::ops {
namespace {

NodeStatus Fine() {
  NodeStatus status;
  status.node_id = 18446744073709551615ull;
  status.nats_connected = true;
  status.last_sent_ms = 1'700'000'000'999;
  return status;
}

TEST(HealthTest, AllIsWell) {
  const HealthAnswer answer = AnswerHealth(Fine(), true);
  EXPECT_EQ(answer.http_status, 200);
  const auto body = nlohmann::json::parse(answer.body);
  EXPECT_EQ(body["status"], "healthy");
  EXPECT_EQ(body["node_id"], 18446744073709551615ull);
  EXPECT_EQ(body["last_published_event_timestamp"], "2023-11-14T22:13:20Z");
  EXPECT_TRUE(body["last_replicated_event_timestamp"].is_null());
}

TEST(HealthTest, EachTroubleIsNamed) {
  NodeStatus away = Fine();
  away.nats_connected = false;
  NodeStatus full = Fine();
  full.database_ok = false;
  full.database_error = "disk \xff full";  // text that is not UTF-8 must not prevent an answer
  NodeStatus paused = Fine();
  paused.waiting = {{7, "schema", "column x does not exist here"}};
  NodeStatus clock = Fine();
  clock.waiting = {{7, "clock", "an hour ahead"}};
  NodeStatus behind = Fine();
  behind.unreadable_snapshot = "snapshot x cannot be read now: nothing comes";
  NodeStatus damaged = Fine();
  damaged.unsendable = "table t is damaged";
  for (const NodeStatus& status : {away, full, paused, clock, behind, damaged}) {
    const HealthAnswer answer = AnswerHealth(status, true);
    EXPECT_EQ(answer.http_status, 503);
    EXPECT_EQ(nlohmann::json::parse(answer.body)["reasons"].size(), 1u) << answer.body;
    EXPECT_EQ(AnswerHealth(status, false).http_status, 503);
  }
  EXPECT_EQ(nlohmann::json::parse(AnswerHealth(paused, true).body)["schema"]["paused"], true);
  EXPECT_EQ(nlohmann::json::parse(AnswerHealth(clock, true).body)["schema"]["paused"], false);
}

TEST(HealthTest, TablesThatAreLeftOutAreNamedAndNoTrouble) {
  NodeStatus status = Fine();
  status.left_out = {{"t", "it has no key"}};
  const HealthAnswer answer = AnswerHealth(status, true);
  EXPECT_EQ(answer.http_status, 200);
  EXPECT_EQ(nlohmann::json::parse(answer.body)["tables_left_out"]["t"], "it has no key");
}

TEST(HealthTest, BeingBehindPassesByItself) {
  NodeStatus behind = Fine();
  behind.caught_up = false;
  behind.unsent_changes = 1000;
  behind.waiting = {{7, "missing", "changes 1 to 2 have not come"}};
  EXPECT_EQ(AnswerHealth(behind, true).http_status, 200);
}

TEST(HealthTest, AHookThatFailsIsToldAndTheNodeIsHealthy) {
  NodeStatus status = Fine();
  status.hooks = {{1, 5, 2, "exit code 3", 7}, {2, 1, 0, "", 0}};
  const HealthAnswer answer = AnswerHealth(status, true);
  EXPECT_EQ(answer.http_status, 200);
  const auto hooks = nlohmann::json::parse(answer.body)["hooks"];
  ASSERT_EQ(hooks.size(), 2u);
  EXPECT_EQ(hooks[0], nlohmann::json::parse(R"({"hook": 1, "runs": 5, "failures": 2,
                                                "untold_rows": 7, "error": "exit code 3"})"));
  EXPECT_FALSE(hooks[1].contains("error"));
}

TEST(HealthTest, NotDetailedHasNoBody) { EXPECT_EQ(AnswerHealth(Fine(), false).body, ""); }

}  // namespace
}  // namespace harmonylite::ops
