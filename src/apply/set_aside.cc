#include "apply/set_aside.h"

#include <fmt/format.h>

#include <optional>
#include <span>

#include "base/mutant.h"
#include "ledger/conflict_log.h"
#include "ledger/hidden_tables.h"
#include "ledger/key_sql.h"
#include "ledger/row_query.h"
#include "ledger/shadows.h"
#include "sqlite/identifier.h"
#include "sqlite/sql_text.h"

namespace harmonylite::apply {

namespace {

using sqlite::Connection;
using sqlite::Quote;
using sqlite::Statement;

// Returns who changed the object last, and when.
Result<ledger::ConflictSide> WriterOf(Connection* db, const schema::ObjectId& object) {
  HL_ASSIGN(auto number, db->PrepareCached("SELECT id FROM __harmonylite__tables WHERE name = ?1"));
  number->Bind(1, schema::kSchemaTable);
  HL_ASSIGN(const bool known, number->Step());
  if (!known) return ledger::ConflictSide{};
  HL_ASSIGN(auto find, db->PrepareCached(fmt::format("SELECT hlc, n FROM {} WHERE k1 = ?1 AND "
                                                     "k2 = ?2",
                                                     ledger::VersionTableName(number->Int(0)))));
  find->Bind(1, schema::KindName(object.kind));
  find->Bind(2, object.id);
  HL_ASSIGN(const bool found, find->Step());
  if (!found) return ledger::ConflictSide{};
  return ledger::ConflictSide{Hlc(find->Int(0)), ledger::OriginIndex(find->Int(1)), {}};
}

// True if one of the arguments of a full-text table names the table that has its content.
bool HasExternalContent(std::string_view sql) {
  bool is_content = false;
  std::string_view before;
  for (size_t at = 0; at < sql.size(); at += sqlite::TokenLength(sql, at)) {
    const std::string_view token = sql.substr(at, sqlite::TokenLength(sql, at));
    if (sqlite::IsBlank(token)) continue;
    if (is_content) return sqlite::NameOf(token) != "" && token != "''";
    is_content = token == "=" && sqlite::SameName(before, "content");
    before = token;
  }
  return false;
}

bool AllNull(const schema::Table& table, std::span<const change::ValueView> image,
             const std::vector<std::string>& columns) {
  for (size_t i = 0; i < table.columns.size(); ++i)
    for (const std::string& column : columns)
      if (sqlite::SameName(table.columns[i], column) && image[i].type != change::ValueType::kNull)
        return false;
  return true;
}

// One run of SetAsideUnseen.
class SettingAside {
 public:
  SettingAside(Connection* db, const ledger::TrackedTable& tracked, const schema::ObjectRow& object,
               const std::vector<std::string>& columns, const AmongApplied& among)
      : db_(db), tracked_(tracked), object_(object), columns_(columns), among_(among) {}

  Status KeepVisible() {
    const schema::Table& table = tracked_.table;
    HL_ASSIGN(Statement rows,
              db_->Prepare(fmt::format("SELECT v.hlc, v.n, v.lseq{}{} FROM {} v JOIN {} t ON {} "
                                       "WHERE v.gone = 0",
                                       ledger::KeyColumns("v", table),
                                       ledger::ImageColumns("t", table), Versions(),
                                       Quote(table.name), ledger::KeyMatches("t", "v", table))));
    ledger::RowReader reader(db_, table, /*first_column=*/3);
    return rows.ForEachRow([&](const Statement& row) -> Status {
      HL_ASSIGN(const bool seen, WasSeen(row));
      if (seen) return Ok();
      HL_TRY(reader.Read(row));
      return reader.present() ? Keep(row, reader.key(), reader.image()) : Ok();
    });
  }

  Status KeepShadowed() {
    const schema::Table& table = tracked_.table;
    HL_ASSIGN(Statement rows,
              db_->Prepare(fmt::format("SELECT v.hlc, v.n, v.lseq, s.image FROM {} v JOIN {} s ON "
                                       "{} WHERE v.gone = 0",
                                       Versions(), Quote(ledger::ShadowTableName(tracked_.id)),
                                       ledger::HiddenKeysEqual("v", "s", table))));
    return rows.ForEachRow([&](const Statement& row) -> Status {
      HL_ASSIGN(const bool seen, WasSeen(row));
      if (seen) return Ok();
      HL_ASSIGN(const change::Row image, ledger::DecodeShadow(row.Column(3).bytes, table));
      std::vector<change::ValueView> key;
      for (const uint32_t at : table.key_positions) key.push_back(image[at]);
      return Keep(row, key, change::Views(image));
    });
  }

  int64_t kept() const { return kept_; }

 private:
  std::string Versions() const { return Quote(ledger::VersionTableName(tracked_.id)); }

  Result<bool> WasSeen(const Statement& row) const {
    return among_(object_.seen, ledger::OriginIndex(row.Int(1)), Lseq(row.Int(2)));
  }

  Status Keep(const Statement& row, std::span<const change::ValueView> key,
              std::span<const change::ValueView> image) {
    if (!columns_.empty() && AllNull(tracked_.table, image, columns_)) return Ok();
    if (!writer_) {
      HL_ASSIGN(writer_, WriterOf(db_, object_.key));
    }
    HL_ASSIGN(
        [[maybe_unused]] const int64_t id,
        ledger::AddConflict(db_, tracked_, ledger::conflict_kind::kDropped, key,
                            {Hlc(row.Int(0)), ledger::OriginIndex(row.Int(1)), image}, *writer_));
    ++kept_;
    return Ok();
  }

  Connection* db_;  // not owned
  const ledger::TrackedTable& tracked_;
  const schema::ObjectRow& object_;
  const std::vector<std::string>& columns_;
  const AmongApplied& among_;
  std::optional<ledger::ConflictSide> writer_;  // of the change that takes the rows
  int64_t kept_ = 0;
};

}  // namespace

Result<int64_t> SetAsideUnseen(Connection* db, const ledger::TrackedTable& tracked,
                               const schema::ObjectRow& object,
                               const std::vector<std::string>& columns, const AmongApplied& among) {
  if (HL_MUTANT(unseen_rows_dropped)) return 0;
  SettingAside setting(db, tracked, object, columns, among);
  HL_TRY(setting.KeepVisible());
  if (tracked.has_shadow_table) HL_TRY(setting.KeepShadowed());
  return setting.kept();
}

Status FillVirtualTable(Connection* db, const std::string& name, std::string_view sql) {
  if (!schema::IsVirtual(sql) || !HasExternalContent(sql)) return Ok();
  return db->Exec(fmt::format("INSERT INTO main.{0}({0}) VALUES('rebuild')", Quote(name)));
}

}  // namespace harmonylite::apply
