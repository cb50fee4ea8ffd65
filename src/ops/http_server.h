// Answers a few fixed paths over HTTP, for health checks and metrics. GET only, no TLS: bind it where only your
// own machines can ask.
//
// Threads: Start by one; handlers run on threads of the server, one request at a time each.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace harmonylite::ops {

struct HttpAnswer {
  int status = 200;
  std::string type;
  std::string body;
};

struct HttpRoute {
  std::string path;  // compared as it is
  std::function<HttpAnswer()> answer;
};

class HttpServer {
 public:
  // `host`: an address, or empty for all interfaces. `port`: -1 or 0 for a free one.
  // kInvalidArgument: the address cannot be bound; the message names it.
  static Result<std::unique_ptr<HttpServer>> Start(const std::string& host, int port,
                                                   std::vector<HttpRoute> routes);
  virtual ~HttpServer() = default;  // ends requests in progress within seconds
  virtual int port() const = 0;
};

}  // namespace harmonylite::ops
