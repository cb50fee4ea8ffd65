// The snapshots in a store: which there are, putting one, getting one.
//
// An object without a manifest is no snapshot: its upload has not ended, or never will. Manifests are written last
// and deleted first.
// Threads: one call at a time; the store and the activity outlive the calls.
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

struct Listed {
  std::string name;
  std::optional<Manifest> manifest;
  // Why it cannot be used; empty: as far as can be told without fetching it, it can. One without
  // replicated tables, as earlier versions stored, cannot: it would hide an older one with tables.
  std::string problem;
  bool passing = false;  // it may be good, and others may read it: its manifest did not come
};

class Catalog {
 public:
  // `store` is not owned.
  explicit Catalog(ports::ObjectStore* store) : store_(store) {}

  // Newest first. kRetryLater: the store is out of reach.
  Result<std::vector<Listed>> List();
  // The newest that can be used; nothing when there is none. kRetryLater: none of those that may be
  // good can be read now.
  Result<std::optional<Listed>> Newest();

  // Packs it, puts object and manifest, then removes what is older than the newest `keep`, and what crashed uploads
  // left. Returns its name; made->manifest is complete then. On an error the older ones are there as before.
  Result<std::string> Save(Made* made, int keep, Activity* activity);

  // Fetches and opens one; see OpenPacked. kNotFound: it is not there. kRetryLater: it cannot be
  // read now, while others perhaps can. What comes damaged is fetched once more: only what it came
  // through, or one replica of it, may be.
  Result<PrivateDatabase> Open(const Listed& listed, const Options& options, Activity* activity);

 private:
  Result<Manifest> ReadManifest(const std::string& name);
  Result<std::string> NewName(const Manifest& manifest);
  Status PutWhole(const std::string& name, Made* made, Activity* activity);
  Status PutObject(const std::string& object, Made* made, Activity* activity);
  Status Remove(const std::string& name);
  // Names of snapshots with any of their objects in the store, oldest first, and how large those are.
  struct Parts {
    std::optional<uint64_t> object_bytes;
    std::optional<uint64_t> manifest_bytes;
  };
  Result<std::map<std::string, Parts>> ListParts();
  Status Sweep(const std::string& newest, int keep);
  Result<PrivateDatabase> OpenOnce(const Listed& listed, const Options& options,
                                   Activity* activity);

  ports::ObjectStore* store_;
};

}  // namespace harmonylite::snapshot
