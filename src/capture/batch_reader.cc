#include "capture/batch_reader.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "base/mutant.h"
#include "capture/catalog_sync.h"
#include "capture/journal.h"
#include "change/codec.h"
#include "ledger/contradiction.h"
#include "ledger/retirement_table.h"
#include "ledger/schema_table.h"
#include "ledger/tombstones.h"
#include "sqlite/transaction.h"

namespace harmonylite::capture {

namespace {

using change::BatchEncoder;
using change::BatchHeader;
using change::Cover;
using change::RowView;
using change::ValueView;

}  // namespace

// Adds net changes to a batch. The shape of a table goes before the first row of the table.
class BatchReader::BatchWriter {
 public:
  explicit BatchWriter(BatchEncoder* encoder) : encoder_(encoder) {}

  Status Add(const NetChange& change, uint32_t cover) {
    const auto [it, is_new] =
        numbers_.try_emplace(change.table->id, static_cast<uint32_t>(numbers_.size()));
    if (is_new) HL_TRY(encoder_->AddTable(change.table->table.Shape()));
    RowView row;
    row.table = it->second;
    row.cover = cover;
    row.stamp = change.stamp;
    row.lseq = change.lseq;
    row.deleted = !change.present;
    row.values = change.present ? change.image : change.key;
    rows_ += change.table->table.name != schema::kSchemaTable;
    return encoder_->AddRow(row);
  }
  // How many rows of the application were added.
  uint64_t rows() const { return rows_; }

