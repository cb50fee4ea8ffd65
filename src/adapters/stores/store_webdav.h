// Objects as files in a folder of a WebDAV server.
//
// A file is put under another name and moved to its place, so that what has an object's name is
// whole.
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
  // "https://host/path?dir=/folder&login=user&secret=password". The path must exist; the folders of
  // dir are made by the first Put. user:password@ before the host works, too.
  std::string url;
  std::string ca_file;  // certificates to trust; empty: the system's
  StoreLimits limits;
};

class WebdavStore final : public ports::ObjectStore {
 public:
  // kInvalidArgument: the URL; the message holds nothing of it.
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
  // Sends and checks the status.
  Result<HttpResponse> Send(const HttpRequest& request, bool* final);
  Status SendSimple(const char* method, const std::string& url, bool* final);
  Status PutOnce(const std::string& name, const Spool& content, ports::Transfer* transfer,
                 bool* final);
  Status Upload(const std::string& url, const Spool& content, ports::Transfer* transfer, bool* final);
  Status Move(const std::string& from, const std::string& to, bool* final);
  Status MakeFolders(bool* final);
  // kRetryLater: another object has taken this one's place since `got` was asked for.
  Status CheckSame(const std::string& name, const HttpResponse& got, bool* final);
  // Everything in the folder, whatever its name.
  Result<std::vector<ports::ObjectInfo>> ListAll(bool* final);

  const StoreLimits limits_;
  const std::string base_;                  // URL of the folder that must exist
  const std::vector<std::string> folders_;  // within it
  const std::string folder_;                // URL of the innermost
  const std::string user_;
  const std::string password_;
  const std::unique_ptr<CurlHandle> curl_;
};

}  // namespace harmonylite::stores
