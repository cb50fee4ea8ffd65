#include "adapters/nats_server/server_process.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "adapters/nats_server/server_config.h"
#include "support/is_alive.h"
#include "support/nats_server.h"

namespace harmonylite::nats_server {
namespace {

using test::IsAlive;
using test::Request;
using test::TestServer;

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Returns a port that the kernel says is free now. A server takes it a moment later.
int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  close(fd);
  return ntohs(address.sin_port);
}

// Reads the first `count` records, and starts over with a new reader after every error.
std::vector<ports::LogRecord> ReadAll(nats::JetStreamLog* log, size_t count) {
  std::vector<ports::LogRecord> out;
  std::unique_ptr<ports::LogReader> reader;
  test::WaitUntil([&] {
    if (reader == nullptr) {
      out.clear();
      auto opened = log->OpenReader(ports::LogSeq(1));
      if (!opened.ok()) return false;
      reader = std::move(opened).value();
    }
    if (!reader->Read(count - out.size(), std::chrono::milliseconds(100), &out).ok())
      reader.reset();
    return out.size() >= count;
  });
  return out;
}

TEST(ServerProcess, StartsOnAFreeLoopbackPortAndStops) {
  TestServer server;
  ASSERT_OK(server.Start());
  EXPECT_TRUE(server.process().running());
  EXPECT_TRUE(server.url().starts_with("nats://127.0.0.1:")) << server.url();
  EXPECT_FALSE(server.process().version().empty());
  EXPECT_OK(nats::Connection::Open(server.Client()));
  const pid_t pid = server.process().pid();
  EXPECT_TRUE(IsAlive(pid));
  server.process().Stop();
  EXPECT_FALSE(IsAlive(pid));
  EXPECT_FALSE(server.process().running());
  // Stopping twice is harmless.
  server.process().Stop();
}

TEST(ServerProcess, ConfigurationIsPrivateAndSecretsAreNotArguments) {
  TestServer server;
  server.options().user = "someone";
  server.options().password = "s3cret \"quoted\" \\ $HOME";
  ASSERT_OK(server.Start());
  const std::string config = server.options().store_dir + "/nats-server.conf";
  EXPECT_EQ(std::filesystem::status(config).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const std::string command =
      ReadFile("/proc/" + std::to_string(server.process().pid()) + "/cmdline");
  EXPECT_NE(command.find("nats-server"), std::string::npos);
  EXPECT_EQ(command.find("s3cret"), std::string::npos);
  nats::ConnectionOptions client = server.Client();
  client.user_name = server.options().user;
  client.user_password = server.options().password;
  EXPECT_OK(nats::Connection::Open(client));
  EXPECT_EQ(nats::Connection::Open(server.Client()).error().code(), ErrorCode::kInvalidArgument);
}

TEST(ServerProcess, ComesBackOnTheSamePortAfterACrash) {
  TestServer server;
  ASSERT_OK(server.Start());
  ASSERT_VALUE(auto connection, nats::Connection::Open(server.Client()));
  const std::string url = server.url();
  const pid_t pid = server.process().pid();
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  ASSERT_TRUE(
      test::WaitUntil([&] { return server.process().pid() != pid && server.process().running(); }));
  EXPECT_EQ(server.url(), url);
  EXPECT_EQ(server.process().restarts(), 1);
  EXPECT_TRUE(test::WaitUntil([&] { return connection->state().reconnects == 1; }));
}

TEST(ServerProcess, EndsWhenItsParentIsKilled) {
  test::TempDir dir;
  int pipe_fds[2];
  ASSERT_EQ(pipe(pipe_fds), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    Logger logger(STDERR_FILENO, LogFormat::kConsole, LogLevel::kError);
    ServerOptions options;
    options.store_dir = dir.File("store");
    options.server_name = "orphan";
    const auto server = ServerProcess::Start(options, &logger);
    const pid_t pid = server.ok() ? (*server)->pid() : -1;
    if (write(pipe_fds[1], &pid, sizeof pid) != sizeof pid) _exit(1);
    pause();
    _exit(0);
  }
  close(pipe_fds[1]);
  pid_t server = -1;
  ASSERT_EQ(read(pipe_fds[0], &server, sizeof server), static_cast<ssize_t>(sizeof server));
  close(pipe_fds[0]);
  ASSERT_GT(server, 0);
  EXPECT_TRUE(IsAlive(server));
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_TRUE(test::WaitUntil([&] { return !IsAlive(server); }));
}

TEST(ServerProcess, StoreIsNeverSharedByTwo) {
  TestServer server;
  ASSERT_OK(server.Start());
  ServerOptions second = server.options();
  second.bind_address = ":-1";
  second.ready_timeout = std::chrono::milliseconds(200);
  const auto refused = ServerProcess::Start(second, server.logger());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kRetryLater);
  EXPECT_NE(refused.error().message().find(second.store_dir), std::string::npos);
}

TEST(ServerProcess, MissingProgramSaysWhatToDo) {
  TestServer server;
  server.options().binary = "/nonexistent/nats-server";
  EXPECT_EQ(server.Start().error().code(), ErrorCode::kInvalidArgument);
  server.options().binary = "/bin/true";
  const Status status = server.Start();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message().find("/bin/true"), std::string::npos);
}

