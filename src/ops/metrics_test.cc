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

}  // namespace
}  // namespace harmonylite::ops
