// A simulated store of snapshots, and all that stores do: they are out of reach, lose answers, objects and bytes. Each
// node has a StoreClient.
//
// Threads: one.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "ports/object_store.h"
#include "sim/random.h"
#include "sim/sometimes.h"

namespace harmonylite::sim {

class SimStore {
 public:
  std::map<std::string, std::string> objects;

  // Faults of what is stored: an object is gone, cut short or altered. False: there is none.
  bool Lose(Random* random);
  bool Damage(Random* random);
};

class StoreClient final : public ports::ObjectStore {
 public:
  StoreClient(SimStore* store, Random* random, Sometimes* sometimes)
      : store_(store), random_(random), sometimes_(sometimes) {}

  Status Put(const std::string& name, const Spool& content, ports::Transfer* transfer) override;
  Status Get(const std::string& name, Spool* out, ports::Transfer* transfer) override;
  Result<std::vector<ports::ObjectInfo>> List(const std::string& prefix) override;
  Status Delete(const std::string& name) override;

  double failing = 0;  // probability that a call fails; a Put, or a Delete, may have been done all the same
  bool connected = true;
  // Objects of which this node gets one half and waits for the other in vain: what it reads from is
  // a replica that lacks it. `lacking`: probability that an object is one of them, drawn when it is
  // first read.
  std::set<std::string> silent;
  double lacking = 0;

 private:
  Status Reach();

  SimStore* store_;
  Random* random_;
  Sometimes* sometimes_;
  std::set<std::string> known_;  // objects that were read
};

}  // namespace harmonylite::sim
