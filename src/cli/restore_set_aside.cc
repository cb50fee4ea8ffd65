#include "cli/restore_set_aside.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "capture/catalog_sync.h"
#include "cli/database.h"
#include "cli/restore_conflict.h"
#include "ledger/conflict_log.h"
#include "ledger/key_sql.h"
#include "schema/objects.h"
#include "sqlite/identifier.h"
#include "sqlite/literal.h"
#include "sqlite/transaction.h"

namespace harmonylite::cli {

namespace {

using change::NamedImage;
using ledger::ListedConflict;
using schema::Table;
using sqlite::Connection;
using sqlite::SameName;

std::string ColumnsOf(const NamedImage& image) {
  std::string out;
  for (const std::string& column : image.columns)
    if (column != schema::kIdentityColumn) out += (out.empty() ? "" : ", ") + column;
  return out;
}

// Returns an error, which says why nothing can be written to the table, and what to do about it.
Status WhyNot(Connection* db, const ledger::Catalog& catalog, const std::string& name,
              const std::vector<ListedConflict>& rows) {
  for (const schema::SkippedTable& skipped : catalog.skipped)
    if (SameName(skipped.name, name))
      return MakeError(ErrorCode::kNotFound,
                       "{} rows of table {} wait, and it is not replicated: {}", rows.size(),
                       skipped.name, skipped.reason);
  HL_ASSIGN(const auto objects, schema::ListObjects(db, {}));
  const bool there = std::ranges::any_of(objects, [&](const schema::Object& object) {
    return object.kind == schema::ObjectKind::kTable && SameName(object.name, name);
  });
  if (there)
    return MakeError(
        ErrorCode::kRetryLater,
        "{} rows of table {} wait: it is there, but it is left out by [tables], or the "
        "node has not looked at it yet; start the node, or try again in a moment",
        rows.size(), name);
  return MakeError(ErrorCode::kNotFound,
                   "{} rows of table {} wait, and it is not there: make it first, as the "
                   "application does; the rows have the columns {}",
                   rows.size(), name, ColumnsOf(*rows.front().loser.image));
}

class Restorer {
 public:
  Restorer(Connection* db, const ledger::Catalog& catalog, const ledger::TrackedTable& tracked,
           bool overwrite)
      : db_(db), catalog_(catalog), tracked_(tracked), overwrite_(overwrite) {}

  // Rows come with the newest write first.
  Status Restore(const ListedConflict& one, RestoredRows* out) {
    const Table& table = tracked_.table;
    HL_ASSIGN(const NamedImage row, KeptRow(table, one, {}));
    HL_ASSIGN(const bool whole, HasKey(row, one, out));
    if (!whole) return Ok();
    const bool all = HasAllColumns(table, *one.loser.image);
    if (!done_.insert(KeyText(row)).second)  // a newer write of the same row was looked at
      return all ? TakeOffTheList(db_, one) : Ok();
    HL_ASSIGN(const std::optional<NamedImage> present, Present(row));
    if (present && *present == row) {
      ++out->there;
      return all ? TakeOffTheList(db_, one) : Ok();
    }
    if (present && !overwrite_) {
      out->problems.push_back(
          fmt::format("{} is in the table with other values: 'harmonylite conflicts --restore {}' "
                      "writes over it, --overwrite over all such rows",
                      NameOf(row, one), one.id));
      return Ok();
    }
    return Write(one, row, out);
  }

 private:
  // A row that cannot be written leaves the others alone.
  Status Write(const ListedConflict& one, const NamedImage& row, RestoredRows* out) {
    HL_TRY(db_->Exec("SAVEPOINT one"));
    Status written = WriteBack(db_, catalog_, tracked_, one, {});
    if (written.ok()) {
      ++out->written;
    } else {
      HL_TRY(db_->Exec("ROLLBACK TO one"));
      out->problems.push_back(
          fmt::format("{}: {}; 'harmonylite conflicts --restore {}' takes --set", NameOf(row, one),
                      written.error().message(), one.id));
    }
    return db_->Exec("RELEASE one");
  }

