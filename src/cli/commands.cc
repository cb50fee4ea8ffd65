#include "cli/commands.h"

namespace harmonylite::cli {

std::vector<Command> Commands() {
  return {LintCommand(), SnapshotCommand(), ConflictsCommand(), VerifyCommand(),
          JoinCommand(), IdsCommand(),      SchemaCommand()};
}

}  // namespace harmonylite::cli
