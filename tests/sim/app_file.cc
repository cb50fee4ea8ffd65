#include "sim/app_file.h"

#include <fcntl.h>

#include <filesystem>
#include <map>
#include <utility>

namespace harmonylite::sim {

namespace {

constexpr uint64_t kSeed = 1;
constexpr uint64_t kMostNodes = 4;
constexpr size_t kMaxPayload = 1 << 20;

SimDisk::Files Attach(uint64_t id, bool hide_orphans) {
  World world;
  Sometimes sometimes;
  Random random(kSeed + id);
  SimLog log(&world, &sometimes, kMaxPayload);
  SimMeta meta;
  Logger logger(open("/dev/null", O_WRONLY | O_CLOEXEC), LogFormat::kConsole, LogLevel::kError);
  SeedSqlite(kSeed + id);
  SimNode node({id, std::filesystem::temp_directory_path().string(), &world, &log, &meta,
                &sometimes, &random, &logger, hide_orphans});
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

const SimDisk::Files& AttachedFile(uint64_t id, bool hide_orphans) {
  static std::map<std::pair<uint64_t, bool>, SimDisk::Files> files;
  const auto it = files.find({id, hide_orphans});
  if (it != files.end()) return it->second;
  return files.emplace(std::pair(id, hide_orphans), Attach(id, hide_orphans)).first->second;
}

void MakeAttachedFiles() {
  for (uint64_t id = 1; id <= kMostNodes; ++id)
    for (const bool hide : {false, true}) AttachedFile(id, hide);
}

}  // namespace harmonylite::sim
