// Every row of the replicated tables as it is stored now, with its version: for comparing nodes and for finding
// rows that changed without a trigger having seen it. Reads only, in one read transaction, piece by piece.
//
// Threads: one owner at a time; the connection belongs to it.
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

namespace harmonylite::capture {

// What is wrong with a row in the eyes of its own node.
enum class RowDamage {
  kNone,
  kAltered,    // it is not what its version was given for
  kMissing,    // its version says that it exists
  kUnwritten,  // nothing says that it was written: it has no version, or is deleted
};

struct SurveyedRow {
  const ledger::TrackedTable* table = nullptr;
  std::span<const change::ValueView> key;    // as the row spells it, else its version
  std::span<const change::ValueView> image;  // empty when there is no row, visible or shadowed
  bool shadowed = false;
  bool deleted = false;        // what its version says
  bool versioned = false;      // false: from before HarmonyLite, or unwritten
  ledger::OriginIndex origin{};        // of its version, as the file counts origins
  Lseq lseq;
  Hlc stamp;
  RowDamage damage = RowDamage::kNone;
};

// Where the file stands; read in the survey's transaction.
struct SurveyPoint {
  ledger::State state;
  ledger::OriginTable origins;
  change::ProgressVector progress;  // of all origins, this one included
  ledger::Catalog catalog;
  bool settled = false;  // nothing waits to be folded
};

class RowSurvey {
 public:
  // Begins the read transaction. kRetryLater: a table waits for its triggers, or so many changes are not folded
  // yet that the versions do not tell. `tombstones`: deleted rows are visited, too. `only`: this table alone
  // (empty: all).
  static Result<RowSurvey> Begin(sqlite::Connection* db, const schema::LoadOptions& tables,
                                 bool publishes, bool tombstones, const std::string& only = {});
  RowSurvey(RowSurvey&&) = default;

  const SurveyPoint& point() const { return *point_; }
  // Visits about so many rows. True: that was all. Rows with NULL in their key, which exist here only, are left out.
  Result<bool> Visit(int64_t rows, const std::function<Status(const SurveyedRow&)>& visit);

 private:
  explicit RowSurvey(sqlite::Connection* db) : db_(db) {}
  Status NextStatement();
  Status VisitOne(const std::function<Status(const SurveyedRow&)>& visit);
  void UseVersion(SurveyedRow* row) const;

  sqlite::Connection* db_;
  std::unique_ptr<sqlite::Transaction> snapshot_;
  std::unique_ptr<SurveyPoint> point_;
  std::vector<ledger::RegisteredTable> registry_;
  Unfolded unfolded_;  // by canonical keys
  ledger::CanonicalKey canonical_;
  bool tombstones_ = false;
  size_t table_ = 0;       // of catalog.tables; its pass is…
  bool versions_ = false;  // … over its rows, or over versions without a row
  bool shadows_ = false;
  std::vector<size_t> todo_;  // tables to visit, the last one first
  sqlite::Statement scan_;
  std::optional<ledger::HashJudge> judge_;
  bool had_rows_ = false;
  std::optional<ledger::RowReader> reader_;
};

}  // namespace harmonylite::capture
