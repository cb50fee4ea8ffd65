// The file that a simulated machine begins with.
//
// Threads: one.
#pragma once

#include "base/result.h"
#include "sim/app_schema.h"
#include "sim/sim_node.h"

namespace harmonylite::sim {

// The application's tables, no trace of HarmonyLite.
Status MakeAppFile(SimNode* node, TableGroups tables);

// The same with HarmonyLite attached: the same bytes in every history and process. Made once, by a node in a world
// of its own, with SQLite's generator seeded anew; no other node with this id may exist while it is made.
struct AttachedFile {
  SimDisk::Files files;
  node::SentMark mark;  // of the machine that attached it
};
const AttachedFile& FindAttachedFile(uint64_t id, bool hide_orphans, TableGroups tables);
// Those of all ids; so that they are there.
void MakeAttachedFiles(bool hide_orphans, TableGroups tables);
// All of them, before a process starts others.
void MakeAttachedFiles();

}  // namespace harmonylite::sim