 private:
  BatchEncoder* encoder_;
  uint64_t rows_ = 0;
  std::map<int64_t, uint32_t> numbers_;  // a table's number in the batch, by TrackedTable::id
};

namespace {

// The application goes on writing while a batch is built. After this many rows the reader looks for
// commits again, so that it misses few places where the next batch can be cut.
constexpr uint64_t kLookEveryRows = 512;
// The most unfolded journal entries with which a repair is built; it holds their keys in memory.
constexpr int64_t kMaxUnfolded = 200'000;

// Adds the retirements that the covered changes bring: a node that has a change has the retirements
// that it states. Where retirements of the sender itself stand in for entries of `seen`, the header
// has to say which of its own changes the sender had.
void AddRetirements(const change::Retirements& known, const ledger::State& state,
                    BatchHeader* header) {
  for (const auto& [origin, retirements] : known.all())
    for (const change::Retirement& one : retirements) {
      const bool brought =
          std::any_of(header->covers.begin(), header->covers.end(), [&](const Cover& cover) {
            return cover.origin == one.by && cover.from < one.at && one.at <= cover.to;
          });
      if (brought && !HL_MUTANT(retirement_not_sent)) header->retirements.push_back(one);
      if (one.by == state.self && one.at <= state.published_to)
        header->seen.Advance(state.self, one.at);
    }
}

// Returns a catalog with the rows of the schema only, and one with all others. The schema's rows
// are the first of a batch, so that its receiver knows the shapes of the others.
std::pair<ledger::Catalog, ledger::Catalog> ObjectsFirst(const ledger::Catalog& catalog) {
  std::pair<ledger::Catalog, ledger::Catalog> out{catalog, catalog};
  const auto is_schema = [](const ledger::TrackedTable& tracked) {
    return tracked.table.name == schema::kSchemaTable;
  };
  if (HL_MUTANT(schema_behind_its_rows)) {
    out.first.tables.clear();
    return out;
  }
  std::erase_if(out.first.tables, std::not_fn(is_schema));
  std::erase_if(out.second.tables, is_schema);
  return out;
}

// Returns where an own batch begins. The first batch of an incarnation begins at 0, because no lseq
// before it ever belonged to this incarnation.
Lseq CoverFrom(const ledger::State& state, Lseq published) {
  return published <= state.incarnation_base ? Lseq(0) : published;
}

}  // namespace

BatchReader::BatchReader(sqlite::Connection* db, BatchReaderOptions options,
                         sqlite::Connection* watch)
    : db_(db), options_(std::move(options)), cuts_(watch) {}

Status BatchReader::RefreshCatalog(ReadFrom of) {
  if (schema_version_ == catalog_.schema_version) return Ok();
  HL_ASSIGN(ledger::Catalog catalog, LoadCatalog(db_, options_.tables));
  if (!catalog.complete) return MakeError(ErrorCode::kRetryLater, "a table waits for its triggers");
  if (of == ReadFrom::kNode) {
    HL_ASSIGN(const schema::HeaderNumbers seen, ledger::LoadSeenNumbers(db_));
    if (seen.version >= 0 && seen.version != schema_version_)
      return MakeError(ErrorCode::kRetryLater, "the changed schema is not journaled yet");
  }
  catalog_ = std::move(catalog);
  cuts_.ForgetKeys();
  db_->ClearCache();
  return Ok();
}

Result<std::optional<BuiltBatch>> BatchReader::ReadChanges(Lseq published, int64_t limit) {
  cuts_.Look();
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db_, sqlite::TransactionKind::kRead));
  HL_ASSIGN(schema_version_, db_->QueryInt("PRAGMA schema_version"));
  HL_TRY(RefreshCatalog(ReadFrom::kNode));
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db_));
  if (end.last_change <= published) return std::optional<BuiltBatch>();
  HL_ASSIGN(const ledger::State state, ledger::LoadState(db_));
  HL_ASSIGN(const ledger::OriginTable origins, ledger::OriginTable::Load(db_));
  HL_ASSIGN(Lseq to, cuts_.Choose(db_, catalog_, published, end.last_change, limit));
  if (HL_MUTANT(batch_cut_anywhere)) to = Lseq((published.value + to.value + 1) / 2);
  Hlc to_stamp = end.change_stamp;
  if (to != end.last_change) {
    HL_ASSIGN(to_stamp, StampOf(db_, to));
  }
  BatchHeader header;
  header.sender = state.self;
  header.covers = {{state.self, CoverFrom(state, published), to}};
  // Receivers hold the batch until they have applied what is applied here now (P6).
  if (!HL_MUTANT(seen_not_told)) {
    HL_ASSIGN(header.seen, ledger::LoadProgress(db_, origins));
  }
  header.max_stamp = end.stamp;
  HL_ASSIGN(const change::Retirements retirements, ledger::LoadRetirements(db_, origins));
  AddRetirements(retirements, state, &header);
  BuiltBatch batch{header, Spool(options_.spool_directory), to, to_stamp, 0, to != end.last_change};
  HL_ASSIGN(BatchEncoder encoder, BatchEncoder::Begin(header, options_.compress, &batch.bytes));
  BatchWriter writer(&encoder);
  const auto add = [&](const ledger::Catalog& catalog) {
    return VisitNetChanges(db_, catalog, state, header.covers[0].from, batch.to,
                           [&](const NetChange& change) {
                             if (encoder.rows() % kLookEveryRows == 0) cuts_.Look();
                             return writer.Add(change, 0);
                           });
  };
  HL_ASSIGN(const Lseq objects_to, ledger::LastObjectWritten(db_));
  if (objects_to > header.covers[0].from) {
    const auto [objects, others] = ObjectsFirst(catalog_);
    HL_TRY(add(objects));
    HL_TRY(add(others));
  } else {
    HL_TRY(add(catalog_));
  }
  HL_TRY(encoder.Finish());
  batch.rows = writer.rows();
  return std::optional<BuiltBatch>(std::move(batch));
}

Result<std::optional<BuiltBatch>> BatchReader::ReadRepair(const change::ProgressVector& have) {
  return ReadSince(have, ReadFrom::kNode);
}

Result<std::optional<BuiltBatch>> BatchReader::ReadForMerge(const change::ProgressVector& have) {
  return ReadSince(have, ReadFrom::kSnapshot);
}

