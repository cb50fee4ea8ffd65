#include "adapters/stores/store_webdav.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "adapters/stores/store_http.h"
#include "adapters/stores/store_url.h"
#include "adapters/stores/store_webdav_xml.h"

namespace harmonylite::stores {

namespace {

std::string Value(const StoreUrl& url, const char* key, const std::string& otherwise) {
  const auto it = url.query.find(key);
  return it != url.query.end() ? it->second : otherwise;
}

}  // namespace

Result<std::unique_ptr<WebdavStore>> WebdavStore::Make(const WebdavOptions& options) {
  HL_ASSIGN(const StoreUrl url, ParseStoreUrl(options.url));
  return std::unique_ptr<WebdavStore>(new WebdavStore(
      options, url.server + EncodedPath(PathParts(url.path)), PathParts(Value(url, "dir", "")),
      Value(url, "login", url.user), Value(url, "secret", url.password)));
}

WebdavStore::WebdavStore(const WebdavOptions& options, std::string base,
                         std::vector<std::string> folders, std::string user, std::string password)
    : limits_(options.limits),
      base_(std::move(base)),
      folders_(std::move(folders)),
      folder_(base_ + EncodedPath(folders_)),
      user_(std::move(user)),
      password_(std::move(password)),
      curl_(std::make_unique<CurlHandle>(limits_, options.ca_file)) {}

WebdavStore::~WebdavStore() = default;

Result<HttpResponse> WebdavStore::Send(const HttpRequest& request, bool* final) {
  const auto login = [&](CURL* curl) {
    if (user_.empty() && password_.empty()) return;
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_USERNAME, user_.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, password_.c_str());
  };
  HL_ASSIGN(HttpResponse response, SendHttp(curl_.get(), login, request, final));
  if (response.status >= 200 && response.status < 300) return response;
  if (response.status == 409)
    return MakeError(ErrorCode::kNotFound, "{} {}: a folder above it is missing", request.method,
                     request.url);
  // A WebDAV server's error pages are written for people, and say no more than the status does.
  return HttpError(request, response.status, "", final);
}

Status WebdavStore::SendSimple(const char* method, const std::string& url, bool* final) {
  HttpRequest request;
  request.method = method;
  request.url = url;
  auto sent = Send(request, final);
  return sent.ok() ? Ok() : Status(std::move(sent).error());
}

Status WebdavStore::MakeFolders(bool* final) {
  std::string url = base_;
  for (const std::string& folder : folders_) {
    url += "/" + UrlEncode(folder);
    HttpRequest request;
    request.method = "MKCOL";
    request.url = url + "/";
    auto made = Send(request, final);
    // Status 405 means that the folder exists already. The next request shows whether the folders
    // can be used.
    if (!made.ok() && made.error().code() == ErrorCode::kRetryLater) return std::move(made).error();
  }
  return Ok();
}

Status WebdavStore::Upload(const std::string& url, const Spool& content, ports::Transfer* transfer,
                           bool* final) {
  UploadSource body(&content, 0, content.size());
  HttpRequest request;
  request.method = "PUT";
  request.url = url;
  request.headers = {"Content-Type: application/octet-stream"};
  request.body = &body;
  request.transfer = transfer;
  auto sent = Send(request, final);
  return sent.ok() ? Ok() : Status(std::move(sent).error());
}

Status WebdavStore::Move(const std::string& from, const std::string& to, bool* final) {
  HttpRequest request;
  request.method = "MOVE";
  request.url = from;
  request.headers = {"Destination: " + to, "Overwrite: T"};
  auto sent = Send(request, final);
  return sent.ok() ? Ok() : Status(std::move(sent).error());
}

Status WebdavStore::PutOnce(const std::string& name, const Spool& content,
                            ports::Transfer* transfer, bool* final) {
  // Listing the folder also shows whether it exists, before anything large is sent.
  auto found = ListAll(final);
  if (!found.ok() && found.error().code() == ErrorCode::kNotFound) {
    HL_TRY(MakeFolders(final));
  } else if (!found.ok()) {
    return std::move(found).error();
  } else {
    bool ignored = false;
    for (const ports::ObjectInfo& file : *found) {
      if (IsStalePart(file.name)) (void)SendSimple("DELETE", UrlOf(file.name), &ignored);
    }
  }
  const std::string part = UrlOf(NewPartName());
  Status status = Upload(part, content, transfer, final);
  if (status.ok()) status = ports::CheckCancelled(transfer);
  if (status.ok()) status = Move(part, UrlOf(name), final);
  if (status.ok()) return status;
  bool ignored = false;
  (void)SendSimple("DELETE", part, &ignored);
  if (status.error().code() != ErrorCode::kNotFound) return status;
  return MakeError(ErrorCode::kInvalidArgument, "{}: make the folder {}, or correct the URL",
                   status.error().message(), base_);
}

