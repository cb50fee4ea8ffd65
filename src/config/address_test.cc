#include "config/address.h"

#include <gtest/gtest.h>

#include "config/nearest.h"
#include "support/result_matchers.h"

namespace harmonylite::config {
namespace {

TEST(ListenAddress, Reads) {
  const std::tuple<const char*, const char*, int, const char*> cases[] = {
      {"127.0.0.1:4222", "127.0.0.1", 4222, "127.0.0.1:4222"},
      {":3010", "", 3010, ":3010"},
      {":-1", "", -1, ":-1"},
      {"localhost:0", "localhost", 0, "localhost:0"},
      {"[::1]:80", "::1", 80, "[::1]:80"},
      {"[fe80::1%eth0]:65535", "fe80::1%eth0", 65535, "[fe80::1%eth0]:65535"},
  };
  for (const auto& [text, host, port, shown] : cases) {
    ASSERT_VALUE(const auto address, ParseListenAddress(text, true));
    EXPECT_EQ(address.host, host);
    EXPECT_EQ(address.port, port);
    EXPECT_EQ(address.ToString(), shown);
    EXPECT_EQ(address.any_port(), port <= 0);
  }
}

TEST(ListenAddress, Refuses) {
  for (const char* text :
       {"", "localhost", "4222", ":", ":x", ":1x", ":65536", ":-2", "a b:1", "a/b:1", "::1:80",
        "[::1]", "[::1", "[::1]80", "[abc]:80", "h:1:2", "nats://h:1", ":99999999999999999999"}) {
    EXPECT_FALSE(ParseListenAddress(text, true).ok()) << text;
  }
  EXPECT_FALSE(ParseListenAddress(":-1", false).ok());
  EXPECT_FALSE(ParseListenAddress(":0", false).ok());
  EXPECT_OK(ParseListenAddress(":1", false));
}

TEST(Nearest, CountsEdits) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("", "abc"), 3u);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
  EXPECT_EQ(EditDistance("urls", "ulrs"), 1u);
  EXPECT_EQ(EditDistance("db_path", "db_pth"), 1u);
}

TEST(Nearest, NamesOnlyWhatIsClose) {
  const std::vector<std::string> known = {"db_path", "node_id", "publish", "replicate"};
  EXPECT_EQ(Nearest("dbpath", known), "db_path");
  EXPECT_EQ(Nearest("nodeid", known), "node_id");
  EXPECT_EQ(Nearest("replicates", known), "replicate");
  EXPECT_EQ(Nearest("something_else", known), "");
  EXPECT_EQ(Nearest("", known), "");
  EXPECT_EQ(Nearest("x", {"y"}), "");
  EXPECT_EQ(Nearest(std::string(1 << 20, 'a'), known), "");
  EXPECT_EQ(Nearest("x", {}), "");
}

}  // namespace
}  // namespace harmonylite::config
