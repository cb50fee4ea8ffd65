#include "snapshot/make.h"

#include <filesystem>

#include "ledger/hidden_tables.h"
#include "ledger/retirement_table.h"
#include "snapshot/integrity.h"
#include "sqlite/foreign_text.h"

namespace harmonylite::snapshot {

namespace {

using sqlite::Connection;
using sqlite::OpenMode;

constexpr int kBusyTimeoutMs = 10'000;
constexpr int kReadCacheKib = 16 * 1024;

// Copies the database with VACUUM INTO. The copy is not flushed to the disk, because nothing needs
// it after a power cut. `synchronous` is restored on every path, also after cancelling: closing the
// last connection checkpoints the WAL, and that must be flushed.
Status VacuumInto(Connection* source, const std::string& path, const std::atomic<bool>* cancelled) {
  HL_ASSIGN(const int64_t synchronous, source->QueryInt("PRAGMA synchronous"));
  HL_ASSIGN(sqlite::Statement vacuum, source->Prepare("VACUUM INTO ?1"));
  vacuum.Bind(1, path);
  HL_TRY(source->Exec("PRAGMA synchronous = OFF"));
  source->InterruptWhen(cancelled);
  Status copied = vacuum.Run();
  source->InterruptWhen(nullptr);
  HL_TRY(source->Exec(fmt::format("PRAGMA synchronous = {}", synchronous)));
  return copied;
}

// Opens the database and checks that there is something to copy.
Result<Connection> OpenSource(const Options& options, Activity* activity) {
  // Paths of the simulator's VFS are not paths of the file system.
  const std::filesystem::path absolute = options.vfs.empty()
                                             ? std::filesystem::absolute(options.db_path)
                                             : std::filesystem::path(options.db_path);
  HL_ASSIGN(Connection source,
            Connection::Open(absolute.string(), OpenMode::kReadWriteUris, options.vfs));
  source.SetBusyTimeout(kBusyTimeoutMs);
  HL_TRY(source.SetCacheKib(kReadCacheKib));
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(&source));
  if (installed != ledger::Installed::kYes)
    return MakeError(ErrorCode::kInvalidArgument,
                     "it is not attached: start harmonylite on it once");
  HL_ASSIGN(const int64_t pages, source.QueryInt("PRAGMA page_count"));
  HL_ASSIGN(const int64_t page_size, source.QueryInt("PRAGMA page_size"));
  activity->Begin(Phase::kCopying, static_cast<uint64_t>(pages * page_size));
  return source;
}

// VACUUM INTO reads in one read transaction and writes every page anew. So what was deleted long
// ago does not travel, and a damaged b-tree is an error here rather than on the node that restores
// the snapshot. (Copying page by page takes two thirds of the time but takes the dead bytes along.)
//
// kInvalidArgument: VACUUM compiles the schema's statements, and SQLite does not know something in
// them.
Status WriteByVacuum(Connection* source, const std::atomic<bool>& cancelled, Copy* copy) {
  HL_TRY(VacuumInto(source, copy->target(), &cancelled));
  return copy->Open();
}

// Copies a database whose schema SQLite cannot compile without its application. Free pages are
// cleared, and damage is looked for, because VACUUM would have seen to both.
Status WriteByPages(Connection* source, const std::atomic<bool>& cancelled, Copy* copy) {
  HL_TRY(copy->TakePages(source, cancelled));
  HL_TRY(copy->Open());
  HL_TRY(ClearFreePages(&copy->db()));
  HL_ASSIGN(const std::string damage, FindDamage(&copy->db()));
  if (damage.empty()) return Ok();
  return MakeError(ErrorCode::kCorruption, "integrity_check says: {}", damage);
}

// Adds to an error that may pass how much room the copy needs.
Error WithRoom(Error error, const Activity& activity) {
  if (error.code() != ErrorCode::kRetryLater || activity.cancelled()) return error;
  return std::move(error).Wrap(fmt::format("up to {:.1f} MB are needed beside it",
                                           static_cast<double>(activity.total.load()) / 1e6));
}

Result<Copy> MakeCopy(const Options& options, Activity* activity) {
  HL_ASSIGN(Connection source, OpenSource(options, activity));
  const auto made_by = [&](auto write) -> Result<Copy> {
    HL_ASSIGN(Copy copy, Copy::Reserve(options.db_path, options.vfs, options.spool_directory));
    Status written = write(&source, activity->transfer.cancelled, &copy);
    if (written.ok()) return copy;
    if (activity->cancelled()) return std::move(written).error();
    if (const std::string why = copy.failure(); !why.empty())
      written = MakeError(ErrorCode::kRetryLater, "{}", why);
    return WithRoom(std::move(written).error(), *activity);
  };
  auto copy = made_by(WriteByVacuum);
  if (copy.ok() || copy.error().code() != ErrorCode::kInvalidArgument) return copy;
  return made_by(WriteByPages);
}

Error Broken(std::string_view why) {
  return MakeError(ErrorCode::kCorruption, "the snapshot is damaged: {}", why);
}

Status CheckContent(Connection* db, const Manifest& manifest) {
  // What stands behind a stored text runs nowhere, but nobody puts it there for nothing.
  HL_ASSIGN(const auto texts, sqlite::FindStoredTextProblems(db));
  if (!texts.empty()) return Broken(sqlite::Describe(texts[0]));
  HL_ASSIGN(const std::string damage, FindDamage(db));
  if (!damage.empty()) return Broken("integrity_check says: " + damage);
  HL_ASSIGN(const ledger::Installed installed, ledger::Inspect(db));
  if (installed != ledger::Installed::kYes) return Broken("it has no hidden tables");
  HL_ASSIGN(const ledger::State state, ledger::LoadState(db));
  HL_ASSIGN(const ledger::OriginTable origins, ledger::OriginTable::Load(db));
  HL_ASSIGN(const change::ProgressVector progress,
            ledger::LoadWholeProgress(db, origins, ledger::kNobody, Lseq(0)));
  if (state.self != ledger::kNobody || progress != manifest.progress)
    return Broken("it is not the database that its manifest describes");
  return Ok();
}

}  // namespace

