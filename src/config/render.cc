// Writes the effective configuration for the log.
#include "base/logger.h"
#include "base/url.h"
#include "config/config.h"

namespace harmonylite::config {
namespace {

const char* NameOf(FollowSchema follow) {
  switch (follow) {
    case FollowSchema::kOff:
      return "off";
    case FollowSchema::kAdditive:
      return "additive";
    case FollowSchema::kAll:
      return "all";
  }
  return "";
}

class Writer {
 public:
  void Table(std::string_view name) { out_ += fmt::format("\n[{}]\n", name); }
  void Text(std::string_view key, std::string_view text) {
    out_ += fmt::format("{} = \"{}\"\n", key, JsonEscape(text));
  }
  template <typename T>
  void Number(std::string_view key, T number) {
    out_ += fmt::format("{} = {}\n", key, number);  // also writes true and false
  }
  void Texts(std::string_view key, const std::vector<std::string>& texts) {
    std::string list;
    for (const auto& text : texts) {
      list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", JsonEscape(text));
    }
    out_ += fmt::format("{} = [{}]\n", key, list);
  }
  void Hidden(std::string_view key, const Secret& secret) {
    Text(key, secret.empty() ? "" : "***");
  }
  void Url(std::string_view key, const Secret& url) { Text(key, RedactUrl(url.reveal())); }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

void WriteSnapshot(const SnapshotConfig& snapshot, Writer* w) {
  w->Table("snapshot");
  w->Number("enabled", snapshot.enabled);
  w->Number("interval", snapshot.interval_ms);
  w->Number("leader_ttl", snapshot.leader_ttl_ms);
  w->Text("store", StoreName(snapshot.store));
  w->Number("keep", snapshot.keep);
  w->Table("snapshot.nats");
  w->Number("replicas", snapshot.nats.replicas);
  w->Text("bucket", snapshot.nats.bucket);
  w->Table("snapshot.s3");
  w->Text("endpoint", snapshot.s3.endpoint);
  w->Text("path", snapshot.s3.path);
  w->Text("bucket", snapshot.s3.bucket);
  w->Number("use_ssl", snapshot.s3.use_ssl);
  w->Hidden("access_key", snapshot.s3.access_key);
  w->Hidden("secret", snapshot.s3.secret);
  w->Hidden("session_token", snapshot.s3.session_token);
  w->Text("region", snapshot.s3.region);
  w->Number("force_path_style", snapshot.s3.force_path_style);
  w->Table("snapshot.webdav");
  w->Url("url", snapshot.webdav.url);
  w->Table("snapshot.sftp");
  w->Url("url", snapshot.sftp.url);
  w->Text("key_file", snapshot.sftp.key_file);
  w->Text("known_hosts_file", snapshot.sftp.known_hosts_file);
  w->Table("snapshot.file");
  w->Text("path", snapshot.file.path);
}

void WriteNats(const NatsConfig& nats, Writer* w) {
  std::vector<std::string> urls;
  for (const auto& url : nats.urls) urls.push_back(RedactUrl(url.reveal()));
  w->Table("nats");
  w->Texts("urls", urls);
  w->Text("bind_address", nats.bind_address.ToString());
  w->Text("server_config", nats.server_config);
  w->Text("server_binary", nats.server_binary);
  w->Text("subject_prefix", nats.subject_prefix);
  w->Text("stream_prefix", nats.stream_prefix);
  w->Text("seed_file", nats.seed_file);
  w->Text("user_name", nats.user_name);
  w->Hidden("user_password", nats.user_password);
  w->Text("ca_file", nats.ca_file);
  w->Text("cert_file", nats.cert_file);
  w->Text("key_file", nats.key_file);
  w->Text("creds_file", nats.creds_file);
  w->Number("connect_retries", nats.connect_retries);
  w->Number("reconnect_wait_seconds", nats.reconnect_wait_seconds);
}

void WriteOps(const Config& config, Writer* w) {
  w->Table("prometheus");
  w->Number("enable", config.prometheus.enable);
  w->Text("bind", config.prometheus.bind.ToString());
  w->Text("namespace", config.prometheus.metric_namespace);
  w->Text("subsystem", config.prometheus.subsystem);
  w->Table("logging");
  w->Number("verbose", config.logging.verbose);
  w->Text("format", config.logging.format == LogFormat::kJson ? "json" : "console");
  w->Table("health_check");
  w->Number("enable", config.health_check.enable);
  w->Text("bind", config.health_check.bind.ToString());
  w->Text("path", config.health_check.path);
  w->Number("detailed", config.health_check.detailed);
  w->Table("conflicts");
  w->Number("max_age_days", config.conflicts.max_age_days);
  w->Number("max_rows", config.conflicts.max_rows);
  w->Text("foreign_keys", config.conflicts.foreign_keys == OrphanRows::kHide ? "hide" : "report");
  w->Table("schema");
  w->Text("follow", NameOf(config.schema.follow));
  w->Number("code", config.schema.code);
  w->Table("verify");
  w->Number("interval", config.verify.interval_ms);
  w->Table("cluster");
  w->Text("first_join", config.cluster.first_join == FirstJoin::kAsk ? "ask" : "merge");
  w->Number("eviction_horizon_seconds", config.cluster.eviction_horizon_seconds);
  w->Table("ids");
  w->Number("share", config.ids.share);
  w->Number("block", config.ids.block);
  w->Number("slots", config.ids.slots);
}

// Arguments may be passwords.
void WriteHook(const HookConfig& hook, Writer* w) {
  w->Table("[hooks]");
  w->Texts("tables", hook.tables);
  std::vector<std::string> command(hook.command.size(), "***");
  if (!command.empty()) command[0] = hook.command[0];
  if (!command.empty()) w->Texts("command", command);
  if (command.empty()) w->Text("touch", hook.touch);
  w->Number("every", hook.every_ms);
  if (!command.empty()) w->Number("timeout", hook.timeout_ms);
}

}  // namespace

const char* StoreName(SnapshotStore store) {
  switch (store) {
    case SnapshotStore::kNats:
      return "nats";
    case SnapshotStore::kS3:
      return "s3";
    case SnapshotStore::kWebdav:
      return "webdav";
    case SnapshotStore::kSftp:
      return "sftp";
    case SnapshotStore::kFile:
      return "file";
  }
  return "unknown";
}

std::string RenderRedacted(const Config& config) {
  Writer w;
  w.Text("db_path", config.db_path);
  if (config.node_id) w.Text("node_id", std::to_string(*config.node_id));
  w.Text("seq_map_path", config.seq_map_path);
  w.Number("publish", config.publish);
  w.Number("replicate", config.replicate);
  w.Number("scan_max_changes", config.scan_max_changes);
  w.Number("cleanup_interval", config.cleanup_interval_ms);
  w.Number("sleep_timeout", config.sleep_timeout_ms);
  w.Number("polling_interval", config.polling_interval_ms);
  w.Number("max_clock_skew", config.max_clock_skew_ms);
  w.Table("tables");
  w.Texts("include", config.tables.include);
  w.Texts("exclude", config.tables.exclude);
  w.Texts("without_key", config.tables.without_key);
  w.Table("replication_log");
  w.Number("shards", config.replication_log.shards);
  w.Number("max_entries", config.replication_log.max_entries);
  w.Number("replicas", config.replication_log.replicas);
  w.Number("compress", config.replication_log.compress);
  w.Number("update_existing", config.replication_log.update_existing);
  WriteSnapshot(config.snapshot, &w);
  WriteNats(config.nats, &w);
  WriteOps(config, &w);
  for (const HookConfig& hook : config.hooks) WriteHook(hook, &w);
  return w.Take();
}

}  // namespace harmonylite::config
