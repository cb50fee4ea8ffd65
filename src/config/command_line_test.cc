#include "config/command_line.h"

#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace harmonylite::config {
namespace {

const std::vector<SubcommandInfo> kCommands = {{"status", "show where this node is"},
                                               {"verify", "compare digests"}};

Result<CommandLine> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "harmonylite");
  return ParseCommandLine(static_cast<int>(words.size()), words.data(), kCommands);
}

std::string ErrorOf(std::vector<const char*> words) {
  const auto result = Parse(std::move(words));
  if (result.ok()) return "accepted";
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidArgument);
  return result.error().message();
}

TEST(CommandLine, NothingMeansRun) {
  ASSERT_VALUE(const auto c, Parse({}));
  EXPECT_EQ(c.mode, Mode::kRun);
  EXPECT_EQ(c.config_path, "");
  EXPECT_FALSE(c.node_id.has_value());
  EXPECT_FALSE(c.cluster_addr.has_value());
  EXPECT_TRUE(c.cluster_peers.empty());
  EXPECT_TRUE(c.leaf_servers.empty());
  EXPECT_FALSE(c.health_check);
  const auto no_program = ParseCommandLine(0, nullptr);
  ASSERT_OK(no_program);
}

TEST(CommandLine, FlagsInAllSpellings) {
  for (const auto& words :
       std::vector<std::vector<const char*>>{{"-config", "a.toml"},
                                             {"--config", "a.toml"},
                                             {"-config=a.toml"},
                                             {"--config=a.toml"},
                                             {"-config", "b", "-config=a.toml"}}) {
    ASSERT_VALUE(const auto c, Parse(words));
    EXPECT_EQ(c.config_path, "a.toml");
    EXPECT_EQ(c.mode, Mode::kRun);
  }
  ASSERT_VALUE(const auto equals, Parse({"-config=a=b"}));
  EXPECT_EQ(equals.config_path, "a=b");
  ASSERT_VALUE(const auto dash,
               // As in Go, the next word is the value, even if it looks like a flag.
               Parse({"-config", "-x"}));
  EXPECT_EQ(dash.config_path, "-x");
}

TEST(CommandLine, Modes) {
  const std::pair<const char*, Mode> cases[] = {
      {"-cleanup", Mode::kCleanup},
      {"--save-snapshot", Mode::kSaveSnapshot},
      {"-schema-status", Mode::kSchemaStatus},
      {"-schema-status-cluster", Mode::kSchemaStatusCluster},
      {"-version", Mode::kVersion},
      {"-help", Mode::kHelp},
      {"--help", Mode::kHelp},
      {"-h", Mode::kHelp},
      {"-cleanup=true", Mode::kCleanup},
      {"-cleanup=T", Mode::kCleanup},
      {"-cleanup=0", Mode::kRun},
      {"-cleanup=false", Mode::kRun},
  };
  for (const auto& [flag, mode] : cases) {
    ASSERT_VALUE(const auto c, Parse({"-config", "x", flag}));
    EXPECT_EQ(c.mode, mode) << flag;
    EXPECT_EQ(c.config_path, "x");
  }
  ASSERT_VALUE(const auto help, Parse({"-version", "-cleanup", "-help"}));
  EXPECT_EQ(help.mode, Mode::kHelp);
}

TEST(CommandLine, Values) {
  ASSERT_VALUE(const auto c, Parse({"-node-id", "18446744073709551615", "-cluster-addr", ":4248",
                                    "-cluster-peers=nats://a:1/, b:2 ,dns://c:3/,",
                                    "--leaf-servers", "tls://u:p@[::1]:7422", "-health-check",
                                    "-health-bind=[::1]:1", "-health-path", "/up"}));
  EXPECT_EQ(c.node_id, UINT64_MAX);
  EXPECT_EQ(c.cluster_addr, (ListenAddress{"", 4248}));
  EXPECT_EQ(c.cluster_peers, (std::vector<std::string>{"nats://a:1/", "nats://b:2", "dns://c:3/"}));
  EXPECT_EQ(c.leaf_servers, (std::vector<std::string>{"tls://u:p@[::1]:7422"}));
  EXPECT_TRUE(c.health_check);
  ASSERT_VALUE(Config config, ParseConfig("db_path = \"x\"\nnode_id = 1", ""));
  ApplyFlags(c, &config);
  EXPECT_EQ(config.node_id, UINT64_MAX);
  EXPECT_TRUE(config.health_check.enable);
  EXPECT_EQ(config.health_check.bind, (ListenAddress{"::1", 1}));
  EXPECT_EQ(config.health_check.path, "/up");
}

TEST(CommandLine, NoFlagLeavesTheConfigurationAlone) {
  ASSERT_VALUE(Config config, ParseConfig("db_path = \"x\"\nnode_id = 1", ""));
  const std::string before = RenderRedacted(config);
  ApplyFlags(CommandLine{}, &config);
  EXPECT_EQ(RenderRedacted(config), before);
}

