#include "snapshot/make.h"

#include "capture/hidden_tables.h"
#include "snapshot/pack.h"

namespace harmonylite::snapshot {

namespace {

using sqlite::Connection;
using sqlite::OpenMode;

constexpr int kBusyTimeoutMs = 10'000;
constexpr int kReadCacheKib = 16 * 1024;

// VACUUM INTO reads in one read transaction and writes every page anew: what was deleted long ago does not travel, and
// a damaged b-tree is an error here, not on the node that restores it. (A page by page copy takes two thirds of the
// time, but takes the dead bytes along.)
Status CopyInto(const Options& options, Activity* activity, PrivateDatabase* copy) {
  HL_ASSIGN(Connection source, Connection::Open(options.db_path, OpenMode::kReadWrite, options.vfs));
  source.SetBusyTimeout(kBusyTimeoutMs);
  HL_TRY(source.SetCacheKib(kReadCacheKib));
  HL_ASSIGN(const capture::Installed installed, capture::Inspect(&source));
  if (installed != capture::Installed::kYes)
    return MakeError(ErrorCode::kInvalidArgument, "it is not attached: start harmonylite on it once");
  source.InterruptWhen(&activity->transfer.cancelled);
  HL_ASSIGN(const int64_t pages, source.QueryInt("PRAGMA page_count"));
  HL_ASSIGN(const int64_t page_size, source.QueryInt("PRAGMA page_size"));
  activity->Begin(Phase::kCopying, static_cast<uint64_t>(pages * page_size));
  HL_ASSIGN(sqlite::Statement vacuum, source.Prepare("VACUUM INTO ?1"));
  vacuum.Bind(1, copy->path());
  Status copied = vacuum.Run();
  if (copied.ok() || activity->cancelled()) return copied;
  return std::move(copied).error().Wrap(
      fmt::format("up to {:.1f} MB are needed beside it", static_cast<double>(activity->total.load()) / 1e6));
}

Error Broken(std::string_view why) {
  return MakeError(ErrorCode::kCorruption, "the snapshot is damaged: {}", why);
}

Status CheckContent(Connection* db, const Manifest& manifest) {
  // Rows from other nodes are not judged by this schema's CHECKs, when they are applied or here.
  HL_TRY(db->Exec("PRAGMA ignore_check_constraints = ON"));
  HL_ASSIGN(const std::string verdict, db->QueryText("PRAGMA integrity_check(1)"));
  if (verdict != "ok") return Broken("integrity_check says: " + verdict);
  HL_ASSIGN(const capture::Installed installed, capture::Inspect(db));
  if (installed != capture::Installed::kYes) return Broken("it has no hidden tables");
  HL_ASSIGN(const capture::State state, capture::LoadState(db));
  HL_ASSIGN(const capture::OriginTable origins, capture::OriginTable::Load(db));
  HL_ASSIGN(const change::ProgressVector progress, capture::LoadProgress(db, origins));
  if (state.self != capture::kNobody || progress != manifest.progress)
    return Broken("it is not the database that its manifest describes");
  return Ok();
}

}  // namespace

Result<Made> Make(const Options& options, const Clock& clock, Activity* activity) {
  Made out{{}, Spool(options.spool_directory)};
  // The stated time is that of the oldest change that may be missing.
  out.manifest.made_ms = clock.WallMs();
  HL_ASSIGN(PrivateDatabase copy, PrivateDatabase::Reserve(options.db_path, options.vfs));
  if (Status copied = CopyInto(options, activity, &copy); !copied.ok())
    return std::move(copied).error().Wrap("cannot copy " + options.db_path);
  HL_TRY(copy.Open());
  copy.db().InterruptWhen(&activity->transfer.cancelled);
  if (Status stripped = StripCopy(&copy.db(), options.tables, options.leaves_out, &out.manifest);
      !stripped.ok())
    return std::move(stripped).error().Wrap("cannot make a snapshot of " + options.db_path);
  HL_TRY(Pack(&copy.db(), activity, &out.packed, &out.manifest));
  return out;
}

Result<PrivateDatabase> OpenPacked(const Options& options, const Spool& packed,
                                   const Manifest& manifest, Activity* activity) {
  HL_TRY(CheckObject(packed, manifest, activity));
  HL_ASSIGN(PrivateDatabase out, PrivateDatabase::Reserve(options.db_path, options.vfs));
  HL_TRY(out.Open());
  HL_TRY(Unpack(packed, manifest, activity, &out.db()));
  activity->Begin(Phase::kChecking, 0);
  out.db().InterruptWhen(&activity->transfer.cancelled);
  HL_TRY(CheckContent(&out.db(), manifest));
  out.db().InterruptWhen(nullptr);
  return out;
}

}  // namespace harmonylite::snapshot
