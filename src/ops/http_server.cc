#include "ops/http_server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <cstring>
#include <thread>

#include "base/thread_name.h"

namespace harmonylite::ops {

namespace {

// Enough for a health check, a scraper of metrics, and a client that hangs.
constexpr size_t kThreads = 3;
constexpr time_t kTimeoutS = 2;

class HttplibServer final : public HttpServer {
 public:
  ~HttplibServer() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Listen(const std::string& host, int port, std::vector<HttpRoute> routes) {
    Configure();
    routes_ = std::move(routes);
    server_.set_pre_routing_handler(
        [this](const httplib::Request& request, httplib::Response& response) {
          Handle(request, &response);
          return httplib::Server::HandlerResponse::Handled;
        });
    const std::string address = host.empty() ? "0.0.0.0" : host;
    if (port > 0)
      port_ = server_.bind_to_port(address, port) ? port : -1;
    else
      port_ = server_.bind_to_any_port(address);
    if (port_ < 0)
      return MakeError(ErrorCode::kInvalidArgument,
                       "cannot listen on {}:{} ({}): another process may use it", address, port,
                       std::strerror(errno));
    thread_ = std::thread([this] {
      NameThisThread("http");
      server_.listen_after_bind();
    });
    return Ok();
  }

  int port() const override { return port_; }

 private:
  void Configure() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_read_timeout(kTimeoutS);
    server_.set_write_timeout(kTimeoutS);
    server_.set_keep_alive_timeout(kTimeoutS);
    server_.set_payload_max_length(0);
    // The library's own options include SO_REUSEPORT, with which two processes share a port
    // unnoticed.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
  }

  void Handle(const httplib::Request& request, httplib::Response* response) {
    response->set_header("Cache-Control", "no-store");
    if (request.method != "GET" && request.method != "HEAD") {
      response->status = 405;
      response->set_header("Allow", "GET, HEAD");
      return;
    }
    for (const HttpRoute& route : routes_) {
      if (route.path != request.path) continue;
      const HttpAnswer answer = route.answer();
      response->status = answer.status;
      if (!answer.body.empty()) response->set_content(answer.body, answer.type);
      return;
    }
    response->status = 404;
  }

  httplib::Server server_;
  std::vector<HttpRoute> routes_;
  int port_ = -1;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& host, int port,
                                                      std::vector<HttpRoute> routes) {
  auto server = std::make_unique<HttplibServer>();
  HL_TRY(server->Listen(host, port, std::move(routes)));
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace harmonylite::ops
