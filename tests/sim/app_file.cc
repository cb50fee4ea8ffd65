#include "sim/app_file.h"

#include <fcntl.h>

#include <filesystem>
#include <map>

namespace harmonylite::sim {

namespace {

constexpr uint64_t kSeed = 1;
constexpr size_t kMaxPayload = 1 << 20;

SimDisk::Files Attach(uint64_t id) {
  World world;
  Sometimes sometimes;
  Random random(kSeed + id);
  SimLog log(&world, &sometimes, kMaxPayload);
  SimMeta meta;
  Logger logger(open("/dev/null", O_WRONLY | O_CLOEXEC), LogFormat::kConsole, LogLevel::kError);
  SeedSqlite(kSeed + id);
  SimNode node({id, std::filesystem::temp_directory_path().string(), &world, &log, &meta,
                &sometimes, &random, &logger});
  HL_CHECK(MakeAppFile(&node).ok());
  HL_CHECK(node.Start().ok());
  node.Crash();
  return node.disk().Copy();
}

}  // namespace

Status MakeAppFile(SimNode* node) {
  HL_ASSIGN(sqlite::Connection made, node->OpenFile());
  HL_TRY(made.Exec(node->id() % 2 == 0 ? kKvOtherOrder : kKv));
  return made.Exec(kAppSchema);
}

const SimDisk::Files& AttachedFile(uint64_t id) {
  static std::map<uint64_t, SimDisk::Files> files;
  const auto it = files.find(id);
  return it != files.end() ? it->second : files.emplace(id, Attach(id)).first->second;
}

}  // namespace harmonylite::sim
