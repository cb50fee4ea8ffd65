#include "adapters/nats_server/server_process.h"

#include "adapters/nats_server/server_supervisor.h"

namespace harmonylite::nats_server {

Result<std::unique_ptr<ServerProcess>> ServerProcess::Start(ServerOptions options, Logger* logger) {
  auto supervisor = std::make_unique<ServerSupervisor>(std::move(options), logger);
  HL_TRY(supervisor->Start());
  return std::unique_ptr<ServerProcess>(new ServerProcess(std::move(supervisor)));
}

ServerProcess::ServerProcess(std::unique_ptr<ServerSupervisor> supervisor)
    : supervisor_(std::move(supervisor)) {}
ServerProcess::~ServerProcess() = default;

void ServerProcess::Stop() { supervisor_->Stop(); }
std::string ServerProcess::client_url() const { return supervisor_->state().client_url; }
std::string ServerProcess::version() const { return supervisor_->state().version; }
bool ServerProcess::running() const { return supervisor_->state().running; }
pid_t ServerProcess::pid() const { return supervisor_->state().pid; }
int ServerProcess::restarts() const { return supervisor_->state().restarts; }
const std::vector<std::string>& ServerProcess::warnings() const { return supervisor_->warnings(); }

}  // namespace harmonylite::nats_server