Result<Made> Make(const Options& options, const Clock& clock, Activity* activity) {
  // The time is taken before the copy begins: no change that is older can be missing from the
  // snapshot.
  Manifest manifest;
  manifest.made_ms = clock.WallMs();
  auto copy = MakeCopy(options, activity);
  if (!copy.ok()) return std::move(copy).error().Wrap("cannot copy " + options.db_path);
  copy->db().InterruptWhen(&activity->transfer.cancelled);
  if (Status stripped = StripCopy(&copy->db(), options.tables, options.leaves_out, &manifest);
      !stripped.ok())
    return WithRoom(std::move(stripped).error(), *activity)
        .Wrap("cannot make a snapshot of " + options.db_path);
  copy->db().InterruptWhen(nullptr);
  if (activity->cancelled()) return MakeError(ErrorCode::kRetryLater, "it was told to end");
  return Made{std::move(manifest), std::move(*copy), options.spool_directory};
}

Result<PrivateDatabase> OpenFilled(const Options& options, const Manifest& manifest,
                                   const Fill& fill, Activity* activity) {
  HL_ASSIGN(PrivateDatabase out, PrivateDatabase::Reserve(options.db_path, options.vfs));
  HL_TRY(out.Open());
  Unpacker unpacker(&manifest, activity, &out.db());
  HL_TRY(fill(&unpacker));
  HL_TRY(unpacker.Finish());
  activity->Begin(Phase::kChecking, 0);
  out.db().InterruptWhen(&activity->transfer.cancelled);
  HL_TRY(CheckContent(&out.db(), manifest));
  out.db().InterruptWhen(nullptr);
  return out;
}

Result<PrivateDatabase> OpenPacked(const Options& options, const Spool& packed,
                                   const Manifest& manifest, Activity* activity) {
  if (packed.size() != manifest.packed)
    return Broken(fmt::format("it has {} bytes, not {}", packed.size(), manifest.packed));
  activity->Begin(Phase::kUnpacking, manifest.size);
  return OpenFilled(
      options, manifest, [&](Unpacker* unpacker) { return Unpack(packed, unpacker); }, activity);
}

}  // namespace harmonylite::snapshot
