// Turns the configuration into the options of all other modules. Concrete classes meet only in this
// module.
//
// Threads: any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "adapters/hooks/hook_options.h"
#include "adapters/nats/connection.h"
#include "adapters/nats/jetstream_log.h"
#include "adapters/nats/kv_meta_store.h"
#include "adapters/nats_server/server_process.h"
#include "base/logger.h"
#include "base/result.h"
#include "config/command_line.h"
#include "config/config.h"
#include "node/options.h"
#include "snapshot/make.h"

namespace harmonylite::cli {

node::NodeOptions MakeNodeOptions(const config::Config& config);
schema::LoadOptions MakeLoadOptions(const config::Config& config);
std::vector<hooks::HookOptions> MakeHookOptions(const config::Config& config, NodeId node);
nats_server::ServerOptions MakeServerOptions(const config::CommandLine& command,
                                             const config::Config& config, NodeId node);
nats::ConnectionOptions MakeConnectionOptions(const config::Config& config, NodeId node);
nats::JetStreamLogOptions MakeLogOptions(const config::Config& config);
nats::KvMetaStoreOptions MakeMetaOptions(const config::Config& config);

snapshot::Options MakeSnapshotOptions(const config::Config& config);
// Returns the urls of the NATS server that the node of this configuration uses, also of an embedded
// one while it runs.
Result<std::vector<std::string>> ServerUrls(const config::Config& config);

// Checks that the folder of the database exists and can be written to, and that the database itself
// is no folder.
Status CheckDatabasePath(const std::string& db_path);

}  // namespace harmonylite::cli
