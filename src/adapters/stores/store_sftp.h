// Stores objects as files in a directory of an SSH server, over SFTP.
//
// A file is sent under a temporary name and then renamed, so a file with an object's name is always
// complete. SFTP cannot rename over an existing file. Therefore the existing file is first renamed
// to "~old-<name>", where readers find it in the meantime.
//
// Threads: one call at a time, as ports::ObjectStore demands.
#pragma once

#include <memory>
#include <string>

#include "adapters/stores/store_limits.h"
#include "adapters/stores/store_url.h"
#include "ports/object_store.h"

namespace harmonylite::stores {

class CurlHandle;  // private, adapters/stores/store_curl.h

struct SftpOptions {
  std::string url;               // "sftp://user:password@host:port/path"
  std::string key_file;          // private key without passphrase; empty: use the URL's password
  std::string known_hosts_file;  // in the format of OpenSSH
  StoreLimits limits;
};

class SftpStore final : public ports::ObjectStore {
 public:
  // kInvalidArgument: the URL or a file cannot be used; the message holds no secret.
  static Result<std::unique_ptr<SftpStore>> Make(const SftpOptions& options);
  ~SftpStore() override;

  Status Put(const std::string& name, const Spool& content, ports::Transfer* transfer) override;
  Status Get(const std::string& name, Spool* out, ports::Transfer* transfer) override;
  Result<std::vector<ports::ObjectInfo>> List(const std::string& prefix) override;
  Status Delete(const std::string& name) override;

  // The host key that the server showed at the newest connection.
  struct HostKey {
    bool accepted = true;
    bool differs = false;     // whether another key is known for this server
    std::string fingerprint;  // "SHA256:" and base64
  };

 private:
  SftpStore(const SftpOptions& options, StoreUrl url);

  struct Request;
  std::string PathOf(const std::string& name) const;
  void Prepare();
  Status Perform(const Request& request, bool* final);
  Status RunCommands(const std::vector<std::string>& commands, bool* final);
  Status PutOnce(const std::string& name, const Spool& content, ports::Transfer* transfer,
                 bool* final);
  Status GetFile(const std::string& name, Spool* out, ports::Transfer* transfer, bool* final);
  Result<std::vector<ports::ObjectInfo>> ListAll(bool* final);
  Error HostKeyError() const;
  Error WithPlace(Error error, const std::string& what) const;

  const SftpOptions options_;
  const StoreUrl url_;
  const std::vector<std::string> folders_;
  const std::string place_;  // address without credentials, for messages
  HostKey host_key_;
  const std::unique_ptr<CurlHandle> curl_;
};

}  // namespace harmonylite::stores
