// Private to src/adapters/stores: one HTTP request and its answer, over a CurlHandle.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "adapters/stores/store_curl.h"

namespace harmonylite::stores {

struct HttpRequest {
  std::string method;
  std::string url;  // without credentials: shown in errors
  std::vector<std::string> headers;
  UploadSource* body = nullptr;  // null: none
  Spool* sink = nullptr;         // gets the body of an answer with a status of 200; cleared first
  ports::Transfer* transfer = nullptr;
  uint64_t transfer_base = 0;  // what was moved before this request
};

struct HttpResponse {
  long status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // what did not go into a sink
};

// Signs `curl` with whatever the server wants to see.
using HttpLogin = std::function<void(CURL* curl)>;

// An answer of any status is ok. Errors: the connection's, and those of the spools.
Result<HttpResponse> SendHttp(CurlHandle* handle, const HttpLogin& login,
                              const HttpRequest& request, bool* final);

// What a status that is no success means: kRetryLater (and *final for a full disk), kNotFound or
// kInvalidArgument. `text`: what the server says about it.
Error HttpError(const HttpRequest& request, long status, std::string_view text, bool* final);

}  // namespace harmonylite::stores
