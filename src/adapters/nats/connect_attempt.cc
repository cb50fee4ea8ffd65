#include "adapters/nats/connect_attempt.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "adapters/nats/client_options.h"
#include "adapters/nats/stray_sockets.h"
#include "base/logger.h"
#include "base/url.h"

namespace harmonylite::nats {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Time allowed beyond the library's own timeouts, for the parts of connecting that they do not
// cover.
constexpr milliseconds kGuardSlack{1000};
constexpr milliseconds kStopStep{50};
// libnats 3.4.1 drops a leading zero byte of a signature. One signature in 256 starts with a zero
// byte, and the server then refuses a key that is right. Another attempt signs another nonce, so it
// is likely to succeed.
constexpr int kSignedLogins = 4;

void OnError(natsConnection* connection, natsSubscription*, natsStatus status, void* closure) {
  const char* text = nullptr;
  natsConnection_GetLastError(connection, &text);
  (*static_cast<std::shared_ptr<SessionEvents>*>(closure))->AddError(status, text);
}

// This is the last callback of a connection; nothing refers to the closure after it.
void OnClosed(natsConnection*, void* closure) {
  auto* events = static_cast<std::shared_ptr<SessionEvents>*>(closure);
  (*events)->SetClosed();
  delete events;
}

// One attempt, shared by the thread that connects and the caller that waits for it. If the caller
// gives up first, the thread destroys the connection when it comes; otherwise the caller takes it.
struct Attempt {
  OptionsPtr options;
  std::shared_ptr<SessionEvents> events = std::make_shared<SessionEvents>();
  // Belongs to the connection once it stands. OnClosed() deletes it, or Run() if that fails to
  // connect.
  std::shared_ptr<SessionEvents>* closure = nullptr;

  std::mutex mutex;  // guards the members below
  std::condition_variable ended;
  bool done = false;
  bool abandoned = false;
  natsStatus status = NATS_OK;
  natsConnection* connection = nullptr;
  std::string detail;

  void Run() {
    natsConnection* made = nullptr;
    const natsStatus result = natsConnection_Connect(&made, options.get());
    natsStatus last = NATS_OK;
    const char* text = nats_GetLastError(&last);
    if (result != NATS_OK) delete closure;
    {
      const std::lock_guard lock(mutex);
      done = true;
      status = result;
      if (text != nullptr) detail = text;
      if (!abandoned) connection = std::exchange(made, nullptr);
    }
    ended.notify_all();
    if (made != nullptr) natsConnection_Destroy(made);
  }

