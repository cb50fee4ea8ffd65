// Finds where the columns of a table in a batch belong in this file, also if the batch's sender had
// another schema when it read the rows.
//
// Rows in an older or newer shape are not held where the rows of the hidden table `schema` explain
// the difference. A column that was added since takes its default, which is what its own node shows
// after its own ALTER; a column that was dropped since is left out; a renamed one is found by its
// identity. Rows of a table that was dropped meanwhile are kept among the conflicts, and so are
// those of a table that has another key by now: their own node sends them again, under the new key,
// when it has the table so.
//
// Threads: the rule of the connection.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "change/batch.h"
#include "change/value.h"
#include "ledger/catalog.h"
#include "ledger/schema_table.h"
#include "schema/follow.h"
#include "sqlite/connection.h"

namespace harmonylite::apply {

// Where the values of a batch's rows go.
struct ShapeMap {
  // Stands in `positions` for a value of `defaults`.
  static constexpr uint32_t kDefault = UINT32_MAX;

  const ledger::TrackedTable* tracked = nullptr;  // null: dropped, or `rekeyed` says which
  // The table, if it has another key than the batch's rows, of which the sender may not know yet.
  const ledger::TrackedTable* rekeyed = nullptr;
  std::vector<uint32_t> positions;  // in the batch's image, by our column
  change::Row defaults;             // by our column; NULL where the batch has a value
};

// The rows of `schema`, and those of tables by each name that they have or had, in folded case.
class KnownObjects {
 public:
  KnownObjects() = default;
  explicit KnownObjects(ledger::ObjectRows rows);
  std::vector<const schema::ObjectRow*> TablesNamed(std::string_view name) const;
  // The table with this identity; null: none is known.
  const schema::ObjectRow* Table(const std::string& id) const;
  // The table with this identity and its indexes, those that were dropped included.
  std::vector<schema::ObjectId> TableAndIndexes(const std::string& id) const;

 private:
  ledger::ObjectRows rows_;
  std::multimap<std::string, const schema::ObjectRow*> tables_;  // point into rows_
};

// Returns where the columns are if both have the same, in any order.
ShapeMap Straight(const ledger::TrackedTable& tracked, const change::TableShape& shape);

// What the batch's sender had seen.
struct SenderSaw {
  // The newest change of a row of `schema`.
  std::function<Result<bool>(const schema::ObjectId& object)> object;
  std::function<bool(const Origin& origin, Lseq lseq)> change;
};

// `catalog` and `objects` are those of this file, and `follow` is what it carries out of other
// nodes' changes: a file that does not follow may still have a table under a name that others gave
// up, or have dropped. kSchemaMismatch: nothing explains the difference, and the batch is to be
// held.
Result<ShapeMap> MapShape(sqlite::Connection* db, const ledger::Catalog& catalog,
                          const KnownObjects& objects, const change::TableShape& shape,
                          schema::Follow follow, const SenderSaw& saw);

}  // namespace harmonylite::apply
