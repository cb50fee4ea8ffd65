#include "adapters/stores/store_s3.h"

#include <algorithm>

#include "adapters/stores/store_http.h"
#include "adapters/stores/store_s3_xml.h"
#include "adapters/stores/store_url.h"
#include "base/sha256.h"

namespace harmonylite::stores {

namespace {

constexpr size_t kHashChunk = 1 << 20;
constexpr uint64_t kMaxParts = 9'000;  // the protocol allows 10,000
// The protocol forbids naming this region when a bucket is made.
constexpr std::string_view kHomeRegion = "us-east-1";

std::string HashOf(std::string_view text) { return Hex(Sha256Of(text)); }

Result<std::string> HashOf(const Spool& content, uint64_t offset, uint64_t length,
                           const ports::Transfer* transfer) {
  Sha256Sum hash;
  std::string chunk;
  for (uint64_t done = 0; done < length; done += chunk.size()) {
    HL_TRY(ports::CheckCancelled(transfer));
    HL_TRY(content.ReadAt(offset + done, std::min<uint64_t>(kHashChunk, length - done), &chunk));
    hash.Add(chunk);
  }
  return Hex(hash.Finish());
}

std::string HashHeader(const std::string& hash) { return "x-amz-content-sha256: " + hash; }

}  // namespace

// The state of an upload in parts.
struct S3Store::Upload {
  std::string url;
  std::string id;
  uint64_t size = 0;
  uint64_t part_bytes = 0;
  ports::Transfer* transfer = nullptr;
  std::vector<std::string> tags;  // tags of the parts that were sent
};

struct S3Store::Part {
  uint64_t number = 1;
  uint64_t offset = 0;
  uint64_t length = 0;
  std::string tag;
};

S3Store::S3Store(S3Options options)
    : options_(std::move(options)),
      curl_(std::make_unique<CurlHandle>(options_.limits, options_.ca_file)) {}

S3Store::~S3Store() = default;

std::string S3Store::UrlOfBucket() const {
  const char* scheme = options_.use_tls ? "https" : "http";
  return options_.path_style
             ? fmt::format("{}://{}/{}", scheme, options_.endpoint, options_.bucket)
             : fmt::format("{}://{}.{}", scheme, options_.bucket, options_.endpoint);
}

std::string S3Store::KeyPrefix() const {
  std::string out;
  for (const std::string& part : PathParts(options_.path)) out += part + "/";
  return out;
}

std::string S3Store::UrlOf(const std::string& name) const {
  return UrlOfBucket() + EncodedPath(PathParts(options_.path)) + "/" + name;
}

Error S3Store::WithPlace(Error error, const std::string& what) const {
  return std::move(error).Wrap(
      fmt::format("cannot {} the bucket {} at {}", what, options_.bucket, options_.endpoint));
}

std::string S3Store::WithoutSecrets(std::string text) const {
  for (const std::string* secret :
       {&options_.secret, &options_.session_token, &options_.access_key}) {
    if (secret->empty()) continue;
    for (size_t at = 0; (at = text.find(*secret, at)) != std::string::npos;)
      text.replace(at, secret->size(), "***");
  }
  return text;
}

Error S3Store::ErrorOf(const HttpRequest& request, const HttpResponse& response,
                       bool* final) const {
  const S3Failure failure = ParseS3Failure(response.body);
  const std::string text =
      WithoutSecrets(failure.code.empty() ? "" : failure.code + ": " + failure.message);
  if (failure.code == "NoSuchBucket")
    return MakeError(ErrorCode::kNotFound, "there is no such bucket");
  if (failure.code == "RequestTimeTooSkewed")
    return MakeError(ErrorCode::kInvalidArgument, "{}: set the clock of this machine", text);
  if (failure.code == "SignatureDoesNotMatch" || failure.code == "InvalidAccessKeyId" ||
      failure.code == "InvalidToken" || failure.code == "ExpiredToken" ||
      failure.code == "TokenRefreshRequired")
    return MakeError(ErrorCode::kInvalidArgument,
                     "{}: correct access_key, secret and session_token", text);
  if (failure.code == "SlowDown" || failure.code == "RequestTimeout" ||
      failure.code == "OperationAborted" || failure.code == "BadDigest" ||
      failure.code == "XAmzContentSHA256Mismatch")
    return MakeError(ErrorCode::kRetryLater, "{}", text);
  if (failure.code == "BucketAlreadyOwnedByYou") return MakeError(ErrorCode::kConflict, "{}", text);
  if (const auto region = response.headers.find("x-amz-bucket-region");
      response.status == 301 && region != response.headers.end())
    return MakeError(ErrorCode::kInvalidArgument,
                     "the bucket is in the region {}: set region to it", region->second);
  return HttpError(request, response.status, text, final);
}

Result<HttpResponse> S3Store::Send(HttpRequest request, bool* final) {
  if (!options_.session_token.empty())
    request.headers.push_back("x-amz-security-token: " + options_.session_token);
  const std::string provider = "aws:amz:" + options_.region + ":s3";
  const auto login = [&](CURL* curl) {
    if (options_.access_key.empty()) return;
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, provider.c_str());
    curl_easy_setopt(curl, CURLOPT_USERNAME, options_.access_key.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, options_.secret.c_str());
  };
  HL_ASSIGN(HttpResponse response, SendHttp(curl_.get(), login, request, final));
  if (response.status >= 200 && response.status < 300) return response;
  return ErrorOf(request, response, final);
}

