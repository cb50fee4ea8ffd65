// The configuration file as validated values. Every key and its meaning: docs/configuration.md.
//
// Files of HarmonyLite 1.x are accepted unchanged. Values here have passed every check that needs
// no network and no database; defaults are filled in. Threads: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/logger.h"
#include "base/result.h"
#include "config/address.h"
#include "config/secret.h"

namespace harmonylite::config {

// Which tables are replicated: patterns as in glob.h.
struct TablesConfig {
  std::vector<std::string> include;      // empty: all
  std::vector<std::string> exclude;      // wins over include
  std::vector<std::string> without_key;  // replicated by rowid when they have no key at all
};

struct ReplicationLogConfig {
  int64_t shards = 1;  // accepted; one stream is used
  int64_t max_entries = 1'000'000;
  int replicas = 1;
  bool compress = true;
  bool update_existing = false;
};

enum class SnapshotStore { kNats, kS3, kWebdav, kSftp, kFile };

struct SnapshotNatsConfig {
  int replicas = 1;
  std::string bucket;  // filled in: <stream_prefix>-snapshot-store
};

struct SnapshotS3Config {
  std::string endpoint;  // host or host:port
  std::string path;      // within the bucket
  std::string bucket;
  bool use_ssl = false;
  Secret access_key;  // from the environment when neither of the two is in the file
  Secret secret;
  Secret session_token;
  std::string region;            // filled in
  bool force_path_style = true;  // filled in: false for Amazon's own endpoints
};

struct SnapshotWebdavConfig {
  Secret url;
};

struct SnapshotSftpConfig {
  Secret url;
  std::string key_file;          // private key; empty: the password of the URL
  std::string known_hosts_file;  // empty: the store's default
};

struct SnapshotFileConfig {
  std::string path;  // a directory
};

struct SnapshotConfig {
  bool enabled = true;
  int64_t interval_ms = 0;  // 0: only before the log forgets
  int64_t leader_ttl_ms = 30'000;
  SnapshotStore store = SnapshotStore::kNats;
  int keep = 3;
  SnapshotNatsConfig nats;
  SnapshotS3Config s3;
  SnapshotWebdavConfig webdav;
  SnapshotSftpConfig sftp;
  SnapshotFileConfig file;
};

struct NatsConfig {
  std::vector<Secret> urls;                     // empty: we run a nats-server of our own
  ListenAddress bind_address{"127.0.0.1", -1};  // of that server; -1: a free port
  std::string server_config;                    // file with more settings for it
  std::string server_binary = "nats-server";    // its program: a path, or a name looked up in PATH
  std::string subject_prefix = "harmonylite-change-log";
  std::string stream_prefix = "harmonylite-changes";
  std::string seed_file;
  std::string user_name;
  Secret user_password;
  std::string ca_file;
  std::string cert_file;  // together with key_file, or neither
  std::string key_file;
  std::string creds_file;
  int connect_retries = 5;
  int reconnect_wait_seconds = 2;

  bool embedded() const { return urls.empty(); }
};

struct PrometheusConfig {
  bool enable = false;
  ListenAddress bind{"", 3010};
  std::string metric_namespace = "harmonylite";  // key: namespace
  std::string subsystem;
};

struct LoggingConfig {
  bool verbose = false;
  LogFormat format = LogFormat::kConsole;
};

struct HealthCheckConfig {
  bool enable = false;
  ListenAddress bind{"127.0.0.1", 8090};
  std::string path = "/health";
  bool detailed = true;
};

// What happens to a row whose parent another node deleted: told, or told and not shown.
enum class OrphanRows { kReport, kHide };

struct ConflictsConfig {
  int64_t max_age_days = 30;
  int64_t max_rows = 100'000;
  OrphanRows foreign_keys = OrphanRows::kReport;
};

struct VerifyConfig {
  int64_t interval_ms = 600'000;  // between background comparisons; 0: none
};

struct ClusterConfig {
  int64_t eviction_horizon_seconds = 7 * 24 * 3600;
};

struct Config {
  std::string db_path;              // relative paths are relative to the working directory
  std::optional<uint64_t> node_id;  // none: drawn once and kept in the database; never 0
  std::string seq_map_path;         // accepted, unused
  bool publish = true;
  bool replicate = true;
  int64_t scan_max_changes = 100'000;
  int64_t cleanup_interval_ms = 5'000;
  int64_t sleep_timeout_ms = 0;     // 0: never
  int64_t polling_interval_ms = 0;  // 0: automatic
  int64_t max_clock_skew_ms = 60'000;
  TablesConfig tables;
  ReplicationLogConfig replication_log;
  SnapshotConfig snapshot;
  NatsConfig nats;
  PrometheusConfig prometheus;
  LoggingConfig logging;
  HealthCheckConfig health_check;
  ConflictsConfig conflicts;
  VerifyConfig verify;
  ClusterConfig cluster;

  // For the operator, each to be logged once at start.
  std::vector<std::string> warnings;
  // Keys whose secret stands in the file itself, not in the environment or a file of its own.
  std::vector<std::string> literal_secrets;
};

// Reads and checks a file. Errors are kInvalidArgument: one line "path:line:column: what" for each
// thing that is wrong, in the order of the file. No message holds a secret.
Result<Config> Load(const std::string& path);

// The same for a text; `path` is for messages. Reads the environment and the *_file keys of
// secrets.
Result<Config> ParseConfig(std::string_view text, const std::string& path);

// The effective configuration as TOML, for the log: every secret is "***" and URLs are redacted.
std::string RenderRedacted(const Config& config);

// Whether include and exclude select a table.
bool SelectsTable(const TablesConfig& tables, std::string_view name);
// Whether a table without any key is to be replicated by rowid.
bool AllowsWithoutKey(const TablesConfig& tables, std::string_view name);

const char* StoreName(SnapshotStore store);

// Every key that a file may have, as "nats.urls"; tables are not listed. For tests of the
// documentation.
std::vector<std::string> KnownKeys();

}  // namespace harmonylite::config
