#include "cli/wiring.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "adapters/nats_server/running_server.h"
#include "change/codec.h"
#include "node/recovery/snapshot_maker.h"

namespace harmonylite::cli {

namespace fs = std::filesystem;

namespace {

// Returns "host:port", with brackets around an IPv6 host.
std::string Address(const config::ListenAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address.host, v6 ? "]" : "", address.port);
}

// The folder of the embedded server.
std::string ServerFolder(const config::Config& config) {
  return fs::absolute(config.db_path).string() + "-harmonylite";
}

// Virtual tables stay unless they are excluded by name: a full-text index is filled by triggers
// from tables that stay, and an operator who lists tables to include does not think of it.
snapshot::LeavesOut MakeLeavesOut(const config::Config& config) {
  return [tables = config.tables](const std::string& name, bool is_virtual) {
    config::TablesConfig rules = tables;
    if (is_virtual) rules.include.clear();
    return !config::SelectsTable(rules, name);
  };
}

schema::FollowOptions MakeFollowOptions(const config::SchemaConfig& config) {
  switch (config.follow) {
    case config::FollowSchema::kOff:
      return {schema::Follow::kOff, config.code};
    case config::FollowSchema::kAdditive:
      return {schema::Follow::kAdditive, config.code};
    case config::FollowSchema::kAll:
      return {schema::Follow::kAll, config.code};
  }
  return {};
}

}  // namespace

schema::LoadOptions MakeLoadOptions(const config::Config& config) {
  schema::LoadOptions options;
  options.include = [tables = config.tables](const std::string& name) {
    return config::SelectsTable(tables, name);
  };
  options.allow_without_key = [tables = config.tables](const std::string& name) {
    return config::AllowsWithoutKey(tables, name);
  };
  options.hide_orphans = config.conflicts.foreign_keys == config::OrphanRows::kHide;
  return options;
}

node::NodeOptions MakeNodeOptions(const config::Config& config) {
  node::NodeOptions options;
  options.schema = MakeFollowOptions(config.schema);
  options.db_path = config.db_path;
  options.spool_directory = fs::absolute(config.db_path).parent_path().string();
  options.publish = config.publish;
  options.replicate = config.replicate;
  options.compress = config.replication_log.compress;
  options.max_clock_skew_ms = config.max_clock_skew_ms;
  options.cleanup_interval_ms = config.cleanup_interval_ms;
  options.polling_interval_ms = config.polling_interval_ms;
  options.max_batch_changes = config.scan_max_changes;
  options.conflicts_max_rows = config.conflicts.max_rows;
  options.conflicts_max_age_ms = config.conflicts.max_age_days * 24 * 3'600'000;
  options.verify_interval_ms = config.verify.interval_ms;
  options.first_join = config.cluster.first_join == config::FirstJoin::kAsk
                           ? node::FirstJoin::kAsk
                           : node::FirstJoin::kMerge;
  options.share_ids = config.ids.share;
  options.id_layout = {config.ids.block, config.ids.slots};
  options.eviction_horizon_ms = config.cluster.eviction_horizon_seconds * 1'000;
  // Deletes may be forgotten only if snapshots are enabled, because a node that missed a forgotten
  // delete needs a snapshot.
  options.collect_tombstones = config.snapshot.enabled;
  options.tables = MakeLoadOptions(config);
  options.leaves_out = MakeLeavesOut(config);
  options.snapshots.interval_ms = config.snapshot.interval_ms;
  options.snapshots.leader_ttl_ms = config.snapshot.leader_ttl_ms;
  options.snapshots.max_entries = config.replication_log.max_entries;
  options.snapshots.keep = config.snapshot.keep;
  return options;
}

snapshot::Options MakeSnapshotOptions(const config::Config& config) {
  return node::MakeSnapshotOptions(MakeNodeOptions(config));
}

