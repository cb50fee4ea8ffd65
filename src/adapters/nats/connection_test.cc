#include "adapters/nats/connection.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "adapters/nats/names.h"
#include "adapters/nats/nkey.h"
#include "adapters/nats/push_consumer.h"
#include "base/url.h"
#include "support/nats_server.h"
#include "support/tcp_proxy.h"

namespace harmonylite::nats {
namespace {

using test::Request;
using test::TestServer;

using ports::PublishOutcome;

const Origin kNode{NodeId(1), Incarnation(1)};

void WriteFile(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// Makes a certificate authority and a server certificate for the given names, in `dir`.
bool MakeCertificates(const std::string& dir, const std::string& names) {
  WriteFile(dir + "/ext", "subjectAltName=" + names + "\n");
  const std::string script =
      "cd '" + dir +
      "' && K='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes' && exec 2>/dev/null && "
      "openssl req -x509 $K -keyout ca.key -out ca.pem -subj /CN=test-ca -days 2 && "
      "for n in server client; do openssl req $K -keyout $n.key -out $n.csr -subj /CN=$n && "
      "openssl x509 -req -in $n.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext "
      "-out $n.pem || exit 1; done";
  return std::system(script.c_str()) == 0;
}

std::string TlsConfig(const std::string& dir, const char* more) {
  return "tls {\n cert_file: \"" + dir + "/server.pem\"\n key_file: \"" + dir + "/server.key\"\n" +
         " ca_file: \"" + dir + "/ca.pem\"\n" + more + "}\n";
}

// Without RetireSubscription() the library crashes here, about once in some thousand ended
// subscriptions.
TEST(ConnectionTest, SubscriptionsEndWhileMessagesArrive) {
  TestServer server;
  ASSERT_OK(server.Start());
  ASSERT_VALUE(const auto connection, Connection::Open(server.Client()));
  ASSERT_VALUE(const auto session, connection->Acquire());
  std::atomic<bool> over = false;
  std::thread sender([&] {
    while (!over) {
      for (int i = 0; i < 50; ++i) natsConnection_Publish(session->connection(), "flood", "x", 1);
      natsConnection_FlushTimeout(session->connection(), 1000);
    }
  });
  for (int i = 0; i < 3'000; ++i) {
    natsSubscription* made = nullptr;
    ASSERT_EQ(natsConnection_SubscribeSync(&made, session->connection(), "flood"), NATS_OK);
    const SubscriptionPtr subscription(made);
    if (i % 30 != 0) continue;
    natsMsg* message = nullptr;
    EXPECT_EQ(natsSubscription_NextMsg(&message, made, 30'000), NATS_OK);
    const MsgPtr owner(message);
  }
  over = true;
  sender.join();
  EXPECT_TRUE(session->connected());
}

TEST(ConnectionTest, NothingListeningNamesTheUrl) {
  TestServer server;
  ASSERT_OK(server.Start());
  ConnectionOptions options = server.Client();
  server.Stop();
  options.urls[0].insert(7, "someone:s3cret@");
  options.connect_retries = 2;
  const auto failed = Connection::Open(options);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), ErrorCode::kRetryLater);
  const std::string& message = failed.error().message();
  EXPECT_NE(message.find(ServerOfUrl(options.urls[0])), std::string::npos) << message;
  EXPECT_EQ(message.find("s3cret"), std::string::npos) << message;
}

TEST(ConnectionTest, SilentServerDoesNotHang) {
  TestServer server;
  ASSERT_OK(server.Start());
  test::TcpProxy proxy(server.port());
  proxy.BlackHole();
  ConnectionOptions options = TestServer::ClientOf(proxy.nats_url());
  options.connect_timeout = std::chrono::milliseconds(300);
  const auto failed = Connection::Open(options);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), ErrorCode::kRetryLater);
  EXPECT_NE(failed.error().message().find(proxy.nats_url()), std::string::npos);
}

// libnats waits for ever at this point, and leaves the socket open.
TEST(ConnectionTest, SilenceInTheMiddleOfTheHandshakeDoesNotHang) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::atomic<bool> hung_up = false;
  std::thread peer([&] {
    const int fd = accept(listener, nullptr, nullptr);
    const std::string info =
        "INFO {\"server_id\":\"x\",\"version\":\"2.9.0\",\"max_payload\":1000}\r\n";
    if (send(fd, info.data(), info.size(), MSG_NOSIGNAL) < 0) return;
    char buffer[4096];
    while (recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
    hung_up = true;
    close(fd);
  });
  ConnectionOptions options =
      TestServer::ClientOf("nats://127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
  options.connect_timeout = std::chrono::milliseconds(300);
  const auto failed = Connection::Open(options);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code(), ErrorCode::kRetryLater);
  EXPECT_TRUE(test::WaitUntil([&] { return hung_up.load(); }));
  shutdown(listener, SHUT_RDWR);
  peer.join();
  close(listener);
}

TEST(ConnectionTest, UnusableAddressesAreRefused) {
  for (const char* url : {"ws://127.0.0.1:1", "http://x"})
    EXPECT_EQ(Connection::Open(TestServer::ClientOf(url)).error().code(),
              ErrorCode::kInvalidArgument);
  ConnectionOptions none;
  EXPECT_EQ(Connection::Open(none).error().code(), ErrorCode::kInvalidArgument);
}

TEST(ConnectionTest, UserAndPassword) {
  TestServer server;
  server.options().user = "someone";
  server.options().password = "right-one";
  ASSERT_OK(server.Start());
  ConnectionOptions options = server.Client();
  options.user_name = "someone";
  options.user_password = "right-one";
  EXPECT_OK(Connection::Open(options));
  ConnectionOptions inside = server.Client();
  inside.urls[0].insert(7, "someone:right%2Done@");
  EXPECT_OK(Connection::Open(inside));

  options.user_password = "wr0ng-one";
  // Retries are of no use against a refused login, so there must be none.
  options.connect_retries = 1000;
  const auto refused = Connection::Open(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  const std::string& message = refused.error().message();
  EXPECT_NE(message.find(server.url()), std::string::npos) << message;
  EXPECT_NE(message.find("someone"), std::string::npos) << message;
  EXPECT_NE(message.find("user_password"), std::string::npos) << message;
  EXPECT_EQ(message.find("wr0ng"), std::string::npos) << message;

  // The refusal must also be reported if the server is one of several.
  options.urls.push_back("nats://127.0.0.1:1");
  EXPECT_EQ(Connection::Open(options).error().code(), ErrorCode::kInvalidArgument);
}

TEST(ConnectionTest, Nkey) {
  // This is the well-known example pair of NATS' own documentation, not a secret.
  const std::string seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
  ASSERT_VALUE(const std::string key, PublicNkey(seed));
  EXPECT_EQ(key, "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4");
  std::string damaged = seed;
  damaged[20] = 'A';
  EXPECT_FALSE(PublicNkey(damaged).ok());
  EXPECT_FALSE(PublicNkey("").ok());
  EXPECT_FALSE(PublicNkey(key).ok());

  TestServer server;
  const std::string config = server.dir().File("auth.conf");
  WriteFile(config, "authorization { users = [ { nkey: " + key + " } ] }\n");
  server.options().server_config = config;
  ASSERT_OK(server.Start());
  ConnectionOptions options = server.Client();
  EXPECT_EQ(Connection::Open(options).error().code(), ErrorCode::kInvalidArgument);
  options.seed_file = server.dir().File("seed");
  WriteFile(options.seed_file, seed + "\n");
  // The client library breaks one signature in 256, so some of these logins need another attempt.
  for (int i = 0; i < 800; ++i) ASSERT_OK(Connection::Open(options));
}

TEST(ConnectionTest, TlsIsVerified) {
  TestServer server;
  const std::string dir = server.dir().path();
  ASSERT_TRUE(MakeCertificates(dir, "IP:127.0.0.1"));
  server.options().server_config = dir + "/tls.conf";
  WriteFile(server.options().server_config, TlsConfig(dir, ""));
  ASSERT_OK(server.Start());
  const std::string address = server.url().substr(server.url().find("://") + 3);
  ConnectionOptions options = TestServer::ClientOf("tls://" + address);

  // No certificate authority known to the system has signed this certificate.
  const auto unknown = Connection::Open(options);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(unknown.error().message().find("ca_file"), std::string::npos)
      << unknown.error().message();

  options.ca_file = dir + "/ca.pem";
  ASSERT_VALUE(auto connection, Connection::Open(options));
  JetStreamLog log(connection, TestServer::LogOptions());
  EXPECT_OK(log.EnsureReady());
  // The server demands TLS, so nats:// is enough.
  options.urls = {"nats://" + address};
  EXPECT_OK(Connection::Open(options));
}

TEST(ConnectionTest, TlsRefusesACertificateForAnotherHost) {
  TestServer server;
  const std::string dir = server.dir().path();
  ASSERT_TRUE(MakeCertificates(dir, "DNS:elsewhere.example"));
  server.options().server_config = dir + "/tls.conf";
  WriteFile(server.options().server_config, TlsConfig(dir, ""));
  ASSERT_OK(server.Start());
  ConnectionOptions options = server.Client();
  options.ca_file = dir + "/ca.pem";
  const auto refused = Connection::Open(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
}

TEST(ConnectionTest, MutualTls) {
  TestServer server;
  const std::string dir = server.dir().path();
  ASSERT_TRUE(MakeCertificates(dir, "IP:127.0.0.1"));
  server.options().server_config = dir + "/tls.conf";
  WriteFile(server.options().server_config, TlsConfig(dir, " verify: true\n"));
  ASSERT_OK(server.Start());
  ConnectionOptions options = server.Client();
  options.ca_file = dir + "/ca.pem";
  EXPECT_FALSE(Connection::Open(options).ok());
  options.cert_file = dir + "/client.pem";
  // A certificate without a key_file cannot be used.
  EXPECT_EQ(Connection::Open(options).error().code(), ErrorCode::kInvalidArgument);
  options.key_file = dir + "/client.key";
  EXPECT_OK(Connection::Open(options));
}

TEST(ConnectionTest, TlsIsNeverGivenUp) {
  TestServer server;
  ASSERT_OK(server.Start());
  const auto plain = Connection::Open(
      TestServer::ClientOf("tls://" + server.url().substr(server.url().find("://") + 3)));
  ASSERT_FALSE(plain.ok());
  EXPECT_EQ(plain.error().code(), ErrorCode::kInvalidArgument);
}

TEST(ConnectionTest, ReconnectsAfterACutAndKeepsNothingBack) {
  TestServer server;
  ASSERT_OK(server.Start());
  test::TcpProxy proxy(server.port());
  ASSERT_VALUE(auto connection, Connection::Open(TestServer::ClientOf(proxy.nats_url())));
  JetStreamLog log(connection, TestServer::LogOptions());
  ASSERT_OK(log.EnsureReady());
  EXPECT_TRUE(connection->state().connected);
  EXPECT_EQ(connection->state().url, proxy.nats_url());
  proxy.Cut();
  ASSERT_TRUE(test::WaitUntil([&] { return !connection->state().connected; }));
  EXPECT_EQ(log.Publish(Request(kNode, "a", 0, "a")).outcome, PublishOutcome::kUnknown);
  EXPECT_EQ(log.EnsureReady().error().code(), ErrorCode::kRetryLater);
  proxy.Resume();
  ASSERT_TRUE(test::WaitUntil([&] { return log.EnsureReady().ok(); }));
  EXPECT_EQ(connection->state().reconnects, 1u);
  EXPECT_EQ(connection->state().url, proxy.nats_url());
  EXPECT_EQ(log.State()->last, ports::LogSeq(0));
}

TEST(ConnectionTest, BlackHoleEndsInErrorsNotSilence) {
  TestServer server;
  ASSERT_OK(server.Start());
  test::TcpProxy proxy(server.port());
  ASSERT_VALUE(auto connection, Connection::Open(TestServer::ClientOf(proxy.nats_url())));
  JetStreamLogOptions options = TestServer::LogOptions();
  options.publish_timeout = std::chrono::milliseconds(200);
  JetStreamLog log(connection, options);
  ASSERT_OK(log.EnsureReady());
  ASSERT_VALUE(auto reader, log.OpenReader(ports::LogSeq(1)));
  proxy.BlackHole();
  EXPECT_EQ(log.Publish(Request(kNode, "a", 0, "a")).outcome, PublishOutcome::kUnknown);
  Status ended = Ok();
  std::vector<ports::LogRecord> out;
  EXPECT_TRUE(test::WaitUntil([&] {
    ended = reader->Read(10, std::chrono::milliseconds(100), &out);
    return !ended.ok();
  }));
  EXPECT_EQ(ended.error().code(), ErrorCode::kRetryLater);
  proxy.Resume();
  // The same message id is sent again; the log must hold it once, whether or not the first attempt
  // arrived: P2.
  ports::PublishReply reply;
  ASSERT_TRUE(test::WaitUntil([&] {
    reply = log.Publish(Request(kNode, "a", 0, "a"));
    return reply.outcome != PublishOutcome::kUnknown;
  }));
  EXPECT_EQ(reply.outcome, PublishOutcome::kStored);
  EXPECT_EQ(log.State()->last, ports::LogSeq(1));
}

TEST(ConnectionTest, MissingPermissionIsARefusal) {
  TestServer server;
  const std::string config = server.dir().File("auth.conf");
  WriteFile(config,
            "authorization { users = [ { user: u, password: p, permissions: {\n"
            "  publish: { deny: [\"harmonylite-change-log.>\"] } } } ] }\n");
  server.options().server_config = config;
  ASSERT_OK(server.Start());
  ConnectionOptions client = server.Client();
  client.user_name = "u";
  client.user_password = "p";
  ASSERT_VALUE(auto connection, Connection::Open(client));
  JetStreamLogOptions options = TestServer::LogOptions();
  options.publish_timeout = std::chrono::milliseconds(500);
  JetStreamLog log(connection, options);
  ASSERT_OK(log.EnsureReady());
  const auto reply = log.Publish(Request(kNode, "a", 0, "a"));
  EXPECT_EQ(reply.outcome, PublishOutcome::kRefused) << reply.message;
  EXPECT_NE(reply.message.find("harmonylite-change-log"), std::string::npos) << reply.message;
}

TEST(ConnectionTest, LoginRevokedAndGivenAgainWhileRunning) {
  TestServer server;
  server.options().user = "u";
  server.options().password = "one";
  ASSERT_OK(server.Start());
  ConnectionOptions options = server.Client();
  options.user_name = "u";
  options.user_password = "one";
  ASSERT_VALUE(auto connection, Connection::Open(options));
  server.Stop();
  server.options().password = "two";
  ASSERT_OK(server.Start());
  ASSERT_TRUE(test::WaitUntil([&] {
    const Status status = connection->EnsureConnected();
    return !status.ok() && status.error().code() == ErrorCode::kInvalidArgument;
  }));
  server.Stop();
  server.options().password = "one";
  ASSERT_OK(server.Start());
  EXPECT_TRUE(test::WaitUntil([&] { return connection->Acquire().ok(); }));
}

TEST(NamesTest, OriginsInSubjects) {
  EXPECT_EQ(OriginOfSubject("p.v2.1.5.6", "p.v2.1"), (Origin{NodeId(5), Incarnation(6)}));
  for (const char* bad :
       {"p.v2.1.5", "p.v2.1.5.6.7", "p.v2.11.5.6", "p.v2.1.x.6", "p.v2.1.5.-6", "p.v2.1"})
    EXPECT_FALSE(OriginOfSubject(bad, "p.v2.1")) << bad;
}

TEST(NamesTest, DeliveryReplies) {
  DeliveryInfo info;
  ASSERT_TRUE(ParseDelivery("$JS.ACK.stream.consumer.1.77.5.1600000000000000000.3", &info));
  EXPECT_EQ(info.stream_seq, 77u);
  EXPECT_EQ(info.consumer_seq, 5u);
  ASSERT_TRUE(
      ParseDelivery("$JS.ACK.dom.acc.stream.consumer.1.78.6.1600000000000000000.3.x", &info));
  EXPECT_EQ(info.stream_seq, 78u);
  EXPECT_FALSE(ParseDelivery("$JS.FC.stream.x", &info));
  EXPECT_FALSE(ParseDelivery("$JS.ACK.s.c.1.2", &info));
  EXPECT_FALSE(ParseDelivery("", &info));
}

}  // namespace
}  // namespace harmonylite::nats
