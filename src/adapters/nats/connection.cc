#include "adapters/nats/connection.h"

#include "adapters/nats/connect_attempt.h"
#include "adapters/nats/session.h"
#include "base/url.h"

namespace harmonylite::nats {

Connection::Connection(ConnectionOptions options) : options_(std::move(options)) {
  Status normalized = NormalizeUrls(&options_);
  if (!normalized.ok()) options_failure_ = std::move(normalized).error();
}

Connection::~Connection() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    if (session_) session_->events().Poke();
  }
  stopped_.notify_all();
  if (keeper_.joinable()) keeper_.join();
}

Result<std::shared_ptr<Connection>> Connection::Open(ConnectionOptions options) {
  auto connection = std::make_shared<Connection>(std::move(options));
  for (int attempt = 0;; ++attempt) {
    Status status = connection->EnsureConnected();
    if (status.ok()) return connection;
    const bool worth_repeating = status.error().code() == ErrorCode::kRetryLater;
    if (!worth_repeating || attempt >= connection->options_.connect_retries)
      return std::move(status).error();
    connection->Pause(connection->options_.reconnect_wait);
  }
}

Status Connection::EnsureConnected() {
  const std::lock_guard connecting(connecting_);
  if (Newest() != nullptr) {
    auto session = Acquire();
    return session.ok() ? Ok() : Status(std::move(session).error());
  }
  if (options_failure_) return options_failure_->Copy();
  HL_ASSIGN(auto session, ConnectOnce(options_, options_.urls, stop_));
  Adopt(std::move(session));
  keeper_ = std::thread([this] { KeepConnected(); });
  return Ok();
}

void Connection::Adopt(std::shared_ptr<Session> session) {
  auto servers = session->servers();
  const std::lock_guard lock(mutex_);
  if (session_) ++reconnects_;
  session_.swap(session);  // the old session is destroyed after the lock is released
  servers_ = std::move(servers);
  failure_.clear();
}

bool Connection::Pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, time, [this] { return stop_.load(); });
}

void Connection::KeepConnected() {
  while (!stop_) {
    Newest()->events().WaitClosed();
    while (!stop_) {
      auto session = ConnectOnce(options_, options_.urls, stop_);
      // Servers that joined the cluster after the configuration was written may be alive when the
      // configured ones are not.
      if (!session.ok() && session.error().code() == ErrorCode::kRetryLater) {
        std::vector<std::string> others;
        {
          const std::lock_guard lock(mutex_);
          others = servers_;
        }
        auto second = ConnectOnce(options_, others, stop_);
        if (second.ok()) session = std::move(second);
      }
      if (session.ok()) {
        Adopt(std::move(session).value());
        break;
      }
      {
        const std::lock_guard lock(mutex_);
        failure_code_ = session.error().code();
        failure_ = session.error().message();
      }
      if (!Pause(options_.reconnect_wait)) return;
    }
  }
}

std::shared_ptr<Session> Connection::Newest() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

Error Connection::DisconnectedError() const {
  const std::lock_guard lock(mutex_);
  if (!failure_.empty()) return MakeError(failure_code_, "{}", failure_);
  return MakeError(ErrorCode::kRetryLater, "not connected to {}", ServersOfUrls(options_.urls));
}

Result<std::shared_ptr<Session>> Connection::Acquire() {
  auto session = Newest();
  if (session && session->connected()) return session;
  return DisconnectedError();
}

ConnectionState Connection::state() const {
  const auto session = Newest();
  ConnectionState out;
  out.connected = session && session->connected();
  if (out.connected) out.url = session->connected_url();
  const std::lock_guard lock(mutex_);
  out.reconnects = reconnects_;
  return out;
}

std::string LibraryVersion() { return nats_GetVersion(); }

}  // namespace harmonylite::nats
