// The faults that a history may have: each history draws which, so that some run long without one (swarm testing).
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <string>
#include <string_view>

namespace harmonylite::sim {

enum class Fault : size_t {
  kCrash,         // the sidecar's process ends between two of its steps
  kSidecarKill,   // … in the middle of one
  kKill,          // the machine loses power between two steps
  kPowerCut,      // … between any two writes of SQLite
  kRestore,       // an older copy is put in place of a file
  kClone,         // a copy of a file runs on another machine for a while
  kTrim,
  kWipe,
  kOlderLog,
  kDamage,
  kStoreTwice,
  kCutOff,
  kClockJump,     // seconds
  kFarClock,      // an hour
  kClockYears,
  kForgetMeta,
  kHold,          // the application keeps a write transaction open
  kMigrate,
  kRebuild,       // … and makes tables anew under their names
  kHideOrphans,   // not a fault: a setting of all nodes
  kPause,         // the sidecar gets no time
  kDiskError,     // writes fail
  kDiskFull,
  kUnreadable,    // reads fail
  kBusy,          // locks are taken by somebody
  kMemory,        // an allocation inside SQLite fails
  kStatement,     // a statement is interrupted
  kLostPublish,
  kLostAck,
  kLostReader,
  kNotReady,
  // Not faults but ways of running, which cost more than the others.
  kSnapshots,     // snapshots are made, tombstones forgotten, silent nodes evicted
  kStoreFails,    // calls to the store of snapshots fail, objects are lost, altered, silent for a node
  kJoin,          // a machine comes later, or loses its file and comes back without it
  kAway,          // a machine is cut off, or its sidecar down, for longer than the eviction horizon
  kVerify,        // nodes compare their rows in the background, and somebody has them compared
  kAlter,         // … and rows are altered behind the product's back
  // Faults again, drawn apart from those above.
  kOlderMeta,     // the registry goes back to what it was, or shows it for a while
  kNoSpool,       // there is no room for temporary files
  kServerHere,    // the log and the registry are on the first machine, and its power cuts take them back
  kLazySync,      // applications sync when they checkpoint, so that a power cut takes back their commits
  kCount,
};

inline constexpr size_t kFaults = static_cast<size_t>(Fault::kCount);

class FaultMix {
 public:
  bool operator[](Fault fault) const { return set_[static_cast<size_t>(fault)]; }
  void Set(Fault fault, bool on) { set_[static_cast<size_t>(fault)] = on; }
  bool any() const { return set_.any(); }
  // Takes out what `other` has.
  void Remove(const FaultMix& other) { set_ &= ~other.set_; }

  static const char* Name(Fault fault) {
    static constexpr std::array<const char*, kFaults> kNames = {
        "crash",      "sidecar-kill", "kill",        "power-cut",   "restore",     "clone",
        "trim",       "wipe",         "older-log",   "damage",      "store-twice", "cut-off",
        "clock-jump", "far-clock",    "clock-years", "forget-meta", "hold",        "migrate",
        "rebuild",    "hide-orphans", "pause",       "disk-error",  "disk-full",   "unreadable",
        "busy",       "memory",       "statement",   "lost-publish", "lost-ack",   "lost-reader",
        "not-ready",  "snapshots",    "store-fails", "join",        "away",
        "verify",     "alter",        "older-meta",  "no-spool",    "server",     "lazy-sync"};
    return kNames[static_cast<size_t>(fault)];
  }
  // Adds the fault of this name; false: there is none.
  bool Add(std::string_view name) {
    for (size_t i = 0; i < kFaults; ++i)
      if (name == Name(static_cast<Fault>(i))) return set_[i] = true;
    return false;
  }
  std::string Text() const {
    std::string out;
    for (size_t i = 0; i < kFaults; ++i)
      if (set_[i]) out += std::string(out.empty() ? "" : ",") + Name(static_cast<Fault>(i));
    return out;
  }

 private:
  std::bitset<kFaults> set_;
};

}  // namespace harmonylite::sim
