#include "apply/table_writer.h"

#include <fmt/format.h>

#include <string>

#include "base/mutant.h"
#include "ledger/key_sql.h"
#include "sqlite/identifier.h"

namespace harmonylite::apply {

namespace {

using change::ValueView;
using schema::Table;
using sqlite::Quote;

// Parameters of a version (hlc, n, lseq, gone, hash, born); the key's parameters follow them.
constexpr int kVersionParameters = 6;

std::string AddVersionSql(const Table& table, const std::string& versions) {
  std::string names;
  std::string values;
  for (size_t i = 1; i <= table.key.size(); ++i) {
    names += fmt::format(", k{}", i);
    values += fmt::format(", ?{}", i + kVersionParameters);
  }
  return fmt::format(
      "INSERT INTO {}(hlc, n, lseq, gone, hash, born{}) VALUES(?1, ?2, ?3, ?4, ?5, ?6{}) "
      "ON CONFLICT DO NOTHING",
      versions, names, values);
}

std::string InsertSql(const Table& table) {
  std::string names;
  std::string values;
  for (size_t i = table.first_real_column(); i < table.columns.size(); ++i) {
    names += (names.empty() ? "" : ", ") + Quote(table.columns[i]);
    values += fmt::format("{}?{}", values.empty() ? "" : ", ", i + 1);
  }
  // OR ABORT overrides the schema: a UNIQUE constraint may be declared with ON CONFLICT REPLACE or
  // IGNORE.
  const char* on_conflict = HL_MUTANT(unique_replaces) ? "REPLACE" : "ABORT";
  return fmt::format("INSERT OR {} INTO {}({}) VALUES({})", on_conflict, Quote(table.name), names,
                     values);
}

// Assigns all columns, as "a = excluded.a, …" or "a = ?1, …". Key columns are assigned as well,
// because two keys that are equal under a collation need not be identical. The rowid of a table
// without a key is not: it is the same, and with it there might be more columns than SQLite
// assigns.
std::string Assignments(const Table& table, bool from_excluded) {
  std::string out;
  const size_t first = table.rowid_key ? 1 : table.first_real_column();
  for (size_t i = first; i < table.columns.size(); ++i) {
    const std::string name = Quote(table.columns[i]);
    const std::string value = from_excluded ? "excluded." + name : fmt::format("?{}", i + 1);
    out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", name, value);
  }
  return out;
}

std::string UpsertSql(const Table& table) {
  // The conflict target names the key's collations, so that SQLite does not take another UNIQUE
  // index over the same columns for the key.
  std::string key;
  for (const auto& column : table.key)
    key += (key.empty() ? "" : ", ") + Quote(column.name) +
           (table.integer_key ? "" : " COLLATE " + Quote(column.collation));
  return fmt::format("{} ON CONFLICT({}) DO UPDATE SET {}", InsertSql(table), key,
                     Assignments(table, /*from_excluded=*/true));
}

}  // namespace

Result<TableWriter> TableWriter::Make(sqlite::Connection* db, const ledger::TrackedTable& tracked,
                                      bool fires_triggers, WrittenRows* written) {
  const Table& table = tracked.table;
  const std::string versions = Quote(ledger::VersionTableName(tracked.id));
  TableWriter out(db, tracked, written);
  out.fires_triggers_ = fires_triggers;
  out.versions_ = ledger::VersionTableName(tracked.id);
  HL_ASSIGN(out.add_version_, db->Prepare(AddVersionSql(table, versions)));
  HL_ASSIGN(out.find_version_,
            db->Prepare(fmt::format("SELECT hlc, n, lseq, gone, hash, born FROM {} WHERE {}",
                                    versions, ledger::HiddenKeyIs(table, 1))));
  HL_ASSIGN(
      out.replace_version_,
      db->Prepare(fmt::format(
          "UPDATE {} SET hlc = ?1, n = ?2, lseq = ?3, gone = ?4, hash = ?5, born = ?6 WHERE {}",
          versions, ledger::HiddenKeyIs(table, kVersionParameters + 1))));
  // SQLite has no upsert by what is not in the table.
  out.updates_first_ = fires_triggers || table.identity;
  HL_ASSIGN(out.put_row_, db->Prepare(out.updates_first_ ? InsertSql(table) : UpsertSql(table)));
  if (out.updates_first_) {
    const int first = static_cast<int>(table.columns.size()) + 1;
    HL_ASSIGN(out.update_row_,
              db->Prepare(fmt::format("UPDATE OR ABORT {} SET {} WHERE {}", Quote(table.name),
                                      Assignments(table, false), ledger::RowKeyIs(table, first))));
  }
  HL_ASSIGN(out.delete_row_, db->Prepare(fmt::format("DELETE FROM {} WHERE {}", Quote(table.name),
                                                     ledger::RowKeyIs(table, 1))));
  if (table.identity) {
    const std::string map = Quote(table.identity->map);
    HL_ASSIGN(out.map_row_, db->Prepare(fmt::format("INSERT OR REPLACE INTO {}(local, k1) "
                                                    "VALUES(last_insert_rowid(), ?1)",
                                                    map)));
    HL_ASSIGN(out.unmap_row_, db->Prepare(fmt::format("DELETE FROM {} WHERE k1 = ?1", map)));
  }
  return out;
}

void TableWriter::BindVersion(sqlite::Statement* statement, const StoredVersion& version) {
  statement->Bind(1, version.stamp.value);
  statement->Bind(2, version.origin.value);
  statement->Bind(3, version.lseq.value);
  statement->Bind(4, int64_t{version.deleted});
  statement->Bind(5, version.hash);
  statement->Bind(6, version.born ? ValueView::Integer(*version.born) : ValueView::Null());
}

Result<bool> TableWriter::AddVersion(std::span<const ValueView> key, const StoredVersion& version) {
  if (HL_MUTANT(tombstone_dropped) && version.deleted) return true;
  BindVersion(&add_version_, version);
  add_version_.BindAll(key, kVersionParameters + 1);
  HL_TRY(add_version_.Run());
  return db_->changes() == 1;
}

Result<std::optional<StoredVersion>> TableWriter::FindVersion(std::span<const ValueView> key) {
  find_version_.BindAll(key);
  HL_ASSIGN(const bool row, find_version_.Step());
  if (!row) return std::optional<StoredVersion>();
  StoredVersion found{Hlc(find_version_.Int(0)),  ledger::OriginIndex(find_version_.Int(1)),
                      Lseq(find_version_.Int(2)), find_version_.Int(3) != 0,
                      find_version_.Int(4),       std::nullopt};
  if (!find_version_.IsNull(5)) found.born = find_version_.Int(5);
  find_version_.Reset();
  return std::optional<StoredVersion>(found);
}

Status TableWriter::ReplaceVersion(std::span<const ValueView> key, const StoredVersion& version) {
  BindVersion(&replace_version_, version);
  replace_version_.BindAll(key, kVersionParameters + 1);
  return replace_version_.Run();
}

Status TableWriter::PutRow(std::span<const ValueView> image) {
  if (updates_first_) {
    int index = 1;
    for (const ValueView& value : image) update_row_.Bind(index++, value);
    for (const uint32_t position : table_->key_positions)
      update_row_.Bind(index++, image[position]);
    HL_TRY(update_row_.Run());
    if (db_->changes() > 0) {
      ++(*written_)[id_];
      return Ok();
    }
  }
  int index = 1;
  for (const ValueView& value : image) put_row_.Bind(index++, value);
  HL_TRY(put_row_.Run());
  ++(*written_)[id_];
  if (!map_row_) return Ok();
  map_row_.BindAll(image.first(1));
  return map_row_.Run();
}

Result<std::optional<change::Row>> TableWriter::ReadRow(std::span<const ValueView> key) {
  if (!read_row_) {
    HL_ASSIGN(read_row_, ledger::ImageQuery::Make(db_, *table_));
  }
  std::vector<ValueView> image;
  HL_ASSIGN(const bool found, read_row_->Find(key, &image));
  std::optional<change::Row> out;
  if (found) out.emplace(image.begin(), image.end());
  read_row_->Reset();
  return out;
}

Status TableWriter::DropVersion(std::span<const ValueView> key) {
  HL_ASSIGN(auto drop, db_->PrepareCached(fmt::format("DELETE FROM {} WHERE {}", Quote(versions_),
                                                      ledger::HiddenKeyIs(*table_, 1))));
  drop->BindAll(key);
  return drop->Run();
}

Status TableWriter::DeleteRow(std::span<const ValueView> key) {
  delete_row_.BindAll(key);
  HL_TRY(delete_row_.Run());
  if (db_->changes() > 0 && !HL_MUTANT(removals_not_told)) ++(*written_)[id_];
  if (!unmap_row_) return Ok();
  unmap_row_.BindAll(key);
  return unmap_row_.Run();
}

}  // namespace harmonylite::apply
