#include "cli/row_client.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace harmonylite::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::milliseconds kPoll{50};
// Nodes look for questions every second; whoever has not begun to answer by then is not there, or is older.
constexpr int64_t kBeginMs = 8'000;
constexpr int64_t kAnswerMs = 600'000;
// By its own clock against ours: a clock that is further off holds changes back anyway.
constexpr int64_t kHeardMs = 15'000;

}  // namespace

Result<std::vector<std::string>> ServerUrls(const config::Config& config) {
  std::vector<std::string> out;
  if (!config.nats.embedded()) {
    for (const config::Secret& url : config.nats.urls) out.push_back(url.reveal());
    return out;
  }
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(fs::absolute(config.db_path).string() + "-harmonylite", error)) {
    if (entry.path().extension() != ".ports") continue;
    std::ifstream file(entry.path());
    const auto ports = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
    if (!ports.is_object() || !ports.contains("nats") || !ports["nats"].is_array()) continue;
    for (const auto& url : ports["nats"])
      if (url.is_string()) out.push_back(url.get<std::string>());
  }
  if (out.empty())
    return MakeError(ErrorCode::kRetryLater,
                     "the embedded nats-server of this node does not run: start the node first");
  return out;
}

RowClient::RowClient(log::MetaStore* store, const Clock* clock)
    : store_(store), clock_(clock), random_(std::random_device{}()) {}

Result<LiveNodes> RowClient::Nodes() {
  HL_ASSIGN(const auto entries, store_->List(node::kHeartbeatPrefix));
  LiveNodes out;
  for (const auto& [key, entry] : entries) {
    const auto heartbeat = node::DecodeHeartbeat(entry.value);
    if (!heartbeat.ok()) continue;
    const int64_t silent = clock_->WallMs() - heartbeat->wall_ms;
    if (silent < kHeardMs)
      out.live.insert(heartbeat->origin.node);
    else
      out.away[heartbeat->origin.node] = silent;
  }
  return out;
}

Result<std::map<NodeId, node::VerifyAnswer>> RowClient::Ask(node::VerifyRequest request,
                                                            const std::set<NodeId>& nodes) {
  request.id = fmt::format("c{:016x}", random_());
  const std::string key = node::VerifyRequestKey(request.id);
  HL_ASSIGN(const uint64_t revision, store_->Put(key, node::EncodeVerifyRequest(request)));
  (void)revision;
  const int64_t began = clock_->MonotonicMs();
  std::map<NodeId, node::VerifyAnswer> answers;
  while (true) {
    auto entries = store_->List(node::kVerifyPrefix);
    if (!entries.ok()) return std::move(entries).error();
    node::VerifyReplies replies = node::CollectReplies(*entries, request.id);
    const int64_t waited = clock_->MonotonicMs() - began;
    const bool all = std::all_of(nodes.begin(), nodes.end(), [&](NodeId node) {
      if (replies.answers.contains(node)) return true;
      const bool works =
          std::find(replies.working.begin(), replies.working.end(), node) != replies.working.end();
      return waited > (works ? kAnswerMs : kBeginMs);
    });
    if (all) {
      answers = std::move(replies.answers);
      break;
    }
    std::this_thread::sleep_for(kPoll);
  }
  HL_TRY(store_->Delete(key));
  return answers;
}

}  // namespace harmonylite::cli
