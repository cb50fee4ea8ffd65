// The kinds of faults that a history may have. Each history draws some of them, so that some
// histories run long without a given fault ("Swarm testing", Groce and others, 2012).
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <string>
#include <string_view>

namespace harmonylite::sim {

enum class Fault : size_t {
  kCrash,        // the sidecar's process ends between two of its steps
  kSidecarKill,  // the sidecar's process ends in the middle of a step
  kKill,         // the machine loses power between two steps
  kPowerCut,     // the machine loses power between any two writes of SQLite
  kRestore,      // an older copy is put in place of a file
  kClone,        // a copy of a machine runs beside it for a while
  kTrim,         // the log loses its oldest records
  kWipe,         // the log is made anew, empty
  kOlderLog,     // an older copy of the log is put in its place
  kDamage,       // a record of the log is altered or cut short
  kStoreTwice,   // the log stores a record a second time
  kCutOff,       // a node cannot reach the log and the registry
  kClockJump,    // a clock jumps by up to 20 seconds
  kFarClock,     // a clock jumps by up to an hour
  kClockYears,   // a clock jumps by up to three years
  kForgetMeta,   // the registry loses all keys
  kHold,         // the application keeps a write transaction open
  kMigrate,      // the application runs migrations
  kRebuild,      // the application recreates tables under their names
  kHideOrphans,  // not a fault: a setting of all nodes
  kPause,        // the sidecar gets no time for a while
  kDiskError,    // writes fail
  kDiskFull,     // writes fail because the disk is full
  kUnreadable,   // reads fail
  kBusy,         // locks are held by another process
  kMemory,       // an allocation inside SQLite fails
  kStatement,    // a statement is interrupted
  kLostPublish,  // a publish is lost
  kLostAck,      // the answer to a publish is lost
  kLostReader,   // a reader of the log loses its consumer
  kNotReady,     // the log is not ready
  // Snapshots and comparisons of rows, with what goes wrong about them. They cost more than other
  // kinds and are drawn apart, with probabilities of their own.
  kSnapshots,   // snapshots are made, tombstones forgotten, silent nodes evicted
  kStoreFails,  // calls to the store fail; objects are lost, altered or silent for one node
  kJoin,        // a machine comes later, or loses its file and comes back without it
  kAway,        // a machine is cut off, or its sidecar down, for longer than the eviction horizon
  kVerify,      // nodes compare their rows in the background, and an operator runs `verify`
  kAlter,       // rows are altered behind the product's back; implies kVerify
  // Kinds that were added later. They are drawn from generators of their own, so that the draws for
  // the kinds above stay what they were.
  kOlderMeta,   // the registry goes back to an older state, or shows one for a while
  kNoSpool,     // there is no room for temporary files
  kServerHere,  // the first machine's power cuts take back the log and the registry as well
  kLazySync,    // applications sync only at checkpoints; power cuts take back their commits
  kLull,        // not a fault: now and then the nodes get time to catch up with each other
  kVacuum,      // not a fault: the application runs VACUUM
  kFirstJoin,   // not a fault: files join with rows of their own (join_history.h)
  kFollow,      // not a fault: nodes follow each other's migrations
  kSchemas,     // not a fault: applications change schemas as they like (schema_history.h)
  kCount,
};

inline constexpr size_t kFaults = static_cast<size_t>(Fault::kCount);

class FaultMix {
 public:
  bool operator[](Fault fault) const { return set_[static_cast<size_t>(fault)]; }
  void Set(Fault fault, bool on) { set_[static_cast<size_t>(fault)] = on; }
  bool any() const { return set_.any(); }
  // Removes every fault that `other` has.
  void Remove(const FaultMix& other) { set_ &= ~other.set_; }

  static const char* Name(Fault fault) {
    static constexpr std::array<const char*, kFaults> kNames = {
        "crash",      "sidecar-kill", "kill",        "power-cut",    "restore",     "clone",
        "trim",       "wipe",         "older-log",   "damage",       "store-twice", "cut-off",
        "clock-jump", "far-clock",    "clock-years", "forget-meta",  "hold",        "migrate",
        "rebuild",    "hide-orphans", "pause",       "disk-error",   "disk-full",   "unreadable",
        "busy",       "memory",       "statement",   "lost-publish", "lost-ack",    "lost-reader",
        "not-ready",  "snapshots",    "store-fails", "join",         "away",        "verify",
        "alter",      "older-meta",   "no-spool",    "server",       "lazy-sync",   "lull",
        "vacuum",     "first-join",   "follow",      "schemas"};
    return kNames[static_cast<size_t>(fault)];
  }
  // Adds the fault called `name`. Returns false if there is none.
  bool Add(std::string_view name) {
    for (size_t i = 0; i < kFaults; ++i)
      if (name == Name(static_cast<Fault>(i))) return set_[i] = true;
    return false;
  }
  // The names, separated by commas; the --without option of sim_run takes them in this form.
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
