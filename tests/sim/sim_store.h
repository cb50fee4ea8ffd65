// A simulated object store for snapshots, with the faults that real stores have: they are out of
// reach, and they lose answers, objects and bytes. Each node reaches the store through a
// StoreClient of its own.
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

  // Faults of the stored objects: Lose() removes one, Damage() cuts one short or alters one of its
  // bytes. Both return false if nothing was changed.
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

  // Probability that a call fails. A Put() that fails may have stored its object all the same, and
  // a Get() that fails may have delivered half of one.
  double failing = 0;
  bool connected = true;
  // Objects of which this node gets only the first half, with every attempt, as if it read from a
  // replica that lacks the rest.
  std::set<std::string> silent;
  // Probability that an object becomes silent. It is drawn when this node first reads the object.
  double lacking = 0;

 private:
  Status Reach();

  SimStore* store_;
  Random* random_;
  Sometimes* sometimes_;
  std::set<std::string> known_;  // the objects that this node has read, or tried to
};

}  // namespace harmonylite::sim
