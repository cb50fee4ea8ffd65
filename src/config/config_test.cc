// Tests what a configuration means: the defaults, every key, and files of HarmonyLite 1.x.
#include "config/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "support/result_matchers.h"

namespace harmonylite::config {
namespace {

constexpr char kDb[] = "db_path = \"app.db\"\n";

Result<Config> Parse(const std::string& text) { return ParseConfig(kDb + text, "c.toml"); }

// Sets an environment variable for the duration of a test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }

 private:
  const char* name_;
};

bool HasWarning(const Config& config, const std::string& part) {
  return std::any_of(config.warnings.begin(), config.warnings.end(),
                     [&](const auto& w) { return w.find(part) != std::string::npos; });
}

TEST(Config, Defaults) {
  ASSERT_VALUE(const Config c, Parse(""));
  EXPECT_EQ(c.db_path, "app.db");
  EXPECT_FALSE(c.node_id.has_value());
  EXPECT_EQ(c.seq_map_path, "");
  EXPECT_TRUE(c.publish);
  EXPECT_TRUE(c.replicate);
  EXPECT_EQ(c.scan_max_changes, 100'000);
  EXPECT_EQ(c.cleanup_interval_ms, 5000);
  EXPECT_EQ(c.sleep_timeout_ms, 0);
  EXPECT_EQ(c.polling_interval_ms, 0);
  EXPECT_EQ(c.max_clock_skew_ms, 60'000);
  EXPECT_TRUE(c.tables.include.empty());
  EXPECT_TRUE(c.tables.exclude.empty());
  EXPECT_TRUE(c.tables.without_key.empty());
  EXPECT_EQ(c.replication_log.shards, 1);
  EXPECT_EQ(c.replication_log.max_entries, 1'000'000);
  EXPECT_EQ(c.replication_log.replicas, 1);
  EXPECT_TRUE(c.replication_log.compress);
  EXPECT_FALSE(c.replication_log.update_existing);
  EXPECT_TRUE(c.snapshot.enabled);
  EXPECT_EQ(c.snapshot.interval_ms, 0);
  EXPECT_EQ(c.snapshot.leader_ttl_ms, 30'000);
  EXPECT_EQ(c.snapshot.store, SnapshotStore::kNats);
  EXPECT_EQ(c.snapshot.keep, 3);
  EXPECT_EQ(c.snapshot.nats.replicas, 1);
  EXPECT_EQ(c.snapshot.nats.bucket, "harmonylite-changes-snapshot-store");
  EXPECT_FALSE(c.snapshot.s3.use_ssl);
  EXPECT_TRUE(c.nats.embedded());
  EXPECT_EQ(c.nats.bind_address, (ListenAddress{"127.0.0.1", -1}));
  EXPECT_EQ(c.nats.server_binary, "nats-server");
  EXPECT_EQ(c.nats.subject_prefix, "harmonylite-change-log");
  EXPECT_EQ(c.nats.stream_prefix, "harmonylite-changes");
  EXPECT_EQ(c.nats.connect_retries, 5);
  EXPECT_EQ(c.nats.reconnect_wait_seconds, 2);
  EXPECT_FALSE(c.prometheus.enable);
  EXPECT_EQ(c.prometheus.bind, (ListenAddress{"", 3010}));
  EXPECT_EQ(c.prometheus.metric_namespace, "harmonylite");
  EXPECT_EQ(c.prometheus.subsystem, "");
  EXPECT_FALSE(c.logging.verbose);
  EXPECT_EQ(c.logging.format, LogFormat::kConsole);
  EXPECT_FALSE(c.health_check.enable);
  EXPECT_EQ(c.health_check.bind, (ListenAddress{"127.0.0.1", 8090}));
  EXPECT_EQ(c.health_check.path, "/health");
  EXPECT_TRUE(c.health_check.detailed);
  EXPECT_EQ(c.conflicts.max_age_days, 30);
  EXPECT_EQ(c.conflicts.max_rows, 100'000);
  EXPECT_EQ(c.conflicts.foreign_keys, OrphanRows::kReport);
  EXPECT_EQ(c.schema.follow, FollowSchema::kOff);
  EXPECT_TRUE(c.schema.code);
  EXPECT_EQ(c.cluster.first_join, FirstJoin::kMerge);
  EXPECT_EQ(c.cluster.eviction_horizon_seconds, 604'800);
  EXPECT_TRUE(c.warnings.empty());
}

TEST(Config, TopLevelAndLog) {
  ASSERT_VALUE(const Config c, Parse(R"(
node_id = 9223372036854775807
publish = false
replicate = true
scan_max_changes = 1
cleanup_interval = 2
sleep_timeout = 3
polling_interval = 4
max_clock_skew = 5
[tables]
include = ["a*", "b?"]
exclude = ["c"]
without_key = ["d"]
[replication_log]
shards = 2
max_entries = 7
replicas = 5
compress = false
update_existing = true
[conflicts]
max_age_days = 8
max_rows = 9
foreign_keys = "hide"
[schema]
follow = "additive"
code = false
[cluster]
first_join = "ask"
eviction_horizon_seconds = 10
)"));
  EXPECT_EQ(c.node_id, 9223372036854775807u);
  EXPECT_FALSE(c.publish);
  EXPECT_EQ(c.scan_max_changes, 1);
  EXPECT_EQ(c.cleanup_interval_ms, 2);
  EXPECT_EQ(c.sleep_timeout_ms, 3);
  EXPECT_EQ(c.polling_interval_ms, 4);
  EXPECT_EQ(c.max_clock_skew_ms, 5);
  EXPECT_EQ(c.tables.include, (std::vector<std::string>{"a*", "b?"}));
  EXPECT_EQ(c.tables.exclude, (std::vector<std::string>{"c"}));
  EXPECT_EQ(c.tables.without_key, (std::vector<std::string>{"d"}));
  EXPECT_EQ(c.replication_log.shards, 2);
  EXPECT_EQ(c.replication_log.max_entries, 7);
  EXPECT_EQ(c.replication_log.replicas, 5);
  EXPECT_FALSE(c.replication_log.compress);
  EXPECT_TRUE(c.replication_log.update_existing);
  EXPECT_EQ(c.conflicts.max_age_days, 8);
  EXPECT_EQ(c.conflicts.max_rows, 9);
  EXPECT_EQ(c.conflicts.foreign_keys, OrphanRows::kHide);
  EXPECT_EQ(c.schema.follow, FollowSchema::kAdditive);
  EXPECT_FALSE(c.schema.code);
  EXPECT_EQ(c.cluster.first_join, FirstJoin::kAsk);
  EXPECT_EQ(c.cluster.eviction_horizon_seconds, 10);
}

TEST(Config, NatsAndOps) {
  ASSERT_VALUE(const Config c, Parse(R"(
[nats]
urls = ["nats://u:p@h:1", "h2, tls://[::1]:3"]
bind_address = "0.0.0.0:4222"
server_binary = "/opt/nats"
subject_prefix = "s.x"
stream_prefix = "t"
seed_file = "seed"
user_name = "u"
user_password = "p"
ca_file = "ca"
cert_file = "cert"
key_file = "key"
creds_file = "creds"
connect_retries = 0
reconnect_wait_seconds = 9
[prometheus]
enable = true
bind = "0.0.0.0:1"
namespace = ""
subsystem = "sub_1"
[logging]
verbose = true
format = "json"
[health_check]
enable = true
bind = "[::1]:2"
path = "/up"
detailed = false
)"));
  ASSERT_EQ(c.nats.urls.size(), 3u);
  EXPECT_EQ(c.nats.urls[0].reveal(), "nats://u:p@h:1");
  EXPECT_EQ(c.nats.urls[1].reveal(), "h2");
  EXPECT_EQ(c.nats.urls[2].reveal(), "tls://[::1]:3");
  EXPECT_FALSE(c.nats.embedded());
  EXPECT_EQ(c.nats.bind_address, (ListenAddress{"0.0.0.0", 4222}));
  EXPECT_EQ(c.nats.server_binary, "/opt/nats");
  EXPECT_EQ(c.nats.subject_prefix, "s.x");
  EXPECT_EQ(c.nats.stream_prefix, "t");
  EXPECT_EQ(c.snapshot.nats.bucket, "t-snapshot-store");
  EXPECT_EQ(c.nats.seed_file, "seed");
  EXPECT_EQ(c.nats.user_name, "u");
  EXPECT_EQ(c.nats.user_password.reveal(), "p");
  EXPECT_EQ(c.nats.ca_file, "ca");
  EXPECT_EQ(c.nats.cert_file, "cert");
  EXPECT_EQ(c.nats.key_file, "key");
  EXPECT_EQ(c.nats.creds_file, "creds");
  EXPECT_EQ(c.nats.connect_retries, 0);
  EXPECT_EQ(c.nats.reconnect_wait_seconds, 9);
  EXPECT_TRUE(c.prometheus.enable);
  EXPECT_EQ(c.prometheus.bind, (ListenAddress{"0.0.0.0", 1}));
  EXPECT_EQ(c.prometheus.metric_namespace, "");
  EXPECT_EQ(c.prometheus.subsystem, "sub_1");
  EXPECT_TRUE(c.logging.verbose);
  EXPECT_EQ(c.logging.format, LogFormat::kJson);
  EXPECT_TRUE(c.health_check.enable);
  EXPECT_EQ(c.health_check.bind, (ListenAddress{"::1", 2}));
  EXPECT_EQ(c.health_check.path, "/up");
  EXPECT_FALSE(c.health_check.detailed);
}

TEST(Config, SnapshotStores) {
  ASSERT_VALUE(const Config s3, Parse(R"(
[snapshot]
enabled = true
interval = 1
leader_ttl = 1000
store = "s3"
keep = 4
[snapshot.nats]
replicas = 2
bucket = "b_1"
[snapshot.s3]
endpoint = "127.0.0.1:9000"
path = "p/q"
bucket = "b"
use_ssl = true
access_key = "k"
secret = "s"
session_token = "t"
region = "r"
force_path_style = false
)"));
  EXPECT_EQ(s3.snapshot.interval_ms, 1);
  EXPECT_EQ(s3.snapshot.leader_ttl_ms, 1000);
  EXPECT_EQ(s3.snapshot.store, SnapshotStore::kS3);
  EXPECT_EQ(s3.snapshot.keep, 4);
  EXPECT_EQ(s3.snapshot.nats.replicas, 2);
  EXPECT_EQ(s3.snapshot.nats.bucket, "b_1");
  EXPECT_EQ(s3.snapshot.s3.endpoint, "127.0.0.1:9000");
  EXPECT_EQ(s3.snapshot.s3.path, "p/q");
  EXPECT_EQ(s3.snapshot.s3.bucket, "b");
  EXPECT_TRUE(s3.snapshot.s3.use_ssl);
  EXPECT_EQ(s3.snapshot.s3.access_key.reveal(), "k");
  EXPECT_EQ(s3.snapshot.s3.secret.reveal(), "s");
  EXPECT_EQ(s3.snapshot.s3.session_token.reveal(), "t");
  EXPECT_EQ(s3.snapshot.s3.region, "r");
  EXPECT_FALSE(s3.snapshot.s3.force_path_style);

  ASSERT_VALUE(const Config dav, Parse("snapshot.store = \"webdav\"\n"
                                       "snapshot.webdav.url = \"https://h/p?dir=/x&secret=s\""));
  EXPECT_EQ(dav.snapshot.store, SnapshotStore::kWebdav);
  EXPECT_EQ(dav.snapshot.webdav.url.reveal(), "https://h/p?dir=/x&secret=s");

  ASSERT_VALUE(const Config sftp, Parse("[snapshot]\nstore = \"sftp\"\n[snapshot.sftp]\n"
                                        "url = \"sftp://u:p@h:22/x\"\nkey_file = \"k\"\n"
                                        "known_hosts_file = \"n\""));
  EXPECT_EQ(sftp.snapshot.store, SnapshotStore::kSftp);
  EXPECT_EQ(sftp.snapshot.sftp.url.reveal(), "sftp://u:p@h:22/x");
  EXPECT_EQ(sftp.snapshot.sftp.key_file, "k");
  EXPECT_EQ(sftp.snapshot.sftp.known_hosts_file, "n");

  ASSERT_VALUE(const Config file, Parse("[snapshot]\nstore = \"file\"\nfile.path = \"/snap\""));
  EXPECT_EQ(file.snapshot.store, SnapshotStore::kFile);
  EXPECT_EQ(file.snapshot.file.path, "/snap");
}

TEST(Config, NodeIds) {
  ASSERT_VALUE(const Config text, Parse("node_id = \"18446744073709551615\""));
  EXPECT_EQ(text.node_id, UINT64_MAX);
  ASSERT_VALUE(const Config zero, Parse("node_id = 0"));
  EXPECT_FALSE(zero.node_id.has_value());
  EXPECT_TRUE(HasWarning(zero, "node_id = 0"));
}

TEST(Config, EmptyBindHostMeansLoopbackForTheEmbeddedServerOnly) {
  ASSERT_VALUE(const Config c,
               Parse("nats.bind_address = \":4222\"\nhealth_check.bind = \":8090\""));
  EXPECT_EQ(c.nats.bind_address, (ListenAddress{"127.0.0.1", 4222}));
  EXPECT_EQ(c.health_check.bind, (ListenAddress{"", 8090}));
}

TEST(Config, S3RegionAndStyleFollowTheEndpoint) {
  const std::string s3 =
      "[snapshot]\nstore = \"s3\"\n[snapshot.s3]\nbucket = \"b\"\naccess_key = \"k\"\nsecret = "
      "\"s\"\n";
  ASSERT_VALUE(const Config amazon, Parse(s3 + "endpoint = \"s3.eu-west-1.amazonaws.com\""));
  EXPECT_EQ(amazon.snapshot.s3.region, "eu-west-1");
  EXPECT_FALSE(amazon.snapshot.s3.force_path_style);
  ASSERT_VALUE(const Config minio, Parse(s3 + "endpoint = \"minio:9000\""));
  EXPECT_EQ(minio.snapshot.s3.region, "us-east-1");
  EXPECT_TRUE(minio.snapshot.s3.force_path_style);
  ASSERT_VALUE(const Config plain, Parse(s3 + "endpoint = \"s3.amazonaws.com\""));
  EXPECT_EQ(plain.snapshot.s3.region, "us-east-1");
  const Variable region("AWS_REGION", "mars-1");
  ASSERT_VALUE(const Config set, Parse(s3 + "endpoint = \"minio\""));
  EXPECT_EQ(set.snapshot.s3.region, "mars-1");
}

TEST(Config, S3CredentialsFromTheEnvironmentComeAsASet) {
  const std::string s3 =
      "[snapshot]\nstore = \"s3\"\n[snapshot.s3]\nbucket = \"b\"\nendpoint = \"e\"\n";
  const Variable minio_user("MINIO_ROOT_USER", "mu");
  const Variable minio_password("MINIO_ROOT_PASSWORD", "mp");
  ASSERT_VALUE(const Config minio, Parse(s3));
  EXPECT_EQ(minio.snapshot.s3.access_key.reveal(), "mu");
  EXPECT_EQ(minio.snapshot.s3.secret.reveal(), "mp");
  const Variable key("AWS_ACCESS_KEY_ID", "ak");
  const Variable secret("AWS_SECRET_ACCESS_KEY", "as");
  const Variable token("AWS_SESSION_TOKEN", "at");
  ASSERT_VALUE(const Config aws, Parse(s3));
  EXPECT_EQ(aws.snapshot.s3.access_key.reveal(), "ak");
  EXPECT_EQ(aws.snapshot.s3.secret.reveal(), "as");
  EXPECT_EQ(aws.snapshot.s3.session_token.reveal(), "at");
  EXPECT_TRUE(aws.literal_secrets.empty());
  ASSERT_VALUE(const Config file, Parse(s3 + "access_key = \"fk\"\nsecret = \"fs\""));
  EXPECT_EQ(file.snapshot.s3.access_key.reveal(), "fk");
  EXPECT_EQ(file.snapshot.s3.secret.reveal(), "fs");
  EXPECT_TRUE(file.snapshot.s3.session_token.empty());
}

TEST(Config, RealFilesOf1xAreAccepted) {
  // The file has the form in which 1.x ships it: every section is written out, and the stores that
  // are not used still hold placeholders.
  ASSERT_VALUE(const Config c, ParseConfig(R"(
db_path="/tmp/app.db"
seq_map_path="/tmp/app-positions.cbor"
node_id=1

[snapshot]
enabled=true
store="nats"
interval=0

[snapshot.nats]
replicas=1
#bucket="other"

[snapshot.s3]
endpoint="127.0.0.1:9000"
path="snapshots/app"
use_ssl=false
#access_key="app"
#secret="app"
bucket="app"

[snapshot.webdav]
url="https://<server>/<path>?dir=/snapshots&login=<user>&secret=<password>"

[snapshot.sftp]
url="sftp://<user>:<password>@<server>:<port>/path"

[replication_log]
replicas=1
shards=2
max_entries=1024
compress=true
update_existing=false

[nats]
urls=[
#    "nats://localhost:4222"
]
bind_address="0.0.0.0:4222"
server_config="nats-1.conf"
subject_prefix="harmonylite-change-log"
stream_prefix="harmonylite-changes"
seed_file=""
user_name="app"
user_password="pw"
connect_retries=5
reconnect_wait_seconds=2

[prometheus]
enable=true
bind="0.0.0.0:3010"
namespace=""

[logging]
verbose=true
format="console"

[health_check]
enable=false
bind="0.0.0.0:8090"
path="/health"
detailed=true
)",
                                           "c.toml"));
  EXPECT_EQ(c.node_id, 1u);
  EXPECT_EQ(c.nats.bind_address, (ListenAddress{"0.0.0.0", 4222}));
  EXPECT_EQ(c.nats.server_config, "nats-1.conf");
  EXPECT_EQ(c.replication_log.max_entries, 1024);
  EXPECT_EQ(c.seq_map_path, "/tmp/app-positions.cbor");
  EXPECT_TRUE(HasWarning(c, "seq_map_path"));
  EXPECT_TRUE(HasWarning(c, "shards = 2"));
  EXPECT_EQ(c.warnings.size(), 2u);
}

TEST(Config, Hooks) {
  ASSERT_VALUE(const Config c, Parse(R"(
[[hooks]]
tables = ["notes", "zone_*"]
command = ["/usr/bin/systemctl", "reload", ""]
every = 200
timeout = 5000
[[hooks]]
tables = ["*"]
touch = "run/reload"
)"));
  ASSERT_EQ(c.hooks.size(), 2u);
  const HookConfig& first = c.hooks[0];
  EXPECT_EQ(first.command, (std::vector<std::string>{"/usr/bin/systemctl", "reload", ""}));
  EXPECT_EQ(first.touch, "");
  EXPECT_EQ(first.every_ms, 200);
  EXPECT_EQ(first.timeout_ms, 5'000);
  EXPECT_TRUE(IsAbout(first, "Notes"));
  EXPECT_TRUE(IsAbout(first, "zone_1"));
  EXPECT_FALSE(IsAbout(first, "zones"));
  const HookConfig& second = c.hooks[1];
  EXPECT_TRUE(second.command.empty());
  EXPECT_EQ(second.touch, "run/reload");
  EXPECT_EQ(second.every_ms, 1'000);
  EXPECT_EQ(second.timeout_ms, 10'000);
  EXPECT_TRUE(IsAbout(second, "anything"));
}

TEST(Config, Warnings) {
  const std::pair<const char*, const char*> cases[] = {
      {"seq_map_path = \"x\"", "seq_map_path"},
      {"replication_log.shards = 4", "shards = 4"},
      {"publish = false\nreplicate = false", "publish and replicate"},
      {"nats.urls = [\"h\"]\nnats.server_config = \"x\"", "server_config"},
      {"nats.user_password = \"pw\"", "user_name"},
      {"sleep_timeout = 1\nsnapshot.enabled = false", "sleep_timeout"},
      {"replicate = false\n[[hooks]]\ntables = [\"t\"]\ntouch = \"x\"", "hooks run once"},
      {"[[hooks]]\ntables = [\"t\"]\ntouch = \"x\"\ntimeout = 5", "hooks[1].timeout"},
  };
  for (const auto& [text, part] : cases) {
    ASSERT_VALUE(const Config c, Parse(text));
    EXPECT_TRUE(HasWarning(c, part)) << text;
    EXPECT_EQ(c.warnings.size(), 1u) << text;
  }
}

}  // namespace
}  // namespace harmonylite::config
