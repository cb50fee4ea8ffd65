#include "snapshot/catalog.h"

#include <algorithm>

#include "base/mutant.h"
#include "ledger/fingerprint.h"

namespace harmonylite::snapshot {

namespace {

// How many manifests that do not arrive are waited for, each for up to a minute, before the rest
// are not asked for.
constexpr int kMostSilent = 2;

std::string ObjectOf(const std::string& name) { return name + std::string(kObjectSuffix); }
std::string ManifestOf(const std::string& name) { return name + std::string(kManifestSuffix); }

// The name of the snapshot that an object named `object` belongs to; nothing: it is no snapshot's,
// or has another suffix.
std::optional<std::string> Base(const std::string& object, std::string_view suffix) {
  if (!object.ends_with(suffix)) return std::nullopt;
  std::string base = object.substr(0, object.size() - suffix.size());
  if (!IsSnapshotName(base)) return std::nullopt;
  return base;
}

}  // namespace

Result<std::map<std::string, Catalog::Parts>> Catalog::ListParts() {
  HL_ASSIGN(const std::vector<ports::ObjectInfo> objects, store_->List(""));
  std::map<std::string, Parts> out;
  for (const ports::ObjectInfo& object : objects) {
    if (const auto name = Base(object.name, kObjectSuffix)) out[*name].object_bytes = object.size;
    if (const auto name = Base(object.name, kManifestSuffix))
      out[*name].manifest_bytes = object.size;
  }
  return out;
}

Result<Manifest> Catalog::ReadManifest(const std::string& name) {
  // The folder is never used, because the spool stays below its limit.
  Spool bytes("/nonexistent", kMaxManifest + 1);
  ports::Transfer transfer;
  HL_TRY(store_->Get(ManifestOf(name), &bytes, &transfer));
  std::string text;
  HL_TRY(bytes.ReadAt(0, kMaxManifest + 1, &text));
  return DecodeManifest(text);
}

Result<std::vector<Listed>> Catalog::List() {
  HL_ASSIGN(const auto all, ListParts());
  std::vector<Listed> out;
  int silent = 0;  // manifests that did not arrive
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    const auto& [name, parts] = *it;
    if (!parts.manifest_bytes) continue;
    Listed one{name, std::nullopt, ""};
    if (*parts.manifest_bytes > kMaxManifest) {
      one.problem = "its manifest is too long";
      out.push_back(std::move(one));
      continue;
    }
    if (silent == kMostSilent) {
      one.problem = "its manifest was not read, as those of others did not come";
      one.passing = true;
      out.push_back(std::move(one));
      continue;
    }
    auto manifest = ReadManifest(name);
    if (!manifest.ok()) {
      // The snapshot was deleted since it was listed.
      if (manifest.error().code() == ErrorCode::kNotFound) continue;
      one.problem = manifest.error().message();
      one.passing = manifest.error().code() == ErrorCode::kRetryLater;
      silent += one.passing;
    } else {
      one.manifest = std::move(*manifest);
      if (!parts.object_bytes)
        one.problem = "its object is missing";
      else if (*parts.object_bytes != one.manifest->packed)
        one.problem = fmt::format("its object has {} bytes, not {}", *parts.object_bytes,
                                  one.manifest->packed);
      else if (one.manifest->schema == ledger::kNoTables && !HL_MUTANT(empty_snapshot_stored))
        one.problem = "it is of a node without replicated tables";
    }
    out.push_back(std::move(one));
  }
  return out;
}

Result<std::optional<Listed>> Catalog::Newest() {
  HL_ASSIGN(std::vector<Listed> all, List());
  for (Listed& one : all)
    if (one.problem.empty()) return std::optional<Listed>(std::move(one));
  for (const Listed& one : all)
    if (one.passing)
      return MakeError(ErrorCode::kRetryLater, "snapshot {}: {}", one.name, one.problem);
  return std::optional<Listed>();
}

// Takes the time when the snapshot was made, or the time after the newest name if the maker's clock
// is behind: the order of the names is the order of the snapshots.
Result<std::string> Catalog::NewName(const Manifest& manifest) {
  HL_ASSIGN(const auto all, ListParts());
  int64_t at = manifest.made_ms;
  if (!all.empty()) at = std::max(at, *SnapshotTime(all.rbegin()->first) + 1);
  return SnapshotName(at, manifest.maker.node);
}

