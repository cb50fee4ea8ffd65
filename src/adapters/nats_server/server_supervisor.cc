#include "adapters/nats_server/server_supervisor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/url.h"

namespace harmonylite::nats_server {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kGrace{2000};    // between SIGTERM and SIGKILL
constexpr milliseconds kStartStep{20};  // between two looks at a server that starts
// Only a limit: output of the server, or its end, ends the wait early.
constexpr milliseconds kWatchStep{1000};
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{5000};
constexpr milliseconds kHealthyAfter{10000};  // a server that ran for so long resets the pause
constexpr size_t kSaidLines = 8;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream out;
  out << file.rdbuf();
  return out.str();
}

Status Copy(const Status& status) {
  if (status.ok()) return Ok();
  return status.error().Copy();
}

}  // namespace

ServerSupervisor::ServerSupervisor(ServerOptions options, Logger* logger)
    : options_(std::move(options)),
      logger_(logger),
      warnings_(ServerWarnings(options_)),
      wake_fd_(eventfd(0, EFD_CLOEXEC)) {}

ServerSupervisor::~ServerSupervisor() {
  Stop();
  close(wake_fd_);
}

Status ServerSupervisor::Start() {
  {
    const std::lock_guard lock(stop_mutex_);
    thread_ = std::thread([this] { Main(); });
  }
  std::unique_lock lock(mutex_);
  started_.wait(lock, [this] { return start_result_.has_value(); });
  return Copy(*start_result_);
}

void ServerSupervisor::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = write(wake_fd_, &one, sizeof one);
  const std::lock_guard lock(stop_mutex_);
  if (thread_.joinable()) thread_.join();
}

ServerSupervisor::State ServerSupervisor::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool ServerSupervisor::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void ServerSupervisor::Pause(milliseconds time) {
  pollfd fd{wake_fd_, POLLIN, 0};
  poll(&fd, 1, static_cast<int>(time.count()));
}

void ServerSupervisor::ReportStart(Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (start_result_) return;
    start_result_.emplace(std::move(status));
  }
  started_.notify_all();
}

void ServerSupervisor::SetRunning(pid_t pid, bool ready) {
  const std::lock_guard lock(mutex_);
  state_.pid = pid;
  state_.running = ready;
}

// Runs the server until Stop(). If the first start fails, Start() returns the failure and nothing
// is tried again, because the operator is there to correct it. After that, every end of the server
// leads to another start. The pause before it doubles from kFirstPause to kLongestPause, and begins
// anew after a server that ran for kHealthyAfter.
void ServerSupervisor::Main() {
  Status prepared = Prepare();
  if (!prepared.ok()) return ReportStart(std::move(prepared));
  milliseconds pause = kFirstPause;
  bool first = true;
  while (!stopping()) {
    const Clock::time_point began = Clock::now();
    auto child = Spawn();
    Status ready = child.ok() ? AwaitReady(&*child, began + options_.ready_timeout)
                              : Status(std::move(child).error());
    if (ready.ok()) {
      ReportStart(Ok());
      Watch(&*child);  // NOLINT(bugprone-use-after-move): only an error was moved
    }
    if (child.ok()) {
      if (stopping() || first || !ready.ok()) child->End(kGrace);
      SetRunning(-1, false);
    }
    if (first && !ready.ok()) return ReportStart(std::move(ready));
    first = false;
    if (stopping()) break;
    if (Clock::now() - began > kHealthyAfter) pause = kFirstPause;
    const std::string why =
        ready.ok() ? "nats-server ended: " + child->how_it_ended() : ready.error().message();
    logger_->Warning("{}; starting it again in {} ms", why, pause.count());
    Pause(pause);
    pause = std::min(2 * pause, kLongestPause);
    const std::lock_guard lock(mutex_);
    ++state_.restarts;
  }
}

Status ServerSupervisor::Prepare() {
  if (options_.server_name.empty() || options_.store_dir.empty())
    return MakeError(ErrorCode::kInvalidArgument, "nats-server needs a name and a store folder");
  HL_ASSIGN(binary_, FindServer(options_.binary));
  HL_TRY(FindVersion(binary_));
  HL_ASSIGN(const auto bind, BindAddress(options_.bind_address));
  host_ = bind.first;
  port_ = bind.second;
  if (!options_.server_config.empty() && port_ == -1 && options_.bind_address.starts_with(':'))
    pass_host_ = !SetsListen(ReadFile(options_.server_config));
  HL_TRY(PrepareStoreDir(options_.store_dir));
  return LockStore();
}

Status ServerSupervisor::FindVersion(const std::string& binary) {
  HL_ASSIGN(ChildProcess child, ChildProcess::Spawn({.argv = {binary, "--version"}}));
  std::vector<std::string> lines;
  const Clock::time_point deadline = Clock::now() + milliseconds(5000);
  while (child.ReadLines(kStartStep, wake_fd_, &lines) && Clock::now() < deadline && !stopping()) {
  }
  for (const std::string& line : lines) {
    const auto version = ParseServerVersion(line);
    if (!version || !line.starts_with("nats-server")) continue;
    version_ = *version;
    const std::lock_guard lock(mutex_);
    state_.version = fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
    return Ok();
  }
  return MakeError(ErrorCode::kInvalidArgument,
                   "{} is not a nats-server: it does not say its version", binary);
}

