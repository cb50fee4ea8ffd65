// Private to src/adapters/stores: one HTTP request and its answer, over a CurlHandle.
//
// Threads: one at a time for each CurlHandle.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/stores/store_curl.h"

namespace harmonylite::stores {

struct HttpRequest {
  std::string method;
  std::string url;  // shown in errors, so it must hold no credentials
  std::vector<std::string> headers;
  UploadSource* body = nullptr;  // null for a request without body
  // Receives the body of an answer with status 200, and is cleared first; may be null.
  Spool* sink = nullptr;
  ports::Transfer* transfer = nullptr;
  uint64_t transfer_base = 0;  // bytes moved before this request
};

struct HttpResponse {
  long status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // what did not go into a sink
};

// Adds to `curl` the credentials or signature that the server demands.
using HttpLogin = std::function<void(CURL* curl)>;

// Sends a request. An answer of any status is a success; the errors are those of the connection and
// of the spools.
Result<HttpResponse> SendHttp(CurlHandle* handle, const HttpLogin& login,
                              const HttpRequest& request, bool* final);

// Translates a status that is no success: to kRetryLater (with *final set for a full disk),
// kNotFound or kInvalidArgument. `text` is the server's explanation, or empty.
Error HttpError(const HttpRequest& request, long status, std::string_view text, bool* final);

}  // namespace harmonylite::stores
