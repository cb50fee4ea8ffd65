#include "ops/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace harmonylite::ops {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MetricsTest, ValuesAndLabels) {
  NodeStatus status;
  status.node_id = 3;
  status.version = "2.0.0";
  status.rows_sent = 12;
  status.nats_connected = true;
  status.waiting = {{7, "schema", "x"}, {8, "schema", "y"}};
  const std::string page = MetricsPage(status, "harmonylite", "");
  EXPECT_THAT(page, HasSubstr("\nharmonylite_info{node=\"3\",version=\"2.0.0\"} 1\n"));
  EXPECT_THAT(
      page,
      HasSubstr("# TYPE harmonylite_rows_sent_total counter\nharmonylite_rows_sent_total 12\n"));
  EXPECT_THAT(page, HasSubstr("\nharmonylite_nats_connected 1\n"));
  EXPECT_THAT(page, HasSubstr("\nharmonylite_waiting{kind=\"schema\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("\nharmonylite_waiting{kind=\"clock\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("last_sent_timestamp")));
  status.last_sent_ms = 1500;
  EXPECT_THAT(MetricsPage(status, "", "db"), HasSubstr("\ndb_last_sent_timestamp_seconds 1.5\n"));
}

TEST(MetricsTest, EachHookHasItsSamples) {
  NodeStatus status;
  status.hooks = {{1, 5, 2, "exit code 3", 7}, {2, 1, 0, "", 0}};
  const std::string page = MetricsPage(status, "harmonylite", "");
  EXPECT_THAT(page, HasSubstr("# TYPE harmonylite_hook_runs_total counter\n"
                              "harmonylite_hook_runs_total{hook=\"1\"} 5\n"
                              "harmonylite_hook_runs_total{hook=\"2\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nharmonylite_hook_failures_total{hook=\"1\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("\nharmonylite_hook_failing{hook=\"1\"} 1\n"
                              "harmonylite_hook_failing{hook=\"2\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\nharmonylite_hook_untold_rows{hook=\"1\"} 7\n"));
}

}  // namespace
}  // namespace harmonylite::ops