std::vector<hooks::HookOptions> MakeHookOptions(const config::Config& config, NodeId node) {
  std::vector<hooks::HookOptions> out;
  for (const config::HookConfig& hook : config.hooks) {
    hooks::HookOptions& options = out.emplace_back();
    options.number = static_cast<int>(out.size());
    options.selects = [hook](std::string_view table) { return config::IsAbout(hook, table); };
    options.command = hook.command;
    options.touch = hook.touch;
    options.every_ms = hook.every_ms;
    options.timeout_ms = hook.timeout_ms;
    options.database = fs::absolute(config.db_path).string();
    options.node = node;
  }
  return out;
}

nats_server::ServerOptions MakeServerOptions(const config::CommandLine& command,
                                             const config::Config& config, NodeId node) {
  nats_server::ServerOptions options;
  options.binary = config.nats.server_binary;
  options.store_dir = ServerFolder(config);
  options.bind_address = Address(config.nats.bind_address);
  options.server_name = fmt::format("harmonylite-{}", node.value);
  if (command.cluster_addr) options.cluster_address = Address(*command.cluster_addr);
  options.cluster_peers = command.cluster_peers;
  options.leaf_servers = command.leaf_servers;
  options.server_config = config.nats.server_config;
  // For an embedded server, the user in the configuration is the one that the server demands of its
  // clients.
  options.user = config.nats.user_name;
  options.password = config.nats.user_password.reveal();
  return options;
}

nats::ConnectionOptions MakeConnectionOptions(const config::Config& config, NodeId node) {
  nats::ConnectionOptions options;
  for (const config::Secret& url : config.nats.urls) options.urls.push_back(url.reveal());
  options.user_name = config.nats.user_name;
  options.user_password = config.nats.user_password.reveal();
  options.seed_file = config.nats.seed_file;
  options.creds_file = config.nats.creds_file;
  options.ca_file = config.nats.ca_file;
  options.cert_file = config.nats.cert_file;
  options.key_file = config.nats.key_file;
  options.client_name = fmt::format("harmonylite-{}", node.value);
  options.connect_retries = config.nats.connect_retries;
  options.reconnect_wait = std::chrono::seconds(config.nats.reconnect_wait_seconds);
  return options;
}

nats::JetStreamLogOptions MakeLogOptions(const config::Config& config) {
  nats::JetStreamLogOptions options;
  options.stream_prefix = config.nats.stream_prefix;
  options.subject_prefix = config.nats.subject_prefix;
  options.format = static_cast<int>(change::kWireFormat);
  options.max_entries = config.replication_log.max_entries;
  options.replicas = config.replication_log.replicas;
  options.update_existing = config.replication_log.update_existing;
  return options;
}

nats::KvMetaStoreOptions MakeMetaOptions(const config::Config& config) {
  nats::KvMetaStoreOptions options;
  options.stream_prefix = config.nats.stream_prefix;
  options.format = static_cast<int>(change::kWireFormat);
  options.replicas = config.replication_log.replicas;
  return options;
}

Result<std::vector<std::string>> ServerUrls(const config::Config& config) {
  std::vector<std::string> out;
  if (!config.nats.embedded()) {
    for (const config::Secret& url : config.nats.urls) out.push_back(url.reveal());
    return out;
  }
  return nats_server::UrlsOfRunningServer(ServerFolder(config));
}

Status CheckDatabasePath(const std::string& db_path) {
  const fs::path path = fs::absolute(db_path);
  std::error_code error;
  if (!fs::is_directory(path.parent_path(), error))
    return MakeError(ErrorCode::kInvalidArgument,
                     "the folder {} of db_path does not exist: make it, or correct db_path",
                     path.parent_path().string());
  if (fs::is_directory(path, error))
    return MakeError(ErrorCode::kInvalidArgument, "db_path {} is a folder, not a database file",
                     path.string());
  if (::access(path.parent_path().c_str(), W_OK | X_OK) != 0)
    return MakeError(ErrorCode::kInvalidArgument,
                     "the folder {} cannot be written to ({}): SQLite needs that for its -wal file",
                     path.parent_path().string(), std::strerror(errno));
  if (fs::exists(path, error) && ::access(path.c_str(), R_OK | W_OK) != 0)
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} cannot be read and written ({}): run harmonylite as the user who owns it",
                     path.string(), std::strerror(errno));
  return Ok();
}

}  // namespace harmonylite::cli