Status WebdavStore::Put(const std::string& name, const Spool& content, ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  Status status = ports::RetryTransfer(limits_.retry, transfer, [&](bool* final) {
    return PutOnce(name, content, transfer, final);
  });
  if (!status.ok()) return std::move(status).error().Wrap("cannot put " + name);
  if (transfer != nullptr) transfer->bytes = content.size();
  return Ok();
}

namespace {

constexpr int kLooks = 4;
constexpr std::chrono::milliseconds kBetweenLooks{50};

bool IsPassing(const Error& error) { return error.code() == ErrorCode::kRetryLater; }

}  // namespace

// Apache measures a file before it opens it. If another file takes its place in between, Apache
// sends the new file cut to the length of the former one, and under the tag of the former one. So
// the tag is compared with the tag that the name has after the transfer.
Status WebdavStore::CheckSame(const std::string& name, const HttpResponse& got, bool* final) {
  const auto tag = got.headers.find("etag");
  if (tag == got.headers.end()) return Ok();
  HttpRequest request;
  request.method = "HEAD";
  request.url = UrlOf(name);
  auto now = Send(request, final);
  if (now.ok() && now->headers.count("etag") != 0 && now->headers.at("etag") == tag->second)
    return Ok();
  if (!now.ok() && IsPassing(now.error())) return std::move(now).error();
  *final = false;
  return MakeError(ErrorCode::kRetryLater, "{} was replaced while it was read", name);
}

Status WebdavStore::Get(const std::string& name, Spool* out, ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  Status status = ports::RetryTransfer(limits_.retry, transfer, [&](bool* final) -> Status {
    HttpRequest request;
    request.method = "GET";
    request.url = UrlOf(name);
    request.sink = out;
    request.transfer = transfer;
    auto got = Send(request, final);
    // The MOVE of Apache's mod_dav first removes the file that it replaces. For a moment the name
    // does not exist, or may not be read, so a refused request is repeated a few times.
    for (int look = 1; look < kLooks && !got.ok() && !IsPassing(got.error()); ++look) {
      std::this_thread::sleep_for(kBetweenLooks);
      out->Clear();
      got = Send(request, final);
    }
    if (!got.ok()) return std::move(got).error();
    return CheckSame(name, *got, final);
  });
  if (!status.ok()) return std::move(status).error().Wrap("cannot get " + name);
  if (transfer != nullptr) transfer->bytes = out->size();
  return Ok();
}

Result<std::vector<ports::ObjectInfo>> WebdavStore::ListAll(bool* final) {
  UploadSource body{std::string(kWebdavListRequest)};
  HttpRequest request;
  request.method = "PROPFIND";
  request.url = folder_ + "/";
  request.headers = {"Depth: 1", "Content-Type: application/xml"};
  request.body = &body;
  HL_ASSIGN(const HttpResponse response, Send(request, final));
  return ParseWebdavListing(response.body);
}

Result<std::vector<ports::ObjectInfo>> WebdavStore::List(const std::string& prefix) {
  std::vector<ports::ObjectInfo> out;
  Status status = ports::RetryTransfer(limits_.retry, nullptr, [&](bool* final) -> Status {
    out.clear();
    auto all = ListAll(final);
    if (!all.ok() && all.error().code() == ErrorCode::kNotFound) return Ok();
    if (!all.ok()) return std::move(all).error();
    for (ports::ObjectInfo& file : *all) {
      if (file.name.starts_with(prefix) && ports::IsObjectName(file.name))
        out.push_back(std::move(file));
    }
    return Ok();
  });
  if (!status.ok()) return std::move(status).error().Wrap("cannot list the snapshots");
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

Status WebdavStore::Delete(const std::string& name) {
  HL_TRY(ports::CheckObjectName(name));
  Status status = ports::RetryTransfer(limits_.retry, nullptr, [&](bool* final) -> Status {
    Status gone = SendSimple("DELETE", UrlOf(name), final);
    return !gone.ok() && gone.error().code() == ErrorCode::kNotFound ? Ok() : std::move(gone);
  });
  if (!status.ok()) return std::move(status).error().Wrap("cannot delete " + name);
  return Ok();
}

}  // namespace harmonylite::stores
