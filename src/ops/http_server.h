// Answers a few fixed paths over HTTP, for health checks and metrics. It supports only GET and HEAD
// and has no TLS, so it should be bound where only trusted machines can reach it.
//
// Threads: one owner. Answers are made on threads of the server, several of which may call the same
// function at once.
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
  std::string path;  // must equal the path of the request
  std::function<HttpAnswer()> answer;
};

class HttpServer {
 public:
  // Binds to `host`, an address or empty for all interfaces, and to `port`, where -1 or 0 means a
  // free one. kInvalidArgument: the address cannot be bound; the message names it.
  static Result<std::unique_ptr<HttpServer>> Start(const std::string& host, int port,
                                                   std::vector<HttpRoute> routes);
  virtual ~HttpServer() = default;  // ends requests in progress within seconds
  virtual int port() const = 0;
};

}  // namespace harmonylite::ops
