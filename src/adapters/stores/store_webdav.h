// Stores objects as files in a folder of a WebDAV server.
//
// A file is sent under a temporary name and then moved to its place, so a file with an object's
// name is always complete.
//
// Threads: one call at a time, as ports::ObjectStore demands.
#pragma once

#include <memory>
#include <string>

#include "adapters/stores/store_limits.h"
#include "ports/object_store.h"

namespace harmonylite::stores {

class CurlHandle;    // private, adapters/stores/store_curl.h
struct HttpRequest;  // private, adapters/stores/store_http.h
struct HttpResponse;

struct WebdavOptions {
  // "https://host/path?dir=/folder&login=user&secret=password". The path must exist; the first
  // Put() makes the folders of dir. Credentials may also stand before the host, as in
  // user:password@host.
  std::string url;
  std::string ca_file;  // certificates to trust; empty for the system's
  StoreLimits limits;
};

class WebdavStore final : public ports::ObjectStore {
 public:
  // kInvalidArgument: the URL cannot be used; the message quotes nothing of it.
  static Result<std::unique_ptr<WebdavStore>> Make(const WebdavOptions& options);
  ~WebdavStore() override;

  Status Put(const std::string& name, const Spool& content, ports::Transfer* transfer) override;
  Status Get(const std::string& name, Spool* out, ports::Transfer* transfer) override;
  Result<std::vector<ports::ObjectInfo>> List(const std::string& prefix) override;
  Status Delete(const std::string& name) override;

 private:
  WebdavStore(const WebdavOptions& options, std::string base, std::vector<std::string> folders,
              std::string user, std::string password);

  std::string UrlOf(const std::string& name) const { return folder_ + "/" + name; }
  // Sends a request, and turns a status that is no success into an error.
  Result<HttpResponse> Send(const HttpRequest& request, bool* final);
  Status SendSimple(const char* method, const std::string& url, bool* final);
  Status PutOnce(const std::string& name, const Spool& content, ports::Transfer* transfer,
                 bool* final);
  Status Upload(const std::string& url, const Spool& content, ports::Transfer* transfer,
                bool* final);
  Status Move(const std::string& from, const std::string& to, bool* final);
  Status MakeFolders(bool* final);
  // Checks that `name` is still the object that `got` answered with. kRetryLater: another object
  // has taken its place.
  Status CheckSame(const std::string& name, const HttpResponse& got, bool* final);
  // Returns every file in the folder, whatever its name.
  Result<std::vector<ports::ObjectInfo>> ListAll(bool* final);

  const StoreLimits limits_;
  const std::string base_;                  // URL of the folder that must exist
  const std::vector<std::string> folders_;  // folders below base_, outermost first
  const std::string folder_;                // URL of the innermost folder
  const std::string user_;
  const std::string password_;
  const std::unique_ptr<CurlHandle> curl_;
};

}  // namespace harmonylite::stores
