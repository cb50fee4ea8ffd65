#include "adapters/stores/store_http.h"

#include <algorithm>
#include <cctype>

namespace harmonylite::stores {

namespace {

// Most bytes of an answer that is not an object, such as a listing or an error.
constexpr size_t kMaxBody = 32 << 20;
constexpr size_t kMaxErrorText = 300;

struct Receiver {
  CURL* curl;
  Spool* sink;
  HttpResponse response;
  Status status = Ok();
};

size_t OnBody(char* data, size_t size, size_t count, void* self) {
  auto* receiver = static_cast<Receiver*>(self);
  const std::string_view bytes(data, size * count);
  long status = 0;
  curl_easy_getinfo(receiver->curl, CURLINFO_RESPONSE_CODE, &status);
  if (receiver->sink != nullptr && status == 200) {
    receiver->status = receiver->sink->Append(bytes);
  } else if (receiver->response.body.size() + bytes.size() > kMaxBody) {
    receiver->status = MakeError(ErrorCode::kInvalidArgument,
                                 "an answer is larger than {} MiB: give the snapshots a folder of "
                                 "their own",
                                 kMaxBody >> 20);
  } else {
    receiver->response.body.append(bytes);
  }
  return receiver->status.ok() ? bytes.size() : 0;
}

size_t OnHeader(char* data, size_t size, size_t count, void* self) {
  auto* receiver = static_cast<Receiver*>(self);
  std::string_view line(data, size * count);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  // Headers of "100 Continue" must not be mixed with those of the answer that follows it.
  if (line.starts_with("HTTP/")) receiver->response.headers.clear();
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  receiver->response.headers[name] = value;
  return size * count;
}

// Returns the beginning of what a server says, with control characters replaced by spaces.
std::string OneLine(std::string_view text) {
  std::string out(text.substr(0, kMaxErrorText));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return out;
}

}  // namespace

Result<HttpResponse> SendHttp(CurlHandle* handle, const HttpLogin& login,
                              const HttpRequest& request, bool* final) {
  handle->Reset();
  CURL* curl = handle->get();
  Receiver receiver{curl, request.sink, {}};
  if (request.sink != nullptr) request.sink->Clear();
  const SlistPtr headers = MakeSlist(request.headers);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (request.body != nullptr) request.body->Attach(curl);
  if (request.method == "HEAD")
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  else
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &receiver);
  login(curl);
  Status performed = handle->Perform(request.url, request.transfer, request.transfer_base, final);
  if (!receiver.status.ok() || (request.body != nullptr && !request.body->status().ok())) {
    *final = true;  // the failure is in our own spool, so a retry is of no use
    return receiver.status.ok() ? request.body->status().error().Copy()
                                : std::move(receiver.status).error();
  }
  if (!performed.ok()) return std::move(performed).error();
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &receiver.response.status);
  return std::move(receiver.response);
}

Error HttpError(const HttpRequest& request, long status, std::string_view text, bool* final) {
  ErrorCode code = ErrorCode::kInvalidArgument;
  const char* advice = "";
  switch (status) {
    case 401:
      advice = ": correct the user and the password";
      break;
    case 403:
      advice = ": give our user the right to read and write there, or correct the credentials";
      break;
    case 404:
      code = ErrorCode::kNotFound;
      break;
    case 408:
    case 423:
    case 425:
    case 429:
      code = ErrorCode::kRetryLater;
      break;
    case 413:
      advice = ": raise the server's limit for uploads";
      break;
    case 507:
      code = ErrorCode::kRetryLater;
      *final = true;
      advice = ": make room there";
      break;
    default:
      if (status >= 500) code = ErrorCode::kRetryLater;
      if (status >= 300 && status < 400) advice = ": correct the address, it points elsewhere";
      break;
  }
  return MakeError(code, "{} {} was answered with {}{}{}{}", request.method, request.url, status,
                   text.empty() ? "" : ": ", OneLine(text), advice);
}

}  // namespace harmonylite::stores