TEST(ServerProcess, PortInUseIsSaid) {
  TestServer first;
  ASSERT_OK(first.Start());
  TestServer second;
  second.options().bind_address = first.options().bind_address;
  const Status status = second.Start();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(status.error().message().find("in use"), std::string::npos) << status.error().message();
}

TEST(ServerProcess, ExtraConfigurationIsUsedAndItsErrorsAreShown) {
  TestServer server;
  const std::string file = server.dir().File("extra.conf");
  server.options().server_config = file;
  WriteFile(file, "max_payload: 2000000\n");
  ASSERT_OK(server.Start());
  {
    ASSERT_VALUE(auto connection, nats::Connection::Open(server.Client()));
    EXPECT_EQ(nats::JetStreamLog(connection, TestServer::LogOptions()).max_payload(),
              2000000 - nats::JetStreamLog::kHeaderRoom);
  }
  server.Stop();
  WriteFile(file, "no_such_key: 1\n");
  const Status bad = server.Start();
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(bad.error().message().find("no_such_key"), std::string::npos) << bad.error().message();
  EXPECT_NE(bad.error().message().find("server_config"), std::string::npos);
  server.options().server_config = server.dir().File("missing.conf");
  EXPECT_EQ(server.Start().error().code(), ErrorCode::kInvalidArgument);
}

TEST(ServerProcess, ThreeMakeACluster) {
  TestServer nodes[3];
  std::string peer;
  for (int i = 0; i < 3; ++i) {
    ServerOptions& options = nodes[i].options();
    options.server_name = "node-" + std::to_string(i);
    options.cluster_address = "127.0.0.1:" + std::to_string(FreePort());
    if (i == 0) peer = "nats://" + options.cluster_address;
    if (i > 0) options.cluster_peers = {peer};
    ASSERT_OK(nodes[i].Start());
  }
  ASSERT_VALUE(auto connection, nats::Connection::Open(nodes[2].Client()));
  nats::JetStreamLogOptions options = TestServer::LogOptions();
  options.replicas = 3;
  nats::JetStreamLog log(connection, options);
  Status ready = Ok();
  ASSERT_TRUE(test::WaitUntil([&] {
    ready = log.EnsureReady();
    return ready.ok();
  })) << ready.error().message();
  const Origin origin{NodeId(1), Incarnation(1)};
  // The leader may still be moving, so the publish is repeated until its outcome is known.
  ASSERT_TRUE(test::WaitUntil([&] {
    return log.Publish(Request(origin, "m1", 0, "x")).outcome == ports::PublishOutcome::kStored;
  }));
  // One of three servers may die without harm.
  nodes[0].Stop();
  ASSERT_TRUE(test::WaitUntil([&] {
    return log.Publish(Request(origin, "m2", 1, "y")).outcome == ports::PublishOutcome::kStored;
  }));
  EXPECT_EQ(ReadAll(&log, 2).size(), 2u);
}