  Result<bool> HasKey(const NamedImage& row, const ListedConflict& one, RestoredRows* out) const {
    for (const schema::KeyColumn& key : tracked_.table.key) {
      if (std::ranges::find(row.columns, key.name) != row.columns.end()) continue;
      const std::string what =
          tracked_.table.identity ? "had a key, and the table has none now"
                                  : "has no " + key.name + ", which is in the key of the table now";
      out->problems.push_back(fmt::format("conflict {}: the row {}", one.id, what));
      return false;
    }
    return true;
  }

  std::vector<change::ValueView> KeyOf(const NamedImage& row) const {
    std::vector<change::ValueView> out;
    for (const schema::KeyColumn& key : tracked_.table.key)
      for (size_t i = 0; i < row.columns.size(); ++i)
        if (row.columns[i] == key.name) out.push_back(row.values[i].view());
    return out;
  }

  std::string KeyText(const NamedImage& row) const {
    std::string out;
    const auto values = KeyOf(row);
    for (size_t i = 0; i < values.size(); ++i)
      out += fmt::format("{}{}={}", i == 0 ? "" : " ", tracked_.table.key[i].name,
                         sqlite::Literal(values[i]));
    return out;
  }

  // No application sees an identity.
  std::string NameOf(const NamedImage& row, const ListedConflict& one) const {
    return tracked_.table.identity ? "conflict " + one.id : KeyText(row);
  }

  // Returns the row of the table with the same key, in the columns of `row`.
  Result<std::optional<NamedImage>> Present(const NamedImage& row) {
    const Table& table = tracked_.table;
    const auto key = KeyOf(row);
    if (key.size() != table.key.size()) return std::optional<NamedImage>();
    std::string columns;
    for (const std::string& column : row.columns)
      columns += (columns.empty() ? "" : ", ") + ledger::ColumnIn("", table, column);
    HL_ASSIGN(auto find,
              db_->PrepareCached(fmt::format("SELECT {} FROM {} WHERE {}", columns,
                                             sqlite::Quote(table.name), ledger::RowKeyIs(table))));
    find->BindAll(key);
    HL_ASSIGN(const bool found, find->Step());
    if (!found) return std::optional<NamedImage>();
    NamedImage out{row.columns, {}};
    for (size_t i = 0; i < row.columns.size(); ++i)
      out.values.emplace_back(find->Column(static_cast<int>(i)));
    return std::optional(std::move(out));
  }

  Connection* db_;  // not owned, like the next two
  const ledger::Catalog& catalog_;
  const ledger::TrackedTable& tracked_;
  bool overwrite_;
  std::set<std::string> done_;  // keys of the rows that were looked at
};

}  // namespace

Result<RestoredRows> RestoreSetAside(Connection* db, const schema::LoadOptions& options,
                                     const std::string& table, bool overwrite) {
  const BesideApplication beside(db);
  HL_ASSIGN(auto transaction, sqlite::Transaction::Begin(db, sqlite::TransactionKind::kWrite));
  HL_TRY(CanFindRows(db));
  HL_ASSIGN(const ledger::Catalog catalog, capture::LoadCatalog(db, options));
  HL_ASSIGN(const auto rows, ledger::ListSetAside(db, table));
  if (rows.empty())
    return MakeError(
        ErrorCode::kNotFound,
        "no rows of table {} are set aside on this node; each node keeps those that it "
        "had: ask the others, too",
        table);
  const ledger::TrackedTable* tracked = catalog.ByName(table);
  if (tracked == nullptr) HL_TRY(WhyNot(db, catalog, rows.front().table, rows));
  HL_CHECK(tracked != nullptr);
  Restorer restorer(db, catalog, *tracked, overwrite);
  RestoredRows out;
  out.table = tracked->table.name;
  for (const ListedConflict& one : rows) HL_TRY(restorer.Restore(one, &out));
  HL_TRY(transaction.Commit());
  return out;
}

}  // namespace harmonylite::cli
