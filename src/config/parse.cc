// Lists all keys, with their types and ranges.
#include "config/check.h"
#include "config/config.h"
#include "config/reader.h"

namespace harmonylite::config {
namespace {

constexpr int64_t kMaxMs = UINT32_MAX;  // the most that 1.x could hold: 49 days
constexpr int64_t kDayMs = 24 * 60 * 60 * 1000;
constexpr size_t kMaxHooks = 64;  // each has a thread

void ReadTop(TableReader& top, Config* config) {
  top.Text("db_path", &config->db_path);
  top.NodeId("node_id", &config->node_id);
  top.Text("seq_map_path", &config->seq_map_path);
  top.Boolean("publish", &config->publish);
  top.Boolean("replicate", &config->replicate);
  top.Integer("scan_max_changes", 1, UINT32_MAX, &config->scan_max_changes);
  top.Integer("cleanup_interval", 1, kMaxMs, &config->cleanup_interval_ms);
  top.Integer("sleep_timeout", 0, kMaxMs, &config->sleep_timeout_ms);
  top.Integer("polling_interval", 0, kMaxMs, &config->polling_interval_ms);
  top.Integer("max_clock_skew", 1, kDayMs, &config->max_clock_skew_ms);
}

void ReadTables(TableReader table, TablesConfig* out) {
  table.Texts("include", &out->include);
  table.Texts("exclude", &out->exclude);
  table.Texts("without_key", &out->without_key);
}

void ReadReplicationLog(TableReader table, ReplicationLogConfig* out) {
  table.Integer("shards", 1, 1024, &out->shards);
  table.Integer("max_entries", 1, INT64_MAX, &out->max_entries);
  table.Integer("replicas", 1, 5, &out->replicas);
  table.Boolean("compress", &out->compress);
  table.Boolean("update_existing", &out->update_existing);
}

void ReadS3(TableReader table, SnapshotS3Config* out) {
  table.Text("endpoint", &out->endpoint);
  table.Text("path", &out->path);
  table.Text("bucket", &out->bucket);
  table.Boolean("use_ssl", &out->use_ssl);
  table.SecretText("access_key", &out->access_key);
  table.SecretText("secret", &out->secret);
  table.SecretText("session_token", &out->session_token);
  table.Text("region", &out->region);
  table.Boolean("force_path_style", &out->force_path_style);
}

void ReadSnapshot(TableReader table, SnapshotConfig* out) {
  table.Boolean("enabled", &out->enabled);
  table.Integer("interval", 0, kMaxMs, &out->interval_ms);
  table.Integer("leader_ttl", 1000, kMaxMs, &out->leader_ttl_ms);
  table.OneOf<SnapshotStore>("store",
                             {{"nats", SnapshotStore::kNats},
                              {"s3", SnapshotStore::kS3},
                              {"webdav", SnapshotStore::kWebdav},
                              {"sftp", SnapshotStore::kSftp},
                              {"file", SnapshotStore::kFile}},
                             &out->store);
  table.Integer("keep", 1, 1000, &out->keep);
  TableReader nats = table.Table("nats");
  nats.Integer("replicas", 1, 5, &out->nats.replicas);
  nats.Text("bucket", &out->nats.bucket);
  ReadS3(table.Table("s3"), &out->s3);
  table.Table("webdav").SecretUrl("url", &out->webdav.url);
  TableReader sftp = table.Table("sftp");
  sftp.SecretUrl("url", &out->sftp.url);
  sftp.Text("key_file", &out->sftp.key_file);
  sftp.Text("known_hosts_file", &out->sftp.known_hosts_file);
  table.Table("file").Text("path", &out->file.path);
}

void ReadNats(TableReader table, NatsConfig* out) {
  table.SecretUrls("urls", &out->urls);
  table.Listen("bind_address", true, &out->bind_address);
  table.Text("server_config", &out->server_config);
  table.Text("server_binary", &out->server_binary);
  table.Text("subject_prefix", &out->subject_prefix);
  table.Text("stream_prefix", &out->stream_prefix);
  table.Text("seed_file", &out->seed_file);
  table.Text("user_name", &out->user_name);
  table.SecretText("user_password", &out->user_password);
  table.Text("ca_file", &out->ca_file);
  table.Text("cert_file", &out->cert_file);
  table.Text("key_file", &out->key_file);
  table.Text("creds_file", &out->creds_file);
  table.Integer("connect_retries", 0, 1'000'000, &out->connect_retries);
  table.Integer("reconnect_wait_seconds", 0, 86'400, &out->reconnect_wait_seconds);
}

void ReadOps(TableReader& top, Config* config) {
  TableReader prometheus = top.Table("prometheus");
  prometheus.Boolean("enable", &config->prometheus.enable);
  prometheus.Listen("bind", true, &config->prometheus.bind);
  prometheus.Text("namespace", &config->prometheus.metric_namespace);
  prometheus.Text("subsystem", &config->prometheus.subsystem);
  TableReader logging = top.Table("logging");
  logging.Boolean("verbose", &config->logging.verbose);
  logging.OneOf<LogFormat>("format", {{"console", LogFormat::kConsole}, {"json", LogFormat::kJson}},
                           &config->logging.format);
  TableReader health = top.Table("health_check");
  health.Boolean("enable", &config->health_check.enable);
  health.Listen("bind", true, &config->health_check.bind);
  health.Text("path", &config->health_check.path);
  health.Boolean("detailed", &config->health_check.detailed);
  TableReader conflicts = top.Table("conflicts");
  conflicts.Integer("max_age_days", 1, 36'500, &config->conflicts.max_age_days);
  conflicts.Integer("max_rows", 1, INT64_MAX, &config->conflicts.max_rows);
  conflicts.OneOf<OrphanRows>("foreign_keys",
                              {{"report", OrphanRows::kReport}, {"hide", OrphanRows::kHide}},
                              &config->conflicts.foreign_keys);
  TableReader schema = top.Table("schema");
  schema.OneOf<FollowSchema>("follow",
                             {{"off", FollowSchema::kOff},
                              {"additive", FollowSchema::kAdditive},
                              {"all", FollowSchema::kAll}},
                             &config->schema.follow);
  schema.Boolean("code", &config->schema.code);
  top.Table("verify").Integer("interval", 0, INT64_MAX, &config->verify.interval_ms);
  TableReader cluster = top.Table("cluster");
  cluster.OneOf<FirstJoin>("first_join", {{"merge", FirstJoin::kMerge}, {"ask", FirstJoin::kAsk}},
                           &config->cluster.first_join);
  cluster.Integer("eviction_horizon_seconds", 1, 3'153'600'000,
                  &config->cluster.eviction_horizon_seconds);
  TableReader ids = top.Table("ids");
  ids.Boolean("share", &config->ids.share);
  ids.PowerOfTwo("block", 4, int64_t{1} << 32, &config->ids.block);
  ids.PowerOfTwo("slots", 2, int64_t{1} << 16, &config->ids.slots);
}

void ReadHook(TableReader table, HookConfig* out) {
  table.Texts("tables", &out->tables);
  table.Arguments("command", &out->command);
  table.Text("touch", &out->touch);
  table.Integer("every", 1, kMaxMs, &out->every_ms);
  table.Integer("timeout", 1, kMaxMs, &out->timeout_ms);
}

Config ReadAll(Findings* findings, const TomlValue& root) {
  Config config;
  TableReader top = findings->Root(root);
  ReadTop(top, &config);
  ReadTables(top.Table("tables"), &config.tables);
  ReadReplicationLog(top.Table("replication_log"), &config.replication_log);
  ReadSnapshot(top.Table("snapshot"), &config.snapshot);
  ReadNats(top.Table("nats"), &config.nats);
  ReadOps(top, &config);
  top.Tables("hooks", kMaxHooks, &config.hooks, ReadHook);
  return config;
}

}  // namespace

Result<Config> ParseConfig(std::string_view text, const std::string& path) {
  Findings findings(path.empty() ? "config" : path);
  HL_ASSIGN(const TomlValue root, ParseToml(text, findings.path()));
  Config config = ReadAll(&findings, root);
  findings.CheckUnknown();
  FillIn(findings, &config);
  CheckTogether(config, &findings);
  if (std::string errors = findings.ErrorText(); !errors.empty()) {
    return Error(ErrorCode::kInvalidArgument, std::move(errors));
  }
  Warn(config, &findings);
  config.warnings = findings.warnings();
  config.literal_secrets = findings.literal_secrets();
  return config;
}

std::vector<std::string> KnownKeys() {
  Findings findings("");
  const TomlValue empty;
  ReadAll(&findings, empty);
  return findings.KnownKeys();
}

}  // namespace harmonylite::config