Result<HttpResponse> S3Store::SendBytes(HttpRequest request, const Spool& content, uint64_t offset,
                                        uint64_t length, bool* final) {
  HL_ASSIGN(const std::string hash, HashOf(content, offset, length, request.transfer));
  UploadSource body(&content, offset, length);
  request.body = &body;
  request.headers.push_back(HashHeader(hash));
  return Send(std::move(request), final);
}

Result<HttpResponse> S3Store::SendText(const std::string& method, const std::string& url,
                                       const std::string& text, ports::Transfer* transfer,
                                       bool* final) {
  HL_TRY(ports::CheckCancelled(transfer));
  UploadSource body(text);
  HttpRequest request;
  request.method = method;
  request.url = url;
  request.headers = {HashHeader(HashOf(text))};
  // A POST without a body must still declare an empty one.
  if (method == "POST" || !text.empty()) {
    request.headers.push_back("Content-Type: application/xml");
    request.body = &body;
  }
  return Send(std::move(request), final);
}

Status S3Store::MakeBucket(bool* final) {
  const std::string where = options_.region == kHomeRegion ? "" : S3LocationXml(options_.region);
  auto made =
      SendText("PUT", UrlOfBucket() + (options_.path_style ? "" : "/"), where, nullptr, final);
  // kConflict: the bucket exists, because another node was faster.
  if (!made.ok() && made.error().code() != ErrorCode::kConflict)
    return std::move(made).error().Wrap("making the bucket");
  return Ok();
}

Status S3Store::Put(const std::string& name, const Spool& content, ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  Status status = Ok();
  if (content.size() > options_.whole_limit) {
    status = PutInParts(name, content, transfer);
  } else {
    status = ports::RetryTransfer(options_.limits.retry, transfer, [&](bool* final) {
      return PutWhole(name, content, transfer, final);
    });
  }
  if (!status.ok()) return WithPlace(std::move(status).error(), "put " + name + " into");
  if (transfer != nullptr) transfer->bytes = content.size();
  return Ok();
}

Status S3Store::PutWhole(const std::string& name, const Spool& content, ports::Transfer* transfer,
                         bool* final) {
  HttpRequest request;
  request.method = "PUT";
  request.url = UrlOf(name);
  request.transfer = transfer;
  auto sent = SendBytes(request, content, 0, content.size(), final);
  if (!sent.ok() && sent.error().code() == ErrorCode::kNotFound) {
    HL_TRY(MakeBucket(final));
    sent = SendBytes(request, content, 0, content.size(), final);
  }
  if (!sent.ok()) return std::move(sent).error();
  return Ok();
}

Status S3Store::PutInParts(const std::string& name, const Spool& content,
                           ports::Transfer* transfer) {
  const auto& retry = options_.limits.retry;
  Upload upload;
  upload.url = UrlOf(name);
  upload.size = content.size();
  upload.part_bytes = std::max(options_.part_bytes, (content.size() + kMaxParts - 1) / kMaxParts);
  upload.transfer = transfer;
  HL_TRY(ports::RetryTransfer(retry, transfer, [&](bool* final) { return Begin(&upload, final); }));
  Status status = Ok();
  Part part;
  while (status.ok() && part.offset < upload.size) {
    part.length = std::min(upload.part_bytes, upload.size - part.offset);
    status = ports::RetryTransfer(
        retry, transfer, [&](bool* final) { return SendPart(upload, content, &part, final); });
    upload.tags.push_back(part.tag);
    part.offset += part.length;
    ++part.number;
  }
  if (status.ok())
    status =
        ports::RetryTransfer(retry, transfer, [&](bool* final) { return Complete(upload, final); });
  if (!status.ok()) Abort(upload);
  return status;
}

Status S3Store::Begin(Upload* upload, bool* final) {
  const std::string url = upload->url + "?uploads=";
  auto begun = SendText("POST", url, "", upload->transfer, final);
  if (!begun.ok() && begun.error().code() == ErrorCode::kNotFound) {
    HL_TRY(MakeBucket(final));
    begun = SendText("POST", url, "", upload->transfer, final);
  }
  if (!begun.ok()) return std::move(begun).error();
  HL_ASSIGN(upload->id, ParseS3UploadId(begun->body));
  return Ok();
}

