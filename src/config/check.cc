#include "config/check.h"

#include <cstdlib>

#include "base/url.h"

namespace harmonylite::config {
namespace {

constexpr std::string_view kAmazonHost = ".amazonaws.com";

std::string Environment(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return {};
}

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Returns the region that an endpoint such as "s3.eu-west-1.amazonaws.com" names, or nothing.
std::string RegionOf(std::string_view endpoint) {
  const std::string_view host = endpoint.substr(0, endpoint.find(':'));
  if (host.substr(0, 3) != "s3." || !EndsWith(host, kAmazonHost)) return {};
  const size_t length = host.size() - kAmazonHost.size();
  return length > 3 ? std::string(host.substr(3, length - 3)) : std::string();
}

void FillInS3(const Findings& findings, SnapshotS3Config* s3) {
  // Credentials belong together, so they are never taken half from the file and half from the
  // environment.
  if (s3->access_key.empty() && s3->secret.empty()) {
    if (const auto key = Environment({"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"}); !key.empty()) {
      s3->access_key = Secret(key);
      s3->secret = Secret(Environment({"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"}));
      if (s3->session_token.empty()) s3->session_token = Secret(Environment({"AWS_SESSION_TOKEN"}));
    } else {
      s3->access_key = Secret(Environment({"MINIO_ROOT_USER", "MINIO_ACCESS_KEY"}));
      s3->secret = Secret(Environment({"MINIO_ROOT_PASSWORD", "MINIO_SECRET_KEY"}));
    }
  }
  if (s3->region.empty()) s3->region = RegionOf(s3->endpoint);
  if (s3->region.empty()) s3->region = Environment({"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (s3->region.empty()) s3->region = "us-east-1";
  if (!findings.Given("snapshot.s3.force_path_style")) {
    const std::string_view endpoint = s3->endpoint;
    s3->force_path_style = !EndsWith(endpoint.substr(0, endpoint.find(':')), kAmazonHost);
  }
}

bool OnlyCharacters(std::string_view text, std::string_view others) {
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && others.find(c) == std::string_view::npos)
      return false;
  }
  return true;
}

bool ValidMetricPart(std::string_view text) {
  return OnlyCharacters(text, "_") && !(!text.empty() && text[0] >= '0' && text[0] <= '9');
}

bool ValidSubject(std::string_view text) {
  return !text.empty() && OnlyCharacters(text, "-_.") && text.front() != '.' &&
         text.back() != '.' && text.find("..") == std::string_view::npos;
}

void CheckNames(const Config& config, Findings* findings) {
  const auto& nats = config.nats;
  if (!ValidSubject(nats.subject_prefix)) {
    findings->AddErrorAt(
        "nats.subject_prefix",
        "nats.subject_prefix: expected letters, digits, '-', '_' and single dots inside");
  }
  if (nats.stream_prefix.empty() || !OnlyCharacters(nats.stream_prefix, "-_")) {
    findings->AddErrorAt("nats.stream_prefix",
                         "nats.stream_prefix: expected letters, digits, '-' and '_'");
  }
  // The default of the bucket's name is made from stream_prefix, which was checked above.
  if (findings->Given("snapshot.nats.bucket") &&
      !OnlyCharacters(config.snapshot.nats.bucket, "-_")) {
    findings->AddErrorAt("snapshot.nats.bucket",
                         "snapshot.nats.bucket: expected letters, digits, '-' and '_'");
  }
  const std::pair<const char*, const std::string*> metric_parts[] = {
      {"prometheus.namespace", &config.prometheus.metric_namespace},
      {"prometheus.subsystem", &config.prometheus.subsystem}};
  for (const auto& [key, text] : metric_parts) {
    if (ValidMetricPart(*text)) continue;
    findings->AddErrorAt(
        key, fmt::format("{}: expected letters, digits and '_', no digit at the start", key));
  }
  const auto& path = config.health_check.path;
  if (path.empty() || path[0] != '/' || path.find_first_of(" ?#\t\r\n") != std::string::npos) {
    findings->AddErrorAt("health_check.path",
                         "health_check.path must start with '/' and hold no space, '?' or '#'");
  }
}

void CheckNats(const NatsConfig& nats, Findings* findings) {
  if (nats.server_binary.empty()) {
    findings->AddErrorAt("nats.server_binary", "nats.server_binary is empty");
  }
  if (nats.cert_file.empty() != nats.key_file.empty()) {
    const bool has_cert = nats.key_file.empty();
    findings->AddErrorAt(has_cert ? "nats.cert_file" : "nats.key_file",
                         has_cert ? "nats.cert_file needs nats.key_file, too"
                                  : "nats.key_file needs nats.cert_file, too");
  }
}

// Adds an error where the store was chosen: the store also needs `key`.
void Needs(const std::string& key, const char* meaning, Findings* findings) {
  if (findings->Failed(key) || findings->Failed(key + "_file")) return;
  findings->AddError(findings->PositionOf("snapshot.store"),
                     fmt::format("this store needs {}{}", key, meaning));
}

// Checks a store's URL. Messages never contain the URL, because it holds a password.
void CheckStoreUrl(const char* key, const Secret& url, std::initializer_list<const char*> schemes,
                   Findings* findings) {
  if (url.empty()) return Needs(key, "", findings);
  const auto parsed = ParseServerUrl(url.reveal());
  if (!parsed.ok()) {
    findings->AddErrorAt(key, fmt::format("{}: {}", key, parsed.error().message()));
    return;
  }
  std::string list;
  for (const char* scheme : schemes) {
    if (parsed->scheme == scheme) return;
    list += fmt::format("{}{}://", list.empty() ? "" : " or ", scheme);
  }
  findings->AddErrorAt(key, fmt::format("{}: the URL must start with {}", key, list));
}

void CheckS3(const SnapshotS3Config& s3, Findings* findings) {
  if (s3.endpoint.empty()) {
    Needs("snapshot.s3.endpoint", "", findings);
  } else if (const auto url = ParseServerUrl(s3.endpoint);
             !url.ok() || !url->scheme.empty() || !url->userinfo.empty() || !url->rest.empty()) {
    findings->AddErrorAt("snapshot.s3.endpoint",
                         "snapshot.s3.endpoint: expected host or host:port alone; use_ssl chooses "
                         "between https and http");
  }
  if (s3.bucket.empty()) {
    Needs("snapshot.s3.bucket", "", findings);
  } else if (!OnlyCharacters(s3.bucket, "-_.")) {
    findings->AddErrorAt("snapshot.s3.bucket",
                         "snapshot.s3.bucket: expected letters, digits, '-', '_' and '.'");
  }
  const bool failed = findings->Failed("snapshot.s3.access_key") ||
                      findings->Failed("snapshot.s3.access_key_file") ||
                      findings->Failed("snapshot.s3.secret") ||
                      findings->Failed("snapshot.s3.secret_file");
  if (!failed && s3.access_key.empty() != s3.secret.empty()) {
    findings->AddErrorAt(
        s3.secret.empty() ? "snapshot.s3.access_key" : "snapshot.s3.secret",
        "snapshot.s3: access_key and secret are needed both, or neither (then they "
        "are taken from the environment)");
  }
}

// Checks only the store in use, because files of 1.x contain examples of the others.
void CheckStore(const SnapshotConfig& snapshot, Findings* findings) {
  if (!snapshot.enabled) return;
  switch (snapshot.store) {
    case SnapshotStore::kNats:
      return;
    case SnapshotStore::kS3:
      return CheckS3(snapshot.s3, findings);
    case SnapshotStore::kWebdav:
      return CheckStoreUrl("snapshot.webdav.url", snapshot.webdav.url, {"https", "http"}, findings);
    case SnapshotStore::kSftp:
      return CheckStoreUrl("snapshot.sftp.url", snapshot.sftp.url, {"sftp"}, findings);
    case SnapshotStore::kFile:
      if (snapshot.file.path.empty()) Needs("snapshot.file.path", ", a directory", findings);
      return;
  }
}

// Adds an error at a key of a hook, or at the hook's own place if the hook does not have the key.
void RefuseHook(const std::string& hook, const char* key, std::string_view why,
                Findings* findings) {
  const std::string full = fmt::format("{}.{}", hook, key);
  findings->AddErrorAt(findings->Given(full) ? full : hook, fmt::format("{}: {}", hook, why));
}

void CheckHook(const HookConfig& config, const std::string& hook, Findings* findings) {
  const auto given = [&](const char* key) { return findings->Given(hook + "." + key); };
  const auto failed = [&](const char* key) { return findings->Failed(hook + "." + key); };
  if (config.tables.empty() && !failed("tables"))
    RefuseHook(hook, "tables",
               "tables names no table: give those whose rows it is about, as in tables = "
               "[\"notes\", \"zone_*\"]",
               findings);
  if (given("command") && given("touch"))
    RefuseHook(hook, "touch",
               "command and touch are both given: remove one, and write another [[hooks]] for it",
               findings);
  else if (!given("command") && !given("touch"))
    RefuseHook(hook, "command",
               "neither command nor touch is given: say what to do, as in command = "
               "[\"/usr/bin/systemctl\", \"reload\", \"app\"]",
               findings);
  else if (given("command") && config.command.empty() && !failed("command"))
    RefuseHook(hook, "command", "command is empty: it begins with a program", findings);
  else if (given("touch") && config.touch.empty() && !failed("touch"))
    RefuseHook(hook, "touch", "touch is empty: it is the path of a file", findings);
}

}  // namespace

void FillIn(const Findings& findings, Config* config) {
  auto& nats = config->nats;
  if (nats.bind_address.host.empty()) nats.bind_address.host = "127.0.0.1";
  auto& bucket = config->snapshot.nats.bucket;
  if (bucket.empty()) bucket = nats.stream_prefix + "-snapshot-store";
  if (config->snapshot.store == SnapshotStore::kS3) FillInS3(findings, &config->snapshot.s3);
}

void CheckTogether(const Config& config, Findings* findings) {
  if (config.db_path.empty()) {
    findings->AddErrorAt("db_path",
                         "db_path is missing: the path of the application's SQLite file, as in "
                         "db_path = \"/var/lib/app/data.db\"");
  }
  CheckNames(config, findings);
  CheckNats(config.nats, findings);
  CheckStore(config.snapshot, findings);
  for (size_t i = 0; i < config.hooks.size(); ++i)
    CheckHook(config.hooks[i], fmt::format("hooks[{}]", i + 1), findings);
}

void Warn(const Config& config, Findings* findings) {
  if (!config.seq_map_path.empty()) {
    findings->AddWarning(
        "seq_map_path is accepted and not used: how far this node has read is kept in the "
        "database");
  }
  if (config.replication_log.shards > 1) {
    findings->AddWarning(
        fmt::format("replication_log.shards = {}: one stream is used, so that readers never see "
                    "half of a transaction",
                    config.replication_log.shards));
  }
  if (!config.publish && !config.replicate) {
    findings->AddWarning(
        "publish and replicate are both false: this node neither sends nor applies anything");
  }
  if (!config.replicate && !config.hooks.empty()) {
    findings->AddWarning(
        "hooks run once at the start only: replicate is false, so no rows of other nodes come");
  }
  for (size_t i = 0; i < config.hooks.size(); ++i) {
    if (config.hooks[i].command.empty() && findings->Given(fmt::format("hooks[{}].timeout", i + 1)))
      findings->AddWarning(fmt::format("hooks[{}].timeout is not used without a command", i + 1));
  }
  const auto& nats = config.nats;
  if (!nats.embedded() && !nats.server_config.empty()) {
    findings->AddWarning(
        "nats.server_config is not used: it is for the embedded server, and nats.urls names "
        "others");
  }
  if (nats.user_name.empty() && !nats.user_password.empty()) {
    findings->AddWarning("nats.user_password is not used without nats.user_name");
  }
  if (!config.snapshot.enabled && config.sleep_timeout_ms > 0) {
    findings->AddWarning(
        "sleep_timeout is set and snapshots are disabled: this node will exit without saving one");
  }
}

}  // namespace harmonylite::config
