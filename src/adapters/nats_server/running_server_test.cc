#include "adapters/nats_server/running_server.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::nats_server {
namespace {

using Urls = std::vector<std::string>;

void Write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

TEST(RunningServer, NoFileMeansThatNoServerRuns) {
  const test::TempDir dir;
  Write(dir.File("nats-server.log"), R"({"nats":["nats://127.0.0.1:1"]})");
  for (const std::string& folder : {dir.path(), dir.File("absent")}) {
    const auto urls = UrlsOfRunningServer(folder);
    ASSERT_FALSE(urls.ok());
    EXPECT_EQ(urls.error().code(), ErrorCode::kRetryLater);
    EXPECT_NE(urls.error().message().find(folder), std::string::npos);
  }
}

TEST(RunningServer, OneUrlOfEachFileLoopbackFirst) {
  const test::TempDir dir;
  Write(dir.File("nats-server_7.ports"), R"({
    "nats": ["nats://10.0.0.1:4222", "nats://127.0.0.1:4222"], "cluster": ["nats://10.0.0.1:1"]})");
  Write(dir.File("nats-server_8.ports"), R"({"nats": ["tls://10.0.0.2:4333"]})");
  ASSERT_VALUE(Urls urls, UrlsOfRunningServer(dir.path()));
  std::sort(urls.begin(), urls.end());
  EXPECT_EQ(urls, (Urls{"nats://127.0.0.1:4222", "tls://10.0.0.2:4333"}));
}

// The server may be writing the file now.
TEST(RunningServer, IncompleteFilesArePassedOver) {
  const test::TempDir dir;
  const char* const texts[] = {"",
                               R"({"nats": ["nats://127.0.0.1:1"])",
                               R"({"nats": "x"})",
                               R"({"nats": [1]})",
                               R"(["nats"])",
                               R"({"nats": []})"};
  for (int i = 0; const char* text : texts)
    Write(dir.File("nats-server_" + std::to_string(i++) + ".ports"), text);
  EXPECT_FALSE(UrlsOfRunningServer(dir.path()).ok());
}

}  // namespace
}  // namespace harmonylite::nats_server
