// The database file that a simulated machine begins with.
//
// Threads: one.
#pragma once

#include "base/result.h"
#include "sim/app_schema.h"
#include "sim/sim_node.h"

namespace harmonylite::sim {

// Makes the application's tables in the node's file, without any trace of HarmonyLite.
Status MakeAppFile(SimNode* node, TableGroups tables);

// A file of MakeAppFile() to which HarmonyLite has been attached. Attaching costs as much as the
// rest of a history, so each kind of file is made once in a process, by a node in a world of
// its own. Its bytes are the same in every history and process, because SQLite's generator is
// seeded before. No other node with this id may exist while the file is made.
struct AttachedFile {
  SimDisk::Files files;
  node::SentMark mark;  // the sent mark of the machine that attached the file
};
const AttachedFile& FindAttachedFile(uint64_t id, bool hide_orphans, TableGroups tables);
// Makes the files of this kind for all node ids, so that FindAttachedFile() makes none later.
void MakeAttachedFiles(bool hide_orphans, TableGroups tables);
// Makes the files of all kinds. A process calls this before it forks others, which then share them.
void MakeAttachedFiles();

}  // namespace harmonylite::sim
