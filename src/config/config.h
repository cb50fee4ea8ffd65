// The configuration file as validated values. docs/configuration.md explains every key.
//
// Files of HarmonyLite 1.x are accepted unchanged. The values have passed every check that needs
// neither network nor database, and defaults are filled in.
//
// Threads: plain values.
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

// The choice of tables that are replicated, as patterns (see glob.h).
struct TablesConfig {
  std::vector<std::string> include;      // empty for all tables
  std::vector<std::string> exclude;      // takes precedence over include
  std::vector<std::string> without_key;  // the rowid is their key if they have none
};

struct ReplicationLogConfig {
  int64_t shards = 1;  // accepted, but only one stream is used
  int64_t max_entries = 1'000'000;
  int replicas = 1;
  bool compress = true;
  bool update_existing = false;
};

enum class SnapshotStore { kNats, kS3, kWebdav, kSftp, kFile };

struct SnapshotNatsConfig {
  int replicas = 1;
  std::string bucket;  // default: <stream_prefix>-snapshot-store
};

struct SnapshotS3Config {
  std::string endpoint;  // host or host:port
  std::string path;      // folder within the bucket
  std::string bucket;
  bool use_ssl = false;
  Secret access_key;  // from the environment if neither access_key nor secret is in the file
  Secret secret;
  Secret session_token;
  std::string region;            // default: from the endpoint or the environment
  bool force_path_style = true;  // default: false for Amazon's own endpoints
};

struct SnapshotWebdavConfig {
  Secret url;
};

struct SnapshotSftpConfig {
  Secret url;
  std::string key_file;          // private key; if empty, the URL's password is used
  std::string known_hosts_file;  // if empty, the store's default is used
};

struct SnapshotFileConfig {
  std::string path;  // a directory
};

struct SnapshotConfig {
  bool enabled = true;
  int64_t interval_ms = 0;  // 0: only before the log drops records
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
  std::vector<Secret> urls;  // if empty, this node runs an embedded nats-server
  // Where the embedded server listens; port -1 means a free port.
  ListenAddress bind_address{"127.0.0.1", -1};
  std::string server_config;  // file with more settings for the embedded server
  // Program of the embedded server: a path, or a name that is looked up on PATH.
  std::string server_binary = "nats-server";
  std::string subject_prefix = "harmonylite-change-log";
  std::string stream_prefix = "harmonylite-changes";
  std::string seed_file;
  std::string user_name;
  Secret user_password;
  std::string ca_file;
  std::string cert_file;  // given together with key_file, or not at all
  std::string key_file;
  std::string creds_file;
  int connect_retries = 5;
  int reconnect_wait_seconds = 2;

  bool embedded() const { return urls.empty(); }
};

struct PrometheusConfig {
  bool enable = false;
  ListenAddress bind{"", 3010};
  std::string metric_namespace = "harmonylite";  // the key is called namespace
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

// What happens to a row whose parent another node deleted: it is reported, or it is also hidden.
enum class OrphanRows { kReport, kHide };

struct ConflictsConfig {
  int64_t max_age_days = 30;
  int64_t max_rows = 100'000;
  OrphanRows foreign_keys = OrphanRows::kReport;
};

// Which schema changes of other nodes are carried out here.
enum class FollowSchema { kOff, kAdditive, kAll };

struct SchemaConfig {
  FollowSchema follow = FollowSchema::kOff;
  bool code = true;  // whether views and triggers follow, too
};

struct VerifyConfig {
  int64_t interval_ms = 600'000;  // between two comparisons in the background; 0: none
};

// What becomes of rows that differ from the cluster's when a file joins for the first time.
enum class FirstJoin { kMerge, kAsk };

// How AUTOINCREMENT tables give out ids that no other node gives out. The numbers are powers of
// two.
struct IdsConfig {
  bool share = true;
  int64_t block = 4'096;
  int64_t slots = 64;
};

// What is done after rows of other nodes were written here: a command is run, or a file is touched.
struct HookConfig {
  std::vector<std::string> tables;   // patterns (see glob.h)
  std::vector<std::string> command;  // a program and its arguments; empty if `touch` is given
  std::string touch;                 // path of a file; empty if `command` is given
  int64_t every_ms = 1'000;          // two runs begin at least so far apart
  int64_t timeout_ms = 10'000;       // a command that takes longer is ended
};

struct ClusterConfig {
  FirstJoin first_join = FirstJoin::kMerge;
  int64_t eviction_horizon_seconds = 7 * 24 * 3600;
};

struct Config {
  std::string db_path;              // a relative path is relative to the working directory
  std::optional<uint64_t> node_id;  // if empty, drawn once and kept in the database; never 0
  std::string seq_map_path;         // accepted, but not used
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
  SchemaConfig schema;
  VerifyConfig verify;
  ClusterConfig cluster;
  IdsConfig ids;
  std::vector<HookConfig> hooks;

  // Warnings for the operator, each to be logged once at start.
  std::vector<std::string> warnings;
  // Keys whose secret stands in the file itself, and not in the environment or in a file of its
  // own.
  std::vector<std::string> literal_secrets;
};

// Reads and checks a file. Errors are kInvalidArgument, with one line "path:line:column: what" for
// each mistake, in the order of the file. No message holds a secret.
Result<Config> Load(const std::string& path);

// Checks a text as Load() checks a file; `path` is used only in messages. Reads the environment and
// the files that the *_file keys of secrets name.
Result<Config> ParseConfig(std::string_view text, const std::string& path);

// Returns the effective configuration as TOML for the log. Every secret is "***", and URLs are
// redacted.
std::string RenderRedacted(const Config& config);

// Returns whether include and exclude select the table.
bool SelectsTable(const TablesConfig& tables, std::string_view name);
// Returns whether the hook is about the table.
bool IsAbout(const HookConfig& hook, std::string_view name);
// Returns whether the rowid is to be the table's key if it has none.
bool AllowsWithoutKey(const TablesConfig& tables, std::string_view name);

const char* StoreName(SnapshotStore store);

// Returns every key that a file may have, in the form "nats.urls"; tables are not listed. Used by
// tests of the documentation.
std::vector<std::string> KnownKeys();

}  // namespace harmonylite::config
