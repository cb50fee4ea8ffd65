#include "ops/metrics.h"

#include <fmt/format.h>

#include <map>

namespace harmonylite::ops {

namespace {

class Page {
 public:
  explicit Page(std::string prefix) : prefix_(std::move(prefix)) {}

  template <typename Number>
  void Add(const char* type, const char* name, const char* help, Number value,
           const std::string& labels = {}) {
    Head(type, name, help);
    Sample(name, labels, value);
  }
  void Head(const char* type, const char* name, const char* help) {
    text_ += fmt::format("# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", prefix_, name, help, type);
  }
  template <typename Number>
  void Sample(const char* name, const std::string& labels, Number value) {
    text_ +=
        fmt::format("{}{}{} {}\n", prefix_, name, labels.empty() ? "" : "{" + labels + "}", value);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string prefix_;
  std::string text_;
};

// Returns the text as the value of a label may hold it.
std::string LabelValue(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? "\\n" : std::string(1, c);
  }
  return out;
}

std::string Prefix(const std::string& name_space, const std::string& subsystem) {
  std::string out;
  for (const std::string* part : {&name_space, &subsystem})
    if (!part->empty()) out += *part + "_";
  return out;
}

void AddHooks(const std::vector<HookStatus>& hooks, Page* page) {
  const auto add = [&](const char* type, const char* name, const char* help, auto value) {
    page->Head(type, name, help);
    for (const HookStatus& one : hooks)
      page->Sample(name, fmt::format("hook=\"{}\"", one.number), value(one));
  };
  add("counter", "hook_runs_total", "Runs of a hook that succeeded.",
      [](const HookStatus& one) { return one.runs; });
  add("counter", "hook_failures_total", "Runs of a hook that failed.",
      [](const HookStatus& one) { return one.failures; });
  add("gauge", "hook_failing", "1 when the newest run of a hook failed.",
      [](const HookStatus& one) { return int{!one.failure.empty()}; });
  add("gauge", "hook_untold_rows", "Rows that no successful run of a hook was told of yet.",
      [](const HookStatus& one) { return one.untold_rows; });
}

}  // namespace

std::string MetricsPage(const NodeStatus& status, const std::string& name_space,
                        const std::string& subsystem) {
  Page page(Prefix(name_space, subsystem));
  constexpr const char* kCounter = "counter";
  constexpr const char* kGauge = "gauge";
  page.Add(kGauge, "info", "1; the labels say who this is.", 1,
           fmt::format("node=\"{}\",version=\"{}\"", status.node_id, status.version));
  page.Add(kGauge, "uptime_seconds", "Since the sidecar was started.", status.uptime_s);
  page.Add(kGauge, "nats_connected", "1 while connected to NATS.", int{status.nats_connected});
  page.Add(kCounter, "nats_reconnects_total", "Connections to NATS that were lost and made again.",
           status.nats_reconnects);
  page.Add(kGauge, "database_writable", "1 unless the newest write to the database failed.",
           int{status.database_ok});
  page.Add(kGauge, "tables", "Tables that are replicated.", status.tables);
  page.Add(kGauge, "tables_left_out",
           "Tables that are not replicated although nobody left them out.", status.left_out.size());
  page.Add(kGauge, "caught_up", "1 when nothing in the log is waiting to be read.",
           int{status.caught_up});
  page.Add(kGauge, "unsent_changes", "Changes of this node that are not in the log yet.",
           status.unsent_changes);
  page.Add(kGauge, "orphan_rows", "Rows whose foreign key names no row, in their tables or hidden.",
           status.orphans);
  page.Head(kGauge, "null_key_rows",
            "Rows that are on no other node because of NULL in their keys.");
  for (const auto& [table, rows] : status.null_keys)
    page.Sample("null_key_rows", "table=\"" + LabelValue(table) + "\"", rows);
  page.Head(kGauge, "lost_children",
            "Rows that refer to another node's row, because theirs lost its id to it.");
  for (const auto& [table, rows] : status.lost_children)
    page.Sample("lost_children", "table=\"" + LabelValue(table) + "\"", rows);
  page.Add(kCounter, "batches_sent_total", "Batches put into the log.", status.batches_sent);
  page.Add(kCounter, "rows_sent_total", "Rows in them.", status.rows_sent);
  page.Add(kCounter, "batches_applied_total", "Batches of other nodes that were applied.",
           status.batches_applied);
  page.Add(kCounter, "rows_applied_total", "Rows in them.", status.rows_applied);
  page.Add(kCounter, "conflicts_total",
           "Writes met here that did not know each other; the loser of each is kept.",
           status.conflicts);
  page.Add(kGauge, "joined", "0 while it is not settled whose rows from before HarmonyLite count.",
           int{status.join_problem.empty()});
  page.Add(kGauge, "divergence_tables",
           "Tables that differ from another node's at the same progress.", status.divergent_tables);
  page.Add(kGauge, "divergence_damaged_rows", "Rows of this node that are not what was written.",
           status.damaged_rows);
  if (status.last_compared_ms)
    page.Add(kGauge, "divergence_checked_timestamp_seconds",
             "When rows were last compared with other nodes'.",
             static_cast<double>(*status.last_compared_ms) / 1000);
  page.Add(kGauge, "members", "Nodes heard of within the eviction horizon, this one included.",
           status.members);
  page.Add(kGauge, "members_evicted", "Nodes that were silent for longer.", status.evicted.size());
  page.Add(kGauge, "tombstones", "Versions of deleted rows that are kept, as of the last count.",
           status.tombstones);
  page.Add(kCounter, "tombstones_forgotten_total",
           "Versions of deleted rows that every member has applied.", status.tombstones_forgotten);
  page.Add(kCounter, "transactions_behind_door_total",
           "Own write transactions that met no transaction of the application.",
           status.behind_door);
  page.Add(kCounter, "transactions_forced_total",
           "Own write transactions that could not wait until the application was in none.",
           status.forced);
  page.Add(kGauge, "id_slot", "The slot of ids that this node gives out; -1: it has none.",
           status.id_slot.value_or(-1));
  page.Add(kGauge, "id_slot_claimed", "1 when the registry names this node as the slot's holder.",
           int{status.id_slot_claimed});
  page.Add(kCounter, "id_blocks_left_total",
           "Transactions of the application that gave out ids beyond this node's block.",
           status.id_blocks_left);
  page.Add(kCounter, "id_slots_lost_total", "Slots of ids that the registry said another node has.",
           status.id_slots_lost);
  if (status.last_sent_ms)
    page.Add(kGauge, "last_sent_timestamp_seconds", "When a batch was last put into the log.",
             static_cast<double>(*status.last_sent_ms) / 1000);
  if (status.last_applied_ms)
    page.Add(kGauge, "last_applied_timestamp_seconds", "When a batch was last applied.",
             static_cast<double>(*status.last_applied_ms) / 1000);
  if (status.snapshot_made_ms)
    page.Add(kGauge, "snapshot_timestamp_seconds",
             "When the newest snapshot in the store was made.",
             static_cast<double>(*status.snapshot_made_ms) / 1000);
  page.Add(kGauge, "snapshot_leader", "1 on the node that makes snapshots.",
           int{status.snapshot_leader});
  page.Add(kGauge, "snapshot_failing",
           "1 when this node's newest attempt to make a snapshot failed.",
           int{!status.snapshot_error.empty()});

  AddHooks(status.hooks, &page);
  std::map<std::string, int> waiting{
      {"missing", 0}, {"schema", 0}, {"clock", 0}, {"refused", 0}, {"stale", 0}};
  for (const WaitingChanges& one : status.waiting) ++waiting[one.kind];
  page.Head(kGauge, "waiting", "Reasons for which changes of other nodes wait, by kind.");
  for (const auto& [kind, count] : waiting)
    page.Sample("waiting", fmt::format("kind=\"{}\"", kind), count);
  return page.Take();
}

}  // namespace harmonylite::ops