Result<std::optional<BuiltBatch>> BatchReader::ReadSince(const change::ProgressVector& have,
                                                         ReadFrom of) {
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db_, sqlite::TransactionKind::kRead));
  HL_ASSIGN(schema_version_, db_->QueryInt("PRAGMA schema_version"));
  HL_TRY(RefreshCatalog(of));
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db_));
  HL_ASSIGN(const ledger::State state, ledger::LoadState(db_));
  if (end.last_change.value - state.folded_to.value > kMaxUnfolded)
    return MakeError(ErrorCode::kRetryLater, "local changes are not folded yet");
  HL_ASSIGN(const ledger::OriginTable origins, ledger::OriginTable::Load(db_));
  HL_ASSIGN(const change::ProgressVector collected, ledger::LoadCollected(db_, origins));
  HL_ASSIGN(const change::Retirements retirements, ledger::LoadRetirements(db_, origins));
  const change::Knowledge theirs(have, retirements);
  if (of == ReadFrom::kNode && !theirs.Covers(collected) && !HL_MUTANT(forgotten_repaired))
    return MakeError(ErrorCode::kLogGap, "deletes that the asking node lacks are forgotten here");
  BatchHeader header;
  header.sender = state.self;
  HL_ASSIGN(header.seen, ledger::LoadProgress(db_, origins));
  header.max_stamp = end.stamp;
  // If all own changes have been trimmed, the newest of them is the one that was published last.
  const Lseq own =
      std::max(end.last_change, HL_MUTANT(trimmed_not_repaired) ? Lseq(0) : state.published_to);
  const Hlc own_stamp = end.last_change >= own ? end.change_stamp : state.published_stamp;
  if (own > state.incarnation_base && own > theirs.Get(state.self))
    header.covers.push_back({state.self, theirs.Get(state.self), own});
  const change::Knowledge ours(header.seen, retirements, state.self, own);
  const change::ProgressVector whole = ours.Expanded();
  for (const auto& [origin, to] : whole.map())
    if (to > theirs.Get(origin)) header.covers.push_back({origin, theirs.Get(origin), to});
  if (header.covers.empty()) return std::optional<BuiltBatch>();
  AddRetirements(retirements, state, &header);
  BuiltBatch batch{header, Spool(options_.spool_directory), own, own_stamp, 0, false};
  HL_ASSIGN(BatchEncoder encoder, BatchEncoder::Begin(header, options_.compress, &batch.bytes));
  HL_ASSIGN(batch.rows, AddRepairRows(state, header, end.last_change, &encoder));
  HL_TRY(encoder.Finish());
  return std::optional<BuiltBatch>(std::move(batch));
}

// Adds the rows of a repair: first those of the schema, in whose shapes the others are.
Result<uint64_t> BatchReader::AddRepairRows(const ledger::State& state, const BatchHeader& header,
                                            Lseq last_change, BatchEncoder* encoder) {
  BatchWriter writer(encoder);
  const auto [objects, others] = ObjectsFirst(catalog_);
  HL_TRY(AddRepairRows(objects, state, header, last_change, &writer));
  HL_TRY(AddRepairRows(others, state, header, last_change, &writer));
  return writer.rows();
}

// Own changes that are not folded yet come from the journal, and everything else comes from the
// version tables, origin by origin. A row with an unfolded entry is left out of the second part,
// because what it shows is newer than its version.
Status BatchReader::AddRepairRows(const ledger::Catalog& catalog, const ledger::State& state,
                                  const BatchHeader& header, Lseq last_change,
                                  BatchWriter* writer) {
  HL_ASSIGN(const ledger::OriginTable origins, ledger::OriginTable::Load(db_));
  Unfolded unfolded;
  for (uint32_t i = 0; i < header.covers.size(); ++i) {
    if (header.covers[i].origin != state.self || HL_MUTANT(repair_without_unfolded)) continue;
    // The own range is the first one, so `unfolded` is complete before any version is visited.
    if (i != 0) return ledger::Contradiction("this node has progress of its own changes");
    HL_TRY(VisitNetChanges(db_, catalog, state, std::max(state.folded_to, header.covers[i].from),
                           last_change, [&](const NetChange& change) -> Status {
                             if (change.present)
                               unfolded[change.table->id].Note(change.image_key, change.lseq);
                             return writer->Add(change, i);
                           }));
  }
  for (uint32_t i = 0; i < header.covers.size(); ++i) {
    const Cover& cover = header.covers[i];
    const auto index = origins.Find(cover.origin);
    if (!index) return ledger::Contradiction("an origin has progress and no number");
    HL_TRY(VisitVersions(db_, catalog, unfolded, *index, cover.from, cover.to,
                         [&](const NetChange& change) { return writer->Add(change, i); }));
  }
  return Ok();
}