// Waits for the lock, because an orphaned server of a killed predecessor may still be shutting
// down.
Status ServerSupervisor::LockStore() {
  const Clock::time_point deadline = Clock::now() + options_.ready_timeout;
  while (true) {
    auto lock = StoreLock::Take(options_.store_dir);
    if (lock.ok()) {
      lock_ = std::move(lock).value();
      return Ok();
    }
    const bool held = lock.error().code() == ErrorCode::kRetryLater;
    if (!held || Clock::now() >= deadline || stopping()) return std::move(lock).error();
    Pause(milliseconds(50));
  }
}

std::vector<std::string> ServerSupervisor::Arguments() const {
  std::vector<std::string> out = {binary_, "-c", options_.store_dir + "/nats-server.conf"};
  if (pass_host_) out.insert(out.end(), {"-a", host_});
  if (pass_host_ || port_ != -1) out.insert(out.end(), {"-p", std::to_string(port_)});
  return out;
}

Result<ChildProcess> ServerSupervisor::Spawn() {
  RemovePortsFiles(options_.store_dir);
  said_.clear();
  // Host names may have other addresses than at the last start, so routes are expanded at every
  // start.
  HL_ASSIGN(const std::string config,
            MakeServerConfig(options_, version_, ExpandRoutes(options_.cluster_peers)));
  HL_TRY(WritePrivateFile(options_.store_dir + "/nats-server.conf", config));
  auto child = ChildProcess::Spawn({.argv = Arguments(), .inherit_fd = lock_.fd()});
  if (child.ok()) SetRunning(child->pid(), false);
  return child;
}

bool ServerSupervisor::Pump(ChildProcess* child, milliseconds wait) {
  std::vector<std::string> lines;
  const bool open = child->ReadLines(wait, wake_fd_, &lines);
  for (const std::string& line : lines) {
    const ServerLine parsed = ParseServerLine(line);
    logger_->Write(parsed.level, fmt::format("nats-server: {}", parsed.text));
    if (parsed.marked && parsed.level < LogLevel::kWarning) continue;
    said_.emplace_back(parsed.text);
    if (said_.size() > kSaidLines) said_.pop_front();
  }
  return open;
}

Status ServerSupervisor::AwaitReady(ChildProcess* child, Clock::time_point deadline) {
  while (!stopping()) {
    const bool ended = child->HasEnded();
    // HasEnded() is asked before Pump() reads, so that the last words of an ended child are read.
    if (!Pump(child, kStartStep) || ended) {
      child->End(kGrace);
      return StartError(*child);
    }
    if (LooksReady(*child)) return Ok();
    if (Clock::now() >= deadline)
      return MakeError(ErrorCode::kRetryLater, "nats-server was not ready after {} ms",
                       options_.ready_timeout.count());
  }
  return MakeError(ErrorCode::kRetryLater, "nats-server was stopped while it started");
}

// The server writes its ports file once it accepts connections.
bool ServerSupervisor::LooksReady(const ChildProcess& child) {
  const std::string name = std::filesystem::path(binary_).filename().string();
  const std::string ports =
      ReadFile(fmt::format("{}/{}_{}.ports", options_.store_dir, name, child.pid()));
  const auto url = ClientUrlOfPorts(ports, host_);
  if (!url) return false;
  const auto address = ParseHostPort(url->substr(url->find("://") + 3));
  if (!address.ok()) return false;
  port_ = address->port;
  const std::lock_guard lock(mutex_);
  state_.client_url = *url;
  state_.running = true;
  return true;
}

void ServerSupervisor::Watch(ChildProcess* child) {
  while (!stopping() && Pump(child, kWatchStep) && !child->HasEnded()) {
  }
  if (stopping()) return;
  // The output ends a moment before the process does.
  child->End(kGrace);
}

Error ServerSupervisor::StartError(const ChildProcess& child) const {
  std::string words;
  for (const std::string& line : said_) words += (words.empty() ? "" : "; ") + line;
  if (words.find("address already in use") != std::string::npos)
    return MakeError(ErrorCode::kInvalidArgument,
                     "nats-server cannot listen, the address is in use (bind_address {}{}{}): {}",
                     options_.bind_address, options_.cluster_address.empty() ? "" : ", cluster ",
                     options_.cluster_address, words);
  return MakeError(ErrorCode::kInvalidArgument, "nats-server did not start ({}): {}{}",
                   child.how_it_ended(), words.empty() ? "it said nothing" : words,
                   options_.server_config.empty()
                       ? ""
                       : fmt::format(". Check [nats] server_config, {}", options_.server_config));
}

}  // namespace harmonylite::nats_server