TEST(CommandLine, NodeIds) {
  ASSERT_VALUE(const auto hex, Parse({"-node-id=0xFf"}));
  EXPECT_EQ(hex.node_id, 255u);
  ASSERT_VALUE(const auto zero, Parse({"-node-id=5", "-node-id=0"}));
  EXPECT_FALSE(zero.node_id.has_value());
  for (const char* bad : {"-node-id=", "-node-id=-1", "-node-id=1x", "-node-id=0x", "-node-id= 1",
                          "-node-id=18446744073709551616"}) {
    EXPECT_EQ(ErrorOf({bad}), "-node-id: expected a whole number from 1 to 18446744073709551615")
        << bad;
  }
}

TEST(CommandLine, Errors) {
  EXPECT_EQ(ErrorOf({"-confg", "x"}),
            "unknown flag -confg; did you mean -config? (-help lists all)");
  EXPECT_EQ(ErrorOf({"--clenup"}),
            "unknown flag -clenup; did you mean -cleanup? (-help lists all)");
  EXPECT_EQ(ErrorOf({"-verbose-mode"}), "unknown flag -verbose-mode (-help lists all)");
  EXPECT_EQ(ErrorOf({"-config"}), "-config needs a value");
  EXPECT_EQ(ErrorOf({"-config="}), "-config: the value is empty");
  EXPECT_EQ(ErrorOf({"-cleanup=maybe"}), "-cleanup: expected true or false");
  EXPECT_EQ(ErrorOf({"-cluster-addr", "host"}),
            "-cluster-addr: expected host:port, as in 127.0.0.1:4222 or :4222");
  EXPECT_EQ(ErrorOf({"-cluster-addr=:0"}), "-cluster-addr: the port must be 1 to 65535");
  EXPECT_EQ(ErrorOf({"-cluster-peers", "nats://a"}),
            "-cluster-peers: a server has no port; it is written as nats://host:port");
  EXPECT_EQ(
      ErrorOf({"-cluster-peers", "http://a:1"}),
      "-cluster-peers: a server is written as nats://host:port (tls:// and dns:// work, too)");
  EXPECT_EQ(ErrorOf({"-cluster-peers", ","}), "-cluster-peers: the list of servers is empty");
  EXPECT_EQ(ErrorOf({"-leaf-servers", "nats://a:1/path"}),
            "-leaf-servers: after host:port a server has no path");
  EXPECT_EQ(ErrorOf({"-health-path", "x"}), "-health-path: expected a path as in /health");
  EXPECT_NE(ErrorOf({"-cleanup", "-save-snapshot"}).find("only one of"), std::string::npos);
  EXPECT_NE(ErrorOf({"-cleanup", "status"}).find("only one of"), std::string::npos);
  EXPECT_NE(ErrorOf({"--="}).find("unknown flag"), std::string::npos);
}

TEST(CommandLine, PprofNamesWhatToUseInstead) {
  for (const auto& words : std::vector<std::vector<const char*>>{
           {"-pprof", "127.0.0.1:6060"}, {"--pprof=:6060"}, {"-pprof"}}) {
    EXPECT_NE(ErrorOf(words).find("perf record"), std::string::npos);
  }
}

TEST(CommandLine, Subcommands) {
  ASSERT_VALUE(const auto c, Parse({"-config", "a", "verify", "--repair", "-help", "t"}));
  EXPECT_EQ(c.mode, Mode::kSubcommand);
  EXPECT_EQ(c.config_path, "a");
  EXPECT_EQ(c.subcommand, "verify");
  EXPECT_EQ(c.arguments, (std::vector<std::string>{"--repair", "-help", "t"}));
  ASSERT_VALUE(const auto behind,
               Parse({"status", "-config", "b", "x", "--config=c", "--", "-config"}));
  EXPECT_EQ(behind.config_path, "c");
  EXPECT_EQ(behind.arguments, (std::vector<std::string>{"x", "--", "-config"}));
  ASSERT_VALUE(const auto dashes, Parse({"--", "status"}));
  EXPECT_EQ(dashes.subcommand, "status");
  ASSERT_VALUE(const auto help, Parse({"-help", "status"}));
  EXPECT_EQ(help.mode, Mode::kHelp);
  EXPECT_EQ(help.subcommand, "status");
  EXPECT_EQ(ErrorOf({"verfy"}), "unknown command verfy; did you mean verify? (-help lists all)");
  EXPECT_EQ(ErrorOf({"dance"}), "unknown command dance (-help lists all)");
  EXPECT_EQ(ErrorOf({"status", "-config"}), "-config needs a value");
  const char* const words[] = {"harmonylite", "anything"};
  ASSERT_VALUE(const auto open, ParseCommandLine(2, words));
  EXPECT_EQ(open.subcommand, "anything");
}

TEST(CommandLine, HelpNamesEveryFlagAndCommand) {
  const std::string help = HelpText(kCommands);
  for (const char* part :
       {"-config ", "-node-id ", "-cleanup ", "-save-snapshot ", "-schema-status ",
        "-schema-status-cluster ", "-cluster-addr ", "-cluster-peers ", "-leaf-servers ",
        "-version ", "-help ", "-health-check ", "-health-bind ", "-health-path ",
        "  status  show where this node is", "  verify  compare digests", "Commands (",
        "Examples:"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(HelpText({}).find("Commands"), std::string::npos);
}

}  // namespace
}  // namespace harmonylite::config
