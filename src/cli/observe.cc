#include "cli/observe.h"

#include <algorithm>

#include "ops/health.h"
#include "ops/metrics.h"

namespace harmonylite::cli {

namespace {

const char* Word(node::HoldKind kind) {
  switch (kind) {
    case node::HoldKind::kMissing:
      return "missing";
    case node::HoldKind::kSchema:
      return "schema";
    case node::HoldKind::kClock:
      return "clock";
    case node::HoldKind::kRefused:
      return "refused";
    case node::HoldKind::kStale:
      return "stale";
  }
  return "";
}

std::optional<int64_t> IfAny(int64_t wall_ms) {
  return wall_ms == 0 ? std::nullopt : std::optional<int64_t>(wall_ms);
}

class StatusSource {
 public:
  StatusSource(const node::Node& node, const nats::Connection& connection,
               const hooks::Hooks* hooks, const Clock& clock)
      : node_(node),
        connection_(connection),
        hooks_(hooks),
        clock_(clock),
        started_ms_(clock.MonotonicMs()) {}

  ops::NodeStatus Now() const {
    const node::SharedState& shared = node_.shared();
    const node::AppliedState applied = shared.applied();
    const node::SentTotals sent = shared.sent();
    const nats::ConnectionState nats = connection_.state();
    ops::NodeStatus out;
    out.version = HARMONYLITE_VERSION;
    out.node_id = shared.self().node.value;
    out.uptime_s = (clock_.MonotonicMs() - started_ms_) / 1000;
    out.tables = applied.tables;
    out.schema_fingerprint = applied.schema_fingerprint;
    out.definitions = applied.definitions;
    out.nats_connected = nats.connected;
    out.nats_reconnects = nats.reconnects;
    out.database_error = shared.database_error();
    out.database_ok = out.database_error.empty();
    out.unsendable = shared.unsendable();
    out.caught_up = applied.caught_up;
    out.stalled = applied.stalled;
    out.resync_error = shared.resync_error();
    out.unreadable_snapshot = shared.unreadable_snapshot();
    out.unsent_changes = shared.unsent();
    out.orphans = applied.orphans;
    out.null_keys = applied.null_keys;
    out.left_out = applied.left_out;
    out.lost_children = applied.lost_children;
    for (const node::Hold& hold : applied.holds)
      out.waiting.push_back({hold.origin.node.value, Word(hold.kind), hold.reason});
    const node::SnapshotBoard& snapshots = node_.snapshots();
    out.snapshot_leader = snapshots.leading();
    if (const auto newest = snapshots.newest()) out.snapshot_made_ms = newest->manifest.made_ms;
    out.snapshot_error = snapshots.last_error();
    const node::Divergence divergence = shared.rows().divergence();
    out.join_problem = shared.rows().join_problem();
    out.divergence = divergence.text;
    out.divergent_tables = divergence.tables;
    out.damaged_rows = divergence.damaged_rows;
    out.last_compared_ms = IfAny(divergence.checked_wall_ms);
    out.last_sent_ms = IfAny(sent.last_wall_ms);
    out.last_applied_ms = IfAny(applied.totals.last_wall_ms);
    out.batches_sent = sent.batches;
    out.rows_sent = sent.rows;
    out.batches_applied = applied.totals.batches;
    out.rows_applied = applied.totals.rows;
    out.conflicts = applied.totals.conflicts;
    out.tombstones = applied.tombstones;
    out.tombstones_forgotten = applied.forgotten;
    const node::DoorCounts door = node_.door();
    out.behind_door = door.closed;
    out.forced = door.forced + door.opened;
    const node::FileIds ids = shared.file_ids().Get();
    if (ids.share) {
      out.id_slot = ids.share->slot;
      out.id_slot_claimed = ids.share->claimed;
    }
    out.id_blocks_left = ids.left_blocks;
    const node::ClaimedIds claimed = shared.claimed_ids().Get();
    out.id_problem = claimed.problem;
    out.id_slots_lost = claimed.lost_slots;
    if (hooks_ != nullptr)
      for (const hooks::HookState& hook : hooks_->states())
        out.hooks.push_back(
            {hook.number, hook.runs, hook.failures, hook.failure, hook.untold_rows});
    out.members = 1;
    for (const auto& [node, member] : shared.membership().members) {
      if (member.evicted)
        out.evicted.push_back(node.value);
      else
        ++out.members;
    }
    return out;
  }

 private:
  const node::Node& node_;
  const nats::Connection& connection_;
  const hooks::Hooks* hooks_;  // null: none are configured
  const Clock& clock_;
  int64_t started_ms_;
};

// Two addresses that ask for a free port get different ports, so they are never the same.
bool SameAddress(const config::ListenAddress& a, const config::ListenAddress& b) {
  return a.port > 0 && a.host == b.host && a.port == b.port;
}

struct Observed {
  const char* name;  // the table of the configuration
  ops::HttpRoute route;
};

Status Listen(const config::ListenAddress& bind, const std::vector<Observed>& observed,
              Logger* logger, Observers* out) {
  std::vector<ops::HttpRoute> routes;
  for (const Observed& one : observed) routes.push_back(one.route);
  auto server = ops::HttpServer::Start(bind.host, bind.port, std::move(routes));
  if (!server.ok()) return std::move(server).error().Wrap(observed[0].name);
  for (const Observed& one : observed)
    logger->Info("{} at http://{}:{}{}", one.name, bind.host.empty() ? "0.0.0.0" : bind.host,
                 (*server)->port(), one.route.path);
  out->push_back(std::move(*server));
  return Ok();
}

}  // namespace

Result<Observers> StartObservers(const config::Config& config, const node::Node& node,
                                 const nats::Connection& connection, const hooks::Hooks* hooks,
                                 const Clock& clock, Logger* logger) {
  const StatusSource source(node, connection, hooks, clock);
  const config::HealthCheckConfig& health = config.health_check;
  const config::PrometheusConfig& prometheus = config.prometheus;
  const Observed answers_health{
      "health_check",
      {health.path, [source, detailed = health.detailed] {
         const ops::HealthAnswer answer = ops::AnswerHealth(source.Now(), detailed);
         return ops::HttpAnswer{answer.http_status, "application/json", answer.body};
       }}};
  const Observed answers_metrics{
      "prometheus",
      {"/metrics", [source, prometheus] {
         return ops::HttpAnswer{
             200, ops::kMetricsType,
             ops::MetricsPage(source.Now(), prometheus.metric_namespace, prometheus.subsystem)};
       }}};
  Observers out;
  if (health.enable && prometheus.enable && SameAddress(health.bind, prometheus.bind)) {
    HL_TRY(Listen(health.bind, {answers_health, answers_metrics}, logger, &out));
    return out;
  }
  if (health.enable) HL_TRY(Listen(health.bind, {answers_health}, logger, &out));
  if (prometheus.enable) HL_TRY(Listen(prometheus.bind, {answers_metrics}, logger, &out));
  return out;
}

}  // namespace harmonylite::cli