  bool WaitFor(milliseconds guard, const std::atomic<bool>& stop) {
    const Clock::time_point deadline = Clock::now() + guard;
    std::unique_lock lock(mutex);
    while (!done && !stop && Clock::now() < deadline) ended.wait_for(lock, kStopStep);
    abandoned = !done;
    return done;
  }
};

Error ConnectError(const ConnectionOptions& options, const std::string& where, natsStatus status,
                   const std::string& detail) {
  switch (status) {
    case NATS_CONNECTION_AUTH_FAILED:
    case NATS_NOT_PERMITTED: {
      const std::string who =
          options.user_name.empty() ? "" : fmt::format(" of user \"{}\"", options.user_name);
      return MakeError(ErrorCode::kInvalidArgument,
                       "{} refused our login{}: check user_name, user_password, seed_file and "
                       "creds_file in [nats]",
                       where, who);
    }
    case NATS_SSL_ERROR:
      return MakeError(ErrorCode::kInvalidArgument,
                       "TLS with {} failed: {}: check [nats] ca_file, cert_file and key_file, and "
                       "that the server's certificate names this host",
                       where, detail);
    case NATS_SECURE_CONNECTION_WANTED:
      return MakeError(ErrorCode::kInvalidArgument,
                       "{} offers no TLS, but [nats] asks for it: enable it on the server, or use "
                       "nats:// without ca_file and cert_file",
                       where);
    case NATS_SECURE_CONNECTION_REQUIRED:
      return MakeError(ErrorCode::kInvalidArgument,
                       "{} accepts TLS only: use tls:// in [nats] urls", where);
    case NATS_NO_SERVER:
      return MakeError(ErrorCode::kRetryLater,
                       "no NATS server answers at {}: start it, or correct [nats] urls", where);
    case NATS_TIMEOUT:
      return MakeError(ErrorCode::kRetryLater,
                       "no NATS server answered in time at {}: is it one, and is it reachable?",
                       where);
    case NATS_INVALID_ARG:
    case NATS_ADDRESS_MISSING:
      return MakeError(ErrorCode::kInvalidArgument, "{} is not usable as a NATS address: {}", where,
                       detail);
    default:
      return MakeError(ErrorCode::kRetryLater, "connecting to {} failed: {}{}{}", where,
                       natsStatus_GetText(status), detail.empty() ? "" : ": ", detail);
  }
}

// Runs one attempt to its end, and returns it whether it succeeded or failed: its `status` says
// which. kRetryLater: it did not end in time, or `stop` was set. kInvalidArgument: an option cannot
// be used.
Result<std::shared_ptr<Attempt>> Attend(const ConnectionOptions& options,
                                        const std::vector<std::string>& urls,
                                        const std::atomic<bool>& stop) {
  auto attempt = std::make_shared<Attempt>();
  HL_ASSIGN(attempt->options, MakeClientOptions(options, urls));
  attempt->closure = new std::shared_ptr<SessionEvents>(attempt->events);
  natsOptions_SetErrorHandler(attempt->options.get(), OnError, attempt->closure);
  natsOptions_SetClosedCB(attempt->options.get(), OnClosed, attempt->closure);
  const StraySockets before;
  std::thread([attempt] { attempt->Run(); }).detach();

  const milliseconds guard =
      options.connect_timeout * static_cast<int64_t>(urls.size()) + kGuardSlack;
  if (attempt->WaitFor(guard, stop)) return attempt;
  before.ShutDownNewer(urls);  // ends the wait of the abandoned thread
  return ConnectError(options, ServersOfUrls(urls), NATS_TIMEOUT, {});
}

Result<std::shared_ptr<Session>> TryTogether(const ConnectionOptions& options,
                                             const std::vector<std::string>& urls,
                                             const std::atomic<bool>& stop) {
  const std::string where = ServersOfUrls(urls);
  HL_ASSIGN(std::shared_ptr<Attempt> attempt, Attend(options, urls, stop));
  const bool is_signed = !options.seed_file.empty() || !options.creds_file.empty();
  for (int made = 1;
       is_signed && made < kSignedLogins && attempt->status == NATS_CONNECTION_AUTH_FAILED;
       ++made) {
    HL_ASSIGN(attempt, Attend(options, urls, stop));
  }
  if (attempt->status != NATS_OK)
    return ConnectError(options, where, attempt->status, attempt->detail);
  jsCtx* js = nullptr;
  const natsStatus status = natsConnection_JetStream(&js, attempt->connection, nullptr);
  if (status == NATS_OK)
    return std::make_shared<Session>(attempt->connection, js, attempt->events, where);
  natsConnection_Destroy(attempt->connection);
  return ConnectError(options, where, status, {});
}

}  // namespace

Result<std::shared_ptr<Session>> ConnectOnce(const ConnectionOptions& options,
                                             const std::vector<std::string>& urls,
                                             const std::atomic<bool>& stop) {
  auto together = TryTogether(options, urls, stop);
  if (together.ok() || urls.size() < 2) return together;
  // With several servers the library says only "no server". Asking each one alone yields the real
  // reason, and one of them may accept the login after all.
  for (const std::string& url : urls) {
    if (stop) break;
    auto alone = TryTogether(options, {url}, stop);
    if (alone.ok() || alone.error().code() == ErrorCode::kInvalidArgument) return alone;
  }
  return together;
}

Status NormalizeUrls(ConnectionOptions* options) {
  if (options->urls.empty())
    return MakeError(ErrorCode::kInvalidArgument, "no NATS server is named: set [nats] urls");
  for (std::string& url : options->urls) {
    const bool has_scheme = url.find("://") != std::string::npos;
    if (has_scheme && !url.starts_with("nats://") && !IsTlsUrl(url))
      return MakeError(ErrorCode::kInvalidArgument,
                       "{}: only nats:// and tls:// addresses are supported in [nats] urls",
                       ServerOfUrl(url));
    UrlCredentials inside = TakeCredentials(&url);
    if (inside.user.empty() || !options->user_name.empty()) continue;
    options->user_name = std::move(inside.user);
    options->user_password = std::move(inside.password);
  }
  return Ok();
}

}  // namespace harmonylite::nats