TEST(ServerProcess, ALeafUsesTheRemoteLog) {
  TestServer hub;
  const std::string port = std::to_string(FreePort());
  hub.options().server_config = hub.dir().File("hub.conf");
  WriteFile(hub.options().server_config, "leafnodes { listen: \"127.0.0.1:" + port + "\" }\n" +
                                             "default_js_domain: { \"$G\": \"\" }\n");
  ASSERT_OK(hub.Start());
  TestServer leaf;
  leaf.options().server_name = "leaf";
  leaf.options().leaf_servers = {"nats-leaf://127.0.0.1:" + port};
  ASSERT_OK(leaf.Start());
  ASSERT_VALUE(auto near, nats::Connection::Open(leaf.Client()));
  ASSERT_VALUE(auto far, nats::Connection::Open(hub.Client()));
  nats::JetStreamLog near_log(near, TestServer::LogOptions());
  nats::JetStreamLog far_log(far, TestServer::LogOptions());
  ASSERT_TRUE(test::WaitUntil([&] { return near_log.EnsureReady().ok(); }));
  const Origin origin{NodeId(1), Incarnation(1)};
  EXPECT_EQ(near_log.Publish(Request(origin, "m1", 0, "x")).outcome,
            ports::PublishOutcome::kStored);
  EXPECT_EQ(far_log.Publish(Request(origin, "m2", 1, "y")).outcome, ports::PublishOutcome::kStored);
  EXPECT_EQ(ReadAll(&near_log, 2).size(), 2u);
  EXPECT_EQ(ReadAll(&far_log, 2).size(), 2u);
}

TEST(ServerConfig, SyncIntervalOnlyWhereItIsKnown) {
  test::TempDir dir;
  ServerOptions options;
  options.store_dir = dir.path();
  options.server_name = "n";
  EXPECT_EQ(MakeServerConfig(options, {2, 9, 25}, {})->find("sync_interval"), std::string::npos);
  EXPECT_NE(MakeServerConfig(options, {2, 10, 0}, {})->find("sync_interval"), std::string::npos);
}

TEST(ServerConfig, Versions) {
  EXPECT_EQ(ParseServerVersion("nats-server: v2.9.10"), (ServerVersion{2, 9, 10}));
  EXPECT_EQ(ParseServerVersion("nats-server: v2.12.0-RC.1"), (ServerVersion{2, 12, 0}));
  EXPECT_FALSE(ParseServerVersion("hello"));
}

TEST(ServerConfig, TwoServersGetAWarning) {
  ServerOptions options;
  options.cluster_address = "10.0.0.1:6222";
  options.cluster_peers = {"nats://10.0.0.2:6222"};
  EXPECT_EQ(ServerWarnings(options).size(), 1u);
  // Our own address does not count as another server.
  options.cluster_peers.push_back("nats://10.0.0.1:6222/");
  EXPECT_EQ(ServerWarnings(options).size(), 1u);
  options.cluster_peers.push_back("nats://10.0.0.3:6222");
  EXPECT_TRUE(ServerWarnings(options).empty());
  options.bind_address = "0.0.0.0:4222";
  EXPECT_EQ(ServerWarnings(options).size(), 1u);
}

TEST(ServerConfig, RoutesKeepWhatCannotBeResolved) {
  EXPECT_EQ(ExpandRoutes({"nats://127.0.0.1:6222/", "dns://no-such-host.invalid:1/?min=3"}),
            (std::vector<std::string>{"nats://127.0.0.1:6222", "nats://no-such-host.invalid:1"}));
}

TEST(ServerConfig, BindAddresses) {
  EXPECT_EQ(*BindAddress(":-1"), std::pair(std::string("127.0.0.1"), -1));
  EXPECT_EQ(*BindAddress(":4222"), std::pair(std::string("127.0.0.1"), 4222));
  EXPECT_EQ(*BindAddress("0.0.0.0:4222"), std::pair(std::string("0.0.0.0"), 4222));
  EXPECT_EQ(*BindAddress("[::1]:1"), std::pair(std::string("::1"), 1));
  for (const char* bad : {"", "4222", ":x", ":70000", "::1:4", ":-2"})
    EXPECT_FALSE(BindAddress(bad).ok()) << bad;
  EXPECT_TRUE(SetsListen("# x\nlisten: 1.2.3.4:5\n"));
  EXPECT_TRUE(SetsListen("port = 4"));
  EXPECT_FALSE(SetsListen("cluster {\n  port: 1\n}\nportable: 1\n"));
}

TEST(ServerConfig, LogLines) {
  const ServerLine line = ParseServerLine("[12] [WRN] watch out");
  EXPECT_EQ(line.level, LogLevel::kWarning);
  EXPECT_EQ(line.text, "watch out");
  EXPECT_FALSE(ParseServerLine("nats-server: bad").marked);
}

}  // namespace
}  // namespace harmonylite::nats_server