// Packs and sends the object. If the store takes a stream, both go on at the same time and the
// packed object never lies on the disk; otherwise it is packed into a spool first.
Status Catalog::PutObject(const std::string& object, Made* made, Activity* activity) {
  if (store_->streams()) {
    Packer packer(&made->copy.pieces(), Phase::kStoring, activity, &made->manifest);
    return store_->PutFrom(object, &packer, &activity->transfer);
  }
  Spool packed(made->spool_directory);
  if (Status done = Pack(&made->copy.pieces(), activity, &packed, &made->manifest); !done.ok()) {
    if (activity->cancelled()) return done;
    const double megabytes = static_cast<double>(activity->total.load()) / 1e6;
    return std::move(done).error().Wrap(
        fmt::format("up to {:.1f} MB are needed in {}", megabytes, made->spool_directory));
  }
  activity->Begin(Phase::kSending, packed.size());
  return store_->Put(object, packed, &activity->transfer);
}

Status Catalog::PutWhole(const std::string& name, Made* made, Activity* activity) {
  HL_TRY(PutObject(ObjectOf(name), made, activity));
  Spool manifest("/nonexistent", kMaxManifest);
  const std::string text = EncodeManifest(made->manifest);
  if (text.size() >= kMaxManifest)
    return MakeError(ErrorCode::kInvalidArgument,
                     "the cluster has too many origins for a manifest");
  HL_TRY(manifest.Append(text));
  ports::Transfer transfer;
  HL_TRY(store_->Put(ManifestOf(name), manifest, &transfer));
  // Another node that makes a snapshot at the same time, because two hold the lease, may have
  // removed the object as the rest of a crashed upload. So the object must be seen after the
  // manifest is there.
  HL_ASSIGN(const auto all, ListParts());
  const auto it = all.find(name);
  if (it != all.end() && it->second.object_bytes == made->manifest.packed) return Ok();
  return MakeError(
      ErrorCode::kRetryLater,
      "the store does not hold the snapshot that was put there: is another node making one?");
}

Result<std::string> Catalog::Save(Made* made, int keep, Activity* activity) {
  HL_ASSIGN(std::string name, NewName(made->manifest));
  if (Status put = PutWhole(name, made, activity); !put.ok()) {
    // The rest of a failed upload takes the room that the next attempt needs. If it cannot be
    // removed now, a later Sweep removes it.
    Error error = std::move(put).error();
    if (!Remove(name).ok())
      return std::move(error).Wrap("an upload failed and is still there in part");
    return error;
  }
  HL_TRY(Sweep(name, keep));
  return name;
}

Status Catalog::Remove(const std::string& name) {
  HL_TRY(store_->Delete(ManifestOf(name)));
  return store_->Delete(ObjectOf(name));
}

Status Catalog::Sweep(const std::string& newest, int keep) {
  HL_ASSIGN(const auto all, ListParts());
  HL_ASSIGN(const std::vector<Listed> listed, List());
  int kept = 0;
  for (const Listed& one : listed) {  // newest first
    if (one.name >= newest) {
      kept += one.name == newest;
      continue;
    }
    // An unusable snapshot does not count among the `keep`. It is removed, unless its manifest
    // merely did not arrive here: then other nodes may be able to read it, and it stays beside the
    // `keep`.
    if ((one.problem.empty() || one.passing) && kept < keep) {
      kept += one.problem.empty();
      continue;
    }
    HL_TRY(Remove(one.name));
  }
  for (const auto& [name, parts] : all)
    if (!parts.manifest_bytes && name < newest) HL_TRY(Remove(name));
  return Ok();
}

Result<PrivateDatabase> Catalog::Open(const Listed& listed, const Options& options,
                                      Activity* activity) {
  // What arrived damaged is fetched once more, because perhaps only the way to this node, or one
  // replica of the store, is damaged.
  auto opened = OpenOnce(listed, options, activity);
  if (opened.ok() || opened.error().code() != ErrorCode::kCorruption) return opened;
  return OpenOnce(listed, options, activity);
}

Result<PrivateDatabase> Catalog::OpenOnce(const Listed& listed, const Options& options,
                                          Activity* activity) {
  HL_CHECK(listed.manifest.has_value());
  const std::string object = ObjectOf(listed.name);
  activity->Begin(Phase::kFetching, listed.manifest->packed);
  if (store_->streams())
    return OpenFilled(
        options, *listed.manifest,
        [&](Unpacker* unpacker) { return store_->GetInto(object, unpacker, &activity->transfer); },
        activity);
  Spool packed(options.spool_directory);
  HL_TRY(store_->Get(object, &packed, &activity->transfer));
  return OpenPacked(options, packed, *listed.manifest, activity);
}

}  // namespace harmonylite::snapshot
