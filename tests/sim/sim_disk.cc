#include "sim/sim_disk.h"

#include <algorithm>

namespace harmonylite::sim {

namespace {

constexpr size_t kSector = 512;
constexpr const char* kParts[] = {"", "-wal", "-journal"};

// Does `write` to `bytes`. After a power cut an earlier write may be missing; the gap that it
// leaves is filled with zeros.
void Redo(Bytes* bytes, const Unsynced& write) {
  if (write.after.empty()) {
    if (write.offset < bytes->size()) bytes->Resize(write.offset);
    return;
  }
  if (write.offset > bytes->size()) bytes->Resize(write.offset);
  bytes->Write(write.offset, write.after);
}

}  // namespace

std::shared_ptr<DiskFile> SimDisk::Find(const std::string& path) const {
  const auto it = files_.find(path);
  return it == files_.end() ? nullptr : it->second;
}

std::shared_ptr<DiskFile> SimDisk::Create(const std::string& path) {
  return files_[path] = std::make_shared<DiskFile>();
}

bool SimDisk::MayWrite() {
  if (dead()) return false;
  const bool of_writes =
      fault_ == DiskFault::kError || fault_ == DiskFault::kFull || fault_ == DiskFault::kPowerLoss;
  return !of_writes || Passes();
}

// Counts one call of the planned fault's kind. Returns false if this call fails.
bool SimDisk::Passes() {
  if (--until_fault_ > 0) return true;
  faulted_ = true;
  if (fault_ == DiskFault::kPowerLoss) {
    after_power_loss_ = AfterPowerLoss();
    return false;
  }
  if (--fault_calls_ >= 0) return false;
  fault_ = DiskFault::kNone;
  return true;
}

void SimDisk::Write(DiskFile* file, size_t offset, std::string_view bytes) {
  Unsynced write{offset, std::string(bytes)};
  // A gap in front of the write counts as written, with zeros.
  if (offset > file->bytes.size()) {
    write.offset = file->bytes.size();
    write.after.insert(0, offset - file->bytes.size(), '\0');
  }
  Redo(&file->bytes, write);
  file->unsynced.push_back(std::move(write));
}

void SimDisk::Cut(DiskFile* file, size_t size) {
  if (size >= file->bytes.size()) return;
  file->unsynced.push_back({size, {}});
  file->bytes.Resize(size);
}

void SimDisk::Sync(DiskFile* file) {
  if (file->unsynced.empty()) return;
  file->synced.Resize(file->bytes.size());
  for (const Unsynced& write : file->unsynced)
    file->synced.Share(file->bytes, write.offset, std::max<size_t>(write.after.size(), 1));
  file->unsynced.clear();
}

void SimDisk::PlanFault(DiskFault fault, int64_t after, int64_t calls) {
  fault_ = fault;
  until_fault_ = after;
  fault_calls_ = calls;
  faulted_ = false;
}

void SimDisk::ForgetFault() {
  fault_ = DiskFault::kNone;
  faulted_ = false;
}

SimDisk::Files SimDisk::Copy() const {
  Files out;
  for (const char* part : kParts)
    if (const auto file = Find(database_ + part)) out[part] = file->bytes;
  return out;
}

void SimDisk::SyncAll() {
  for (const auto& [path, file] : files_) Sync(file.get());
}

void SimDisk::Put(const std::string& path, const Files& files) {
  after_power_loss_.reset();
  ForgetFault();
  for (const char* part : kParts) {
    Remove(path + part);
    const auto content = files.find(part);
    if (content == files.end()) continue;
    const auto file = Create(path + part);
    file->bytes = file->synced = content->second;
  }
}

// A disk may do its unsynced writes in any order, so after a power cut any of them may be missing
// or torn at a sector boundary. Three of ten power cuts lose everything that is not synced. Half of
// the others stop, in each file, at the first write that is lost or torn, as a disk does that keeps
// the order.
SimDisk::Files SimDisk::AfterPowerLoss() {
  if (after_power_loss_) return *after_power_loss_;
  Files out;
  const bool nothing_unsynced = random_.Chance(0.3);
  const bool prefix = random_.Chance(0.5);
  for (const char* part : kParts) {
    const auto file = Find(database_ + part);
    if (file == nullptr) continue;
    Bytes bytes = file->synced;
    for (const Unsynced& write : file->unsynced) {
      if (nothing_unsynced) break;
      if (random_.Chance(0.2)) {
        Unsynced torn = write;
        torn.after.resize(random_.Below(static_cast<int64_t>(torn.after.size() / kSector) + 1) *
                          kSector);
        if (!torn.after.empty()) Redo(&bytes, torn);
        if (prefix) break;
        continue;
      }
      Redo(&bytes, write);
    }
    out[part] = std::move(bytes);
  }
  return out;
}

}  // namespace harmonylite::sim
