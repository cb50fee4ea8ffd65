// The file that a simulated machine begins with.
//
// Threads: one.
#pragma once

#include "base/result.h"
#include "sim/sim_node.h"

namespace harmonylite::sim {

// The application's tables, no trace of HarmonyLite.
Status MakeAppFile(SimNode* node);

// The same with HarmonyLite attached: the same bytes in every history and process. Made once, by a node in a world
// of its own, with SQLite's generator seeded anew; no other node with this id may exist meanwhile.
const SimDisk::Files& AttachedFile(uint64_t id, bool hide_orphans);
// All of them, before a process makes others.
void MakeAttachedFiles();

}  // namespace harmonylite::sim
