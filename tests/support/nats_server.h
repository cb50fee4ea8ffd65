// Runs a nats-server in a folder of its own, for tests that link the nats module, and has helpers
// that talk to it.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "adapters/nats/connection.h"
#include "adapters/nats/jetstream_log.h"
#include "adapters/nats/session.h"
#include "adapters/nats_server/server_process.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"
#include "support/wait_until.h"

namespace harmonylite::test {

using nats::Connection;
using nats::ConnectionOptions;
using nats::JetStreamLogOptions;
using nats_server::ServerOptions;
using nats_server::ServerProcess;

constexpr int kTestFormat = 2;

class TestServer {
 public:
  TestServer() : logger_(STDERR_FILENO, LogFormat::kConsole, LogLevel::kError) {
    options_.store_dir = dir_.File("store");
    options_.server_name = "test-" + std::to_string(getpid());
  }

  ServerOptions& options() { return options_; }
  const TempDir& dir() const { return dir_; }
  Logger* logger() { return &logger_; }

  // Starts the server; later starts use the port of the first one.
  Status Start() {
    auto started = ServerProcess::Start(options_, &logger_);
    if (!started.ok()) return std::move(started).error();
    process_ = std::move(started).value();
    const std::string url = process_->client_url();
    options_.bind_address = "127.0.0.1" + url.substr(url.rfind(':'));
    return Ok();
  }
  void Stop() { process_.reset(); }
  ServerProcess& process() { return *process_; }
  std::string url() const { return process_->client_url(); }
  int port() const { return std::stoi(url().substr(url().rfind(':') + 1)); }

  ConnectionOptions Client() const { return ClientOf(url()); }
  static ConnectionOptions ClientOf(const std::string& url) {
    ConnectionOptions out;
    out.urls = {url};
    out.connect_retries = 0;
    out.reconnect_wait = std::chrono::milliseconds(50);
    return out;
  }
  static JetStreamLogOptions LogOptions() {
    JetStreamLogOptions out;
    out.format = kTestFormat;
    out.publish_timeout = std::chrono::milliseconds(2000);
    out.api_timeout = std::chrono::milliseconds(2000);
    return out;
  }

 private:
  TempDir dir_;  // Outlives the server process.
  Logger logger_;
  ServerOptions options_;
  std::unique_ptr<ServerProcess> process_;
};

inline Status DeleteStreamForTest(const std::shared_ptr<Connection>& connection,
                                  const std::string& stream) {
  HL_ASSIGN(const auto session, connection->Acquire());
  const natsStatus status = js_DeleteStream(session->js(), stream.c_str(), nullptr, nullptr);
  return status == NATS_OK ? Ok() : Status(nats::LibraryError(status, "deleting " + stream));
}

inline ports::PublishRequest Request(const Origin& origin, const std::string& id, uint64_t expected,
                                     std::string_view payload) {
  ports::PublishRequest out;
  out.subject = origin;
  out.message_id = id;
  out.expected_last = ports::LogSeq(expected);
  out.payload = payload;
  return out;
}

}  // namespace harmonylite::test