Status S3Store::SendPart(const Upload& upload, const Spool& content, Part* part, bool* final) {
  HttpRequest request;
  request.method = "PUT";
  request.url =
      fmt::format("{}?partNumber={}&uploadId={}", upload.url, part->number, UrlEncode(upload.id));
  request.transfer = upload.transfer;
  request.transfer_base = part->offset;
  HL_ASSIGN(const HttpResponse sent,
            SendBytes(std::move(request), content, part->offset, part->length, final));
  const auto tag = sent.headers.find("etag");
  if (tag == sent.headers.end())
    return MakeError(ErrorCode::kInvalidArgument,
                     "the server took a part and did not name it (ETag)");
  part->tag = tag->second;
  return Ok();
}

Status S3Store::Complete(const Upload& upload, bool* final) {
  const std::string url = upload.url + "?uploadId=" + UrlEncode(upload.id);
  auto completed = SendText("POST", url, S3CompleteXml(upload.tags), upload.transfer, final);
  if (!completed.ok() && completed.error().code() == ErrorCode::kNotFound) {
    // An earlier attempt may have succeeded although its answer was lost.
    HttpRequest head;
    head.method = "HEAD";
    head.url = upload.url;
    head.headers = {HashHeader(HashOf(""))};
    const auto found = Send(std::move(head), final);
    if (found.ok() && found->headers.count("content-length") != 0 &&
        found->headers.at("content-length") == std::to_string(upload.size))
      return Ok();
  }
  if (!completed.ok()) return std::move(completed).error();
  // The server sends the status before it has done the work; the body says how the work ended.
  const S3Failure failure = ParseS3Failure(completed->body);
  if (failure.code.empty()) return Ok();
  return MakeError(ErrorCode::kRetryLater, "putting the parts together: {}: {}", failure.code,
                   WithoutSecrets(failure.message));
}

void S3Store::Abort(const Upload& upload) {
  bool final = false;
  // If aborting fails too, the parts stay until the bucket's own rule about incomplete uploads
  // removes them.
  (void)SendText("DELETE", upload.url + "?uploadId=" + UrlEncode(upload.id), "", nullptr, &final);
}

Status S3Store::Get(const std::string& name, Spool* out, ports::Transfer* transfer) {
  HL_TRY(ports::CheckObjectName(name));
  Status status = ports::RetryTransfer(options_.limits.retry, transfer, [&](bool* final) -> Status {
    HttpRequest request;
    request.method = "GET";
    request.url = UrlOf(name);
    request.headers = {HashHeader(HashOf(""))};
    request.sink = out;
    request.transfer = transfer;
    auto got = Send(std::move(request), final);
    return got.ok() ? Ok() : Status(std::move(got).error());
  });
  if (!status.ok()) return WithPlace(std::move(status).error(), "get " + name + " from");
  if (transfer != nullptr) transfer->bytes = out->size();
  return Ok();
}

Result<std::vector<ports::ObjectInfo>> S3Store::List(const std::string& prefix) {
  std::vector<ports::ObjectInfo> out;
  const std::string folder = KeyPrefix();
  S3Listing page;
  do {
    // The signature covers the keys of the query in alphabetical order, so they are written so.
    std::string url = UrlOfBucket() + (options_.path_style ? "?" : "/?");
    if (!page.next.empty()) url += "continuation-token=" + UrlEncode(page.next) + "&";
    url += "list-type=2&prefix=" + UrlEncode(folder + prefix);
    const Status status =
        ports::RetryTransfer(options_.limits.retry, nullptr, [&](bool* final) -> Status {
          HL_ASSIGN(const HttpResponse got, SendText("GET", url, "", nullptr, final));
          HL_ASSIGN(page, ParseS3Listing(got.body));
          return Ok();
        });
    if (!status.ok() && status.error().code() == ErrorCode::kNotFound) return out;
    if (!status.ok()) return WithPlace(status.error().Copy(), "list");
    for (const ports::ObjectInfo& object : page.objects) {
      if (!object.name.starts_with(folder)) continue;
      const std::string name = object.name.substr(folder.size());
      if (ports::IsObjectName(name)) out.push_back({name, object.size});
    }
  } while (!page.next.empty());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

Status S3Store::Delete(const std::string& name) {
  HL_TRY(ports::CheckObjectName(name));
  const Status status =
      ports::RetryTransfer(options_.limits.retry, nullptr, [&](bool* final) -> Status {
        auto gone = SendText("DELETE", UrlOf(name), "", nullptr, final);
        if (gone.ok() || gone.error().code() == ErrorCode::kNotFound) return Ok();
        return std::move(gone).error();
      });
  if (status.ok()) return Ok();
  return WithPlace(status.error().Copy(), "delete " + name + " in");
}

}  // namespace harmonylite::stores
