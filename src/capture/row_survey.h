// Visits every row of the replicated tables as it is stored now, with its version, to compare nodes
// and to find rows that changed without a trigger seeing it.
//
// A survey only reads, piece by piece in one read transaction.
// Threads: a RowSurvey and its connection are used by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/journal.h"
#include "change/value.h"
#include "change/version.h"
#include "ledger/canonical_key.h"
#include "ledger/catalog.h"
#include "ledger/hash_judge.h"
#include "ledger/hidden_tables.h"
#include "ledger/registry.h"
#include "ledger/row_query.h"
#include "sqlite/connection.h"
#include "sqlite/transaction.h"

namespace harmonylite::capture {

// How a row contradicts its version on this node alone.
enum class RowDamage {
  kNone,
  kAltered,    // the row is not the one for which its version was given
  kMissing,    // there is no row, but its version says that it exists
  kUnwritten,  // there is a row, but it has no version, or the version says that it is deleted
};

struct SurveyedRow {
  const ledger::TrackedTable* table = nullptr;
  std::span<const change::ValueView> key;    // spelled as in the row, or else as in its version
  std::span<const change::ValueView> image;  // empty if there is no row, visible or shadowed
  bool shadowed = false;
  bool deleted = false;          // true if the version says that the row is deleted
  bool versioned = false;        // false for a row from before HarmonyLite, or an unwritten one
  ledger::OriginIndex origin{};  // origin of the version, as this file numbers origins
  Lseq lseq;                     // lseq of the version
  Hlc stamp;                     // stamp of the version
  RowDamage damage = RowDamage::kNone;
};

// Where the file stands, as read in the survey's transaction.
struct SurveyPoint {
  ledger::State state;
  ledger::OriginTable origins;
  change::ProgressVector progress;  // the progress of all origins, the file's own included
  ledger::Catalog catalog;
  bool settled = false;  // true if nothing waits to be folded
};

class RowSurvey {
 public:
  // Begins the read transaction. With `publishes`, changes that are published and trimmed count as
  // progress. With `tombstones`, deleted rows are visited, too. `only` names the single table to
  // visit; empty means all tables. kRetryLater: a table waits for its triggers, or too many changes
  // are not folded yet.
  static Result<RowSurvey> Begin(sqlite::Connection* db, const schema::LoadOptions& tables,
                                 bool publishes, bool tombstones, const std::string& only = {});
  RowSurvey(RowSurvey&&) = default;

  const SurveyPoint& point() const { return *point_; }
  // Visits up to `rows` rows. Returns true when all rows have been visited. Rows with NULL in their
  // key, which exist on this node only, are left out.
  Result<bool> Visit(int64_t rows, const std::function<Status(const SurveyedRow&)>& visit);

 private:
  explicit RowSurvey(sqlite::Connection* db) : db_(db) {}
  // Prepares the next pass. Leaves scan_ empty if there is none.
  Status NextStatement();
  // Visits the row that scan_ is at.
  Status VisitOne(const std::function<Status(const SurveyedRow&)>& visit);
  // Fills in what the version of the row at hand says.
  void UseVersion(SurveyedRow* row) const;

  sqlite::Connection* db_;  // not owned
  std::unique_ptr<sqlite::Transaction> snapshot_;
  std::unique_ptr<SurveyPoint> point_;
  std::vector<ledger::RegisteredTable> registry_;
  Unfolded unfolded_;  // canonical keys with an entry that is not folded yet
  ledger::CanonicalKey canonical_;
  bool tombstones_ = false;
  size_t table_ = 0;          // position in the catalog of the table being visited
  bool versions_ = false;     // true in a table's second pass, over versions without a row
  bool shadows_ = false;      // true if the table has shadowed rows
  std::vector<size_t> todo_;  // tables still to visit, the last one first
  sqlite::Statement scan_;    // the present pass
  std::optional<ledger::HashJudge> judge_;
  bool had_rows_ = false;  // TrackedTable::had_rows of the table
  std::optional<ledger::RowReader> reader_;
};

}  // namespace harmonylite::capture