Result<std::optional<BuiltBatch>> BatchReader::ReadRows(const std::string& table,
                                                        const std::vector<change::Row>& keys,
                                                        Lseq to, Hlc to_stamp) {
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db_, sqlite::TransactionKind::kRead));
  HL_ASSIGN(schema_version_, db_->QueryInt("PRAGMA schema_version"));
  HL_TRY(RefreshCatalog(ReadFrom::kNode));
  const ledger::TrackedTable* tracked = catalog_.ByName(table);
  if (tracked == nullptr) return std::optional<BuiltBatch>();
  return ReadSelected(*tracked, keys, {{}, Spool(options_.spool_directory), to, to_stamp, 0});
}

Result<std::optional<BuiltBatch>> BatchReader::ReadObjects() {
  HL_ASSIGN(auto snapshot, sqlite::Transaction::Begin(db_, sqlite::TransactionKind::kRead));
  HL_ASSIGN(schema_version_, db_->QueryInt("PRAGMA schema_version"));
  HL_TRY(RefreshCatalog(ReadFrom::kSnapshot));
  const ledger::TrackedTable* tracked = ledger::SchemaTable(catalog_);
  if (tracked == nullptr) return std::optional<BuiltBatch>();
  HL_ASSIGN(const ledger::ObjectRows objects, ledger::LoadObjects(db_));
  std::vector<change::Row> keys;
  for (const auto& [key, row] : objects) keys.push_back(ledger::KeyOf(key));
  BuiltBatch batch{{}, Spool(options_.spool_directory), Lseq(0), Hlc(0), 0};
  HL_ASSIGN(const ledger::OriginTable origins, ledger::OriginTable::Load(db_));
  HL_ASSIGN(batch.header.seen, ledger::LoadProgress(db_, origins));
  return ReadSelected(*tracked, keys, std::move(batch));
}

// The header, which names all origins, comes before the rows. So the rows are visited twice in the
// same snapshot: first to find their origins, and then to add them.
Result<std::optional<BuiltBatch>> BatchReader::ReadSelected(const ledger::TrackedTable& tracked,
                                                            const std::vector<change::Row>& keys,
                                                            BuiltBatch batch) {
  HL_ASSIGN(const ledger::State state, ledger::LoadState(db_));
  HL_ASSIGN(const ledger::OriginTable origins, ledger::OriginTable::Load(db_));
  HL_ASSIGN(const JournalEnd end, ReadJournalEnd(db_));
  BatchHeader& header = batch.header;
  header.sender = state.self;
  header.max_stamp = end.stamp;
  std::map<int64_t, uint32_t> covers;  // position in header.covers, by origin index
  HL_TRY(VisitKeys(
      db_, tracked, keys, [&](ledger::OriginIndex origin, const NetChange& change) -> Status {
        const auto [it, is_new] =
            covers.try_emplace(origin.value, static_cast<uint32_t>(header.covers.size()));
        if (is_new) {
          HL_ASSIGN(const Origin known, origins.At(origin));
          header.covers.push_back({known, change.lseq, change.lseq});
        }
        Cover& cover = header.covers[it->second];
        cover.from = cover.to = std::max(cover.to, change.lseq);
        return Ok();
      }));
  if (header.covers.empty()) return std::optional<BuiltBatch>();
  HL_ASSIGN(BatchEncoder encoder, BatchEncoder::Begin(header, options_.compress, &batch.bytes));
  BatchWriter writer(&encoder);
  HL_TRY(VisitKeys(db_, tracked, keys, [&](ledger::OriginIndex origin, const NetChange& change) {
    return writer.Add(change, covers.at(origin.value));
  }));
  HL_TRY(encoder.Finish());
  batch.rows = writer.rows();
  return std::optional<BuiltBatch>(std::move(batch));
}

}  // namespace harmonylite::capture
