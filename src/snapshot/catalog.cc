#include "snapshot/catalog.h"

#include <algorithm>

namespace harmonylite::snapshot {

namespace {

std::string ObjectOf(const std::string& name) { return name + std::string(kObjectSuffix); }
std::string ManifestOf(const std::string& name) { return name + std::string(kManifestSuffix); }

// The name without `suffix`, if it has it and the rest names a snapshot.
std::optional<std::string> Base(const std::string& object, std::string_view suffix) {
  if (!object.ends_with(suffix)) return std::nullopt;
  std::string base = object.substr(0, object.size() - suffix.size());
  if (!IsSnapshotName(base)) return std::nullopt;
  return base;
}

}  // namespace

Result<std::map<std::string, Catalog::Parts>> Catalog::ListParts() {
  HL_ASSIGN(const std::vector<log::ObjectInfo> objects, store_->List(""));
  std::map<std::string, Parts> out;
  for (const log::ObjectInfo& object : objects) {
    if (const auto name = Base(object.name, kObjectSuffix)) out[*name].object_bytes = object.size;
    if (const auto name = Base(object.name, kManifestSuffix)) out[*name].manifest_bytes = object.size;
  }
  return out;
}

Result<Manifest> Catalog::ReadManifest(const std::string& name) {
  Spool bytes("/nonexistent", kMaxManifest + 1);  // in memory, or not at all
  log::Transfer transfer;
  HL_TRY(store_->Get(ManifestOf(name), &bytes, &transfer));
  std::string text;
  HL_TRY(bytes.ReadAt(0, kMaxManifest + 1, &text));
  return DecodeManifest(text);
}

Result<std::vector<Listed>> Catalog::List() {
  HL_ASSIGN(const auto all, ListParts());
  std::vector<Listed> out;
  for (auto it = all.rbegin(); it != all.rend(); ++it) {
    const auto& [name, parts] = *it;
    if (!parts.manifest_bytes) continue;
    Listed one{name, std::nullopt, ""};
    if (*parts.manifest_bytes > kMaxManifest) {
      one.problem = "its manifest is too long";
      out.push_back(std::move(one));
      continue;
    }
    auto manifest = ReadManifest(name);
    if (!manifest.ok()) {
      if (manifest.error().code() == ErrorCode::kRetryLater) return std::move(manifest).error();
      if (manifest.error().code() == ErrorCode::kNotFound) continue;  // deleted just now
      one.problem = manifest.error().message();
    } else {
      one.manifest = std::move(*manifest);
      if (!parts.object_bytes)
        one.problem = "its object is missing";
      else if (*parts.object_bytes != one.manifest->packed)
        one.problem = fmt::format("its object has {} bytes, not {}", *parts.object_bytes,
                                  one.manifest->packed);
    }
    out.push_back(std::move(one));
  }
  return out;
}

Result<std::optional<Listed>> Catalog::Newest() {
  HL_ASSIGN(std::vector<Listed> all, List());
  for (Listed& one : all)
    if (one.problem.empty()) return std::optional<Listed>(std::move(one));
  return std::optional<Listed>();
}

// Later than every other, whatever the clocks say: names are the order.
Result<std::string> Catalog::NewName(const Made& made) {
  HL_ASSIGN(const auto all, ListParts());
  int64_t at = made.manifest.made_ms;
  if (!all.empty()) at = std::max(at, *SnapshotTime(all.rbegin()->first) + 1);
  return SnapshotName(at, made.manifest.maker.node);
}

Status Catalog::PutWhole(const std::string& name, const Made& made, Activity* activity) {
  activity->Begin(Phase::kSending, made.manifest.packed);
  HL_TRY(store_->Put(ObjectOf(name), made.packed, &activity->transfer));
  Spool manifest("/nonexistent", kMaxManifest);
  const std::string text = EncodeManifest(made.manifest);
  if (text.size() >= kMaxManifest)
    return MakeError(ErrorCode::kInvalidArgument, "the cluster has too many origins for a manifest");
  HL_TRY(manifest.Append(text));
  log::Transfer transfer;
  HL_TRY(store_->Put(ManifestOf(name), manifest, &transfer));
  // Another maker at the same time may have taken the object for one that a crash left.
  HL_ASSIGN(const auto all, ListParts());
  const auto it = all.find(name);
  if (it != all.end() && it->second.object_bytes == made.manifest.packed) return Ok();
  return MakeError(ErrorCode::kRetryLater,
                   "the store does not hold the snapshot that was put there: is another node making one?");
}

Result<std::string> Catalog::Save(const Made& made, int keep, Activity* activity) {
  HL_ASSIGN(std::string name, NewName(made));
  if (Status put = PutWhole(name, made, activity); !put.ok()) {
    // What is there of it takes the room that the next attempt needs. If this fails, a later Sweep does it.
    Error error = std::move(put).error();
    if (!Remove(name).ok()) return std::move(error).Wrap("an upload failed and is still there in part");
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
    // One that cannot be used takes nobody's place.
    if (one.problem.empty() && kept < keep) {
      ++kept;
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
  HL_CHECK(listed.manifest.has_value());
  Spool packed(options.spool_directory);
  activity->Begin(Phase::kFetching, listed.manifest->packed);
  HL_TRY(store_->Get(ObjectOf(listed.name), &packed, &activity->transfer));
  return OpenPacked(options, packed, *listed.manifest, activity);
}

}  // namespace harmonylite::snapshot
