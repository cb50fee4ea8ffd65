#include "sim/app_file.h"

#include <fcntl.h>

#include <filesystem>
#include <map>
#include <tuple>
#include <vector>

#include "sqlite/sqlite_test_util.h"

namespace harmonylite::sim {

namespace {

constexpr uint64_t kSeed = 1;
constexpr uint64_t kMostNodes = 4;
constexpr size_t kMaxPayload = 1 << 20;

AttachedFile Attach(uint64_t id, bool hide_orphans, TableGroups tables) {
  World world;
  Sometimes sometimes;
  Random random(kSeed + id);
  SimLog log(&world, &sometimes, kMaxPayload);
  SimMeta meta;
  Logger logger(open("/dev/null", O_WRONLY | O_CLOEXEC), LogFormat::kConsole, LogLevel::kError);
  SeedSqlite(kSeed + id);
  SimNode node({id, std::filesystem::temp_directory_path().string(), &world, &log, &meta,
                &sometimes, &random, &logger, hide_orphans});
  HL_CHECK(MakeAppFile(&node, tables).ok());
  HL_CHECK(node.Start().ok());
  const node::SentMark nothing_sent{node.shared().self(), Lseq(0), Hlc(0)};
  node.Crash();
  return {node.disk().Copy(), nothing_sent};
}

}  // namespace

Status MakeAppFile(SimNode* node, TableGroups tables) {
  HL_ASSIGN(sqlite::Connection made, node->OpenFile());
  HL_TRY(sqlite::ExecAll(&made, node->id() % 2 == 0 ? kKvOtherOrder : kKv));
  for (const SchemaPart& part : kAppSchema)
    if (tables.Has(part.group)) HL_TRY(sqlite::ExecAll(&made, part.sql));
  return Ok();
}

const AttachedFile& FindAttachedFile(uint64_t id, bool hide_orphans, TableGroups tables) {
  static std::map<std::tuple<uint64_t, bool, TableGroups>, AttachedFile> files;
  const std::tuple key(id, hide_orphans, tables);
  const auto it = files.find(key);
  if (it != files.end()) return it->second;
  return files.emplace(key, Attach(id, hide_orphans, tables)).first->second;
}

void MakeAttachedFiles(bool hide_orphans, TableGroups tables) {
  for (uint64_t id = 1; id <= kMostNodes; ++id) FindAttachedFile(id, hide_orphans, tables);
}

void MakeAttachedFiles() {
  std::vector<TableGroups> all = TableGroups::Few();
  all.push_back(TableGroups::All());
  for (const TableGroups tables : all)
    for (const bool hide : {false, true}) MakeAttachedFiles(hide, tables);
}

}  // namespace harmonylite::sim
