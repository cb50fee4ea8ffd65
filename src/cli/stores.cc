#include "cli/stores.h"

#include <unistd.h>

#include <cstdlib>

#include "adapters/nats/object_store.h"
#include "adapters/stores/store_directory.h"
#include "adapters/stores/store_s3.h"
#include "adapters/stores/store_sftp.h"
#include "adapters/stores/store_webdav.h"
#include "base/url.h"

namespace harmonylite::cli {

namespace {

using StorePtr = std::unique_ptr<ports::ObjectStore>;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// SSL_CERT_FILE names the certificate authorities, as for HarmonyLite 1.x, other programs in Go,
// and OpenSSL's own tools.
std::string Authorities() { return Environment("SSL_CERT_FILE"); }

// The defaults are the files of OpenSSH.
std::string KnownHosts(const std::string& configured) {
  if (!configured.empty()) return configured;
  const std::string own = Environment("HOME") + "/.ssh/known_hosts";
  const std::string everybodys = "/etc/ssh/ssh_known_hosts";
  const bool use_everybodys =
      ::access(own.c_str(), R_OK) != 0 && ::access(everybodys.c_str(), R_OK) == 0;
  return use_everybodys ? everybodys : own;
}

StorePtr OpenS3(const config::SnapshotS3Config& config) {
  stores::S3Options options;
  options.endpoint = config.endpoint;
  options.use_tls = config.use_ssl;
  options.bucket = config.bucket;
  options.path = config.path;
  options.region = config.region;
  options.path_style = config.force_path_style;
  options.access_key = config.access_key.reveal();
  options.secret = config.secret.reveal();
  options.session_token = config.session_token.reveal();
  options.ca_file = Authorities();
  return std::make_unique<stores::S3Store>(std::move(options));
}

Result<StorePtr> OpenWebdav(const config::SnapshotWebdavConfig& config) {
  stores::WebdavOptions options;
  options.url = config.url.reveal();
  options.ca_file = Authorities();
  HL_ASSIGN(auto store, stores::WebdavStore::Make(options));
  return StorePtr(std::move(store));
}

Result<StorePtr> OpenSftp(const config::SnapshotSftpConfig& config) {
  stores::SftpOptions options;
  options.url = config.url.reveal();
  options.key_file = config.key_file;
  options.known_hosts_file = KnownHosts(config.known_hosts_file);
  HL_ASSIGN(auto store, stores::SftpStore::Make(options));
  return StorePtr(std::move(store));
}

StorePtr OpenNats(const config::SnapshotNatsConfig& config,
                  std::shared_ptr<nats::Connection> connection) {
  HL_CHECK(connection != nullptr);
  nats::JetStreamObjectStoreOptions options;
  options.bucket = config.bucket;
  options.replicas = config.replicas;
  return std::make_unique<nats::JetStreamObjectStore>(std::move(connection), std::move(options));
}

}  // namespace

Result<StorePtr> OpenStore(const config::SnapshotConfig& config,
                           std::shared_ptr<nats::Connection> connection) {
  switch (config.store) {
    case config::SnapshotStore::kNats:
      return OpenNats(config.nats, std::move(connection));
    case config::SnapshotStore::kS3:
      return OpenS3(config.s3);
    case config::SnapshotStore::kWebdav:
      return OpenWebdav(config.webdav);
    case config::SnapshotStore::kSftp:
      return OpenSftp(config.sftp);
    case config::SnapshotStore::kFile:
      return StorePtr(std::make_unique<stores::DirectoryStore>(config.file.path));
  }
  HL_CHECK(false);
}

std::string DescribeStore(const config::SnapshotConfig& config) {
  switch (config.store) {
    case config::SnapshotStore::kNats:
      return "the NATS bucket " + config.nats.bucket;
    case config::SnapshotStore::kS3:
      return fmt::format("the S3 bucket {} at {}", config.s3.bucket, config.s3.endpoint);
    case config::SnapshotStore::kWebdav:
      return RedactUrl(config.webdav.url.reveal());
    case config::SnapshotStore::kSftp:
      return RedactUrl(config.sftp.url.reveal());
    case config::SnapshotStore::kFile:
      return "the directory " + config.file.path;
  }
  HL_CHECK(false);
}

}  // namespace harmonylite::cli
