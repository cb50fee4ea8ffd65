// The snapshots in a store: lists them, stores one, fetches one.
//
// A snapshot is an object and a manifest. The manifest is written last and deleted first, so an
// object without a manifest is no snapshot: its upload has not ended, or never will.
//
// Threads: one call at a time. The store and the activity outlive the calls.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/spool.h"
#include "ports/object_store.h"
#include "snapshot/activity.h"
#include "snapshot/make.h"
#include "snapshot/manifest.h"

namespace harmonylite::snapshot {

// A snapshot as it lies in the store.
struct Listed {
  std::string name;
  std::optional<Manifest> manifest;
  // Why the snapshot cannot be used; empty: it can, as far as can be told without fetching it. A
  // snapshot without replicated tables, as earlier versions stored them, is unusable: it would hide
  // an older one with tables.
  std::string problem;
  // The manifest did not arrive; the snapshot may be good, and other nodes may be able to read it.
  bool passing = false;
};

class Catalog {
 public:
  // `store` is not owned.
  explicit Catalog(ports::ObjectStore* store) : store_(store) {}

  // All snapshots, newest first. kRetryLater: the store is out of reach.
  Result<std::vector<Listed>> List();
  // The newest usable snapshot; nothing if there is none. kRetryLater: none of those that may be
  // good can be read now.
  Result<std::optional<Listed>> Newest();

  // Packs the snapshot and puts object and manifest; then removes the snapshots that are older than
  // the newest `keep`, and what crashed uploads left. Returns the snapshot's name, and completes
  // made->manifest. After an error the older snapshots are all still there.
  Result<std::string> Save(Made* made, int keep, Activity* activity);

  // Fetches and opens a snapshot; see OpenPacked for what is checked. What arrives damaged is
  // fetched once more. kNotFound: it is not in the store. kRetryLater: it cannot be read now, but
  // others perhaps can.
  Result<PrivateDatabase> Open(const Listed& listed, const Options& options, Activity* activity);

 private:
  Result<Manifest> ReadManifest(const std::string& name);
  // A name that sorts after all others in the store.
  Result<std::string> NewName(const Manifest& manifest);
  Status PutWhole(const std::string& name, Made* made, Activity* activity);
  Status PutObject(const std::string& object, Made* made, Activity* activity);
  Status Remove(const std::string& name);
  // The objects of one snapshot that are in the store, and their sizes.
  struct Parts {
    std::optional<uint64_t> object_bytes;
    std::optional<uint64_t> manifest_bytes;
  };
  // All names with an object or a manifest in the store, oldest first.
  Result<std::map<std::string, Parts>> ListParts();
  // Removes what Save no longer keeps once `newest` is stored.
  Status Sweep(const std::string& newest, int keep);
  // Open without the second try.
  Result<PrivateDatabase> OpenOnce(const Listed& listed, const Options& options,
                                   Activity* activity);

  ports::ObjectStore* store_;
};

}  // namespace harmonylite::snapshot
