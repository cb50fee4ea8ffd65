#include "ops/health.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

namespace harmonylite::ops {

namespace {

using nlohmann::json;

json Timestamp(const std::optional<int64_t>& wall_ms) {
  if (!wall_ms) return nullptr;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z",
                     fmt::gmtime(static_cast<std::time_t>(*wall_ms / 1000)));
}

// Returns whether only the operator can end the wait. Missing changes are repaired, and a sender
// that did not know of forgotten deletes sends its changes again, both without help.
bool NeedsOperator(const WaitingChanges& waiting) {
  return waiting.kind != "missing" && waiting.kind != "stale";
}

std::vector<std::string> Reasons(const NodeStatus& status) {
  std::vector<std::string> out;
  if (!status.nats_connected)
    out.push_back("NATS is out of reach; changes are kept and sent later");
  if (!status.database_ok)
    out.push_back("the database cannot be written: " + status.database_error);
  if (!status.unsendable.empty())
    out.push_back("no change of this node is sent: " + status.unsendable);
  if (!status.stalled.empty())
    out.push_back("changes of other nodes cannot be taken at the moment (blocked): " +
                  status.stalled);
  if (!status.join_problem.empty()) out.push_back(status.join_problem);
  if (!status.divergence.empty())
    out.push_back(
        status.divergence +
        ": run 'harmonylite verify' to list them, or 'harmonylite verify --repair' to repair them");
  if (!status.resync_error.empty())
    out.push_back("a snapshot cannot be merged with this database: " + status.resync_error);
  if (!status.unreadable_snapshot.empty()) out.push_back(status.unreadable_snapshot);
  for (const WaitingChanges& waiting : status.waiting)
    if (NeedsOperator(waiting))
      out.push_back(fmt::format("changes of node {} wait: {}", waiting.node, waiting.reason));
  return out;
}

}  // namespace

HealthAnswer AnswerHealth(const NodeStatus& status, bool detailed) {
  const std::vector<std::string> reasons = Reasons(status);
  HealthAnswer answer;
  answer.http_status = reasons.empty() ? 200 : 503;
  if (!detailed) return answer;
  json waiting = json::array();
  bool paused = false;
  std::string paused_why;
  for (const WaitingChanges& one : status.waiting) {
    waiting.push_back({{"node", one.node}, {"kind", one.kind}, {"reason", one.reason}});
    if (one.kind != "schema" || paused) continue;
    paused = true;
    paused_why = one.reason;
  }
  json schema = {{"hash", fmt::format("{:016x}", status.schema_fingerprint)},
                 {"definitions", fmt::format("{:016x}", status.definitions)},
                 {"paused", paused}};
  if (paused) schema["reason"] = paused_why;
  json snapshot = {{"leader", status.snapshot_leader},
                   {"newest_timestamp", Timestamp(status.snapshot_made_ms)}};
  if (!status.snapshot_error.empty()) snapshot["error"] = status.snapshot_error;
  json ids = {{"slot", status.id_slot ? json(*status.id_slot) : json(nullptr)},
              {"claimed", status.id_slot_claimed}};
  if (!status.id_problem.empty()) ids["problem"] = status.id_problem;
  json hooks = json::array();
  for (const HookStatus& one : status.hooks) {
    hooks.push_back({{"hook", one.number},
                     {"runs", one.runs},
                     {"failures", one.failures},
                     {"untold_rows", one.untold_rows}});
    if (!one.failure.empty()) hooks.back()["error"] = one.failure;
  }
  const json body = {{"status", reasons.empty() ? "healthy" : "unhealthy"},
                     {"reasons", reasons},
                     {"node_id", status.node_id},
                     {"version", status.version},
                     {"uptime_seconds", status.uptime_s},
                     {"db_connected", status.database_ok},
                     {"nats_connected", status.nats_connected},
                     // Always true: a node whose triggers are not in place does not start.
                     {"cdc_installed", true},
                     {"tables_tracked", status.tables},
                     {"caught_up", status.caught_up},
                     {"members", status.members},
                     {"evicted", status.evicted},
                     {"unsent_changes", status.unsent_changes},
                     {"orphan_rows", status.orphans},
                     {"null_key_rows", status.null_keys},
                     {"tables_left_out", status.left_out},
                     {"lost_children", status.lost_children},
                     {"last_published_event_timestamp", Timestamp(status.last_sent_ms)},
                     {"last_replicated_event_timestamp", Timestamp(status.last_applied_ms)},
                     {"schema", schema},
                     {"waiting", waiting},
                     {"ids", ids},
                     {"hooks", hooks},
                     {"snapshot", snapshot}};
  answer.body = body.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  return answer;
}

}  // namespace harmonylite::ops
