#include "ledger/object_writers.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "ledger/hidden_tables.h"

namespace harmonylite::ledger {

namespace {

using sqlite::Statement;
using Writers = std::map<schema::ObjectId, ObjectWriter>;

std::optional<schema::ObjectId> IdOf(const Statement& row) {
  const auto kind = schema::KindOf(row.Text(0));
  if (!kind) return std::nullopt;
  return schema::ObjectId{*kind, std::string(row.Text(1))};
}

}  // namespace

Result<Writers> LoadObjectWriters(sqlite::Connection* db) {
  Writers out;
  HL_ASSIGN(Statement number,
            db->Prepare("SELECT id FROM __harmonylite__tables WHERE name = ?1 AND key <> ''"));
  number.Bind(1, schema::kSchemaTable);
  HL_ASSIGN(const bool known, number.Step());
  if (!known) return out;
  const int64_t table = number.Int(0);
  HL_ASSIGN(const OriginTable origins, OriginTable::Load(db));
  HL_ASSIGN(Statement versions,
            db->Prepare(fmt::format("SELECT k1, k2, hlc, n FROM {}", VersionTableName(table))));
  HL_TRY(versions.ForEachRow([&](const Statement& row) -> Status {
    const auto object = IdOf(row);
    if (!object) return Ok();
    HL_ASSIGN(const Origin origin, origins.At(OriginIndex(row.Int(3))));
    out[*object] = {Hlc(row.Int(2)), origin};
    return Ok();
  }));
  HL_ASSIGN(const State state, LoadState(db));
  HL_ASSIGN(Statement journal,
            db->Prepare(fmt::format("SELECT k1, k2, hlc FROM {} WHERE id > ?1 AND tbl = ?2 "
                                    "ORDER BY id",
                                    kJournal)));
  journal.Bind(1, state.folded_to.value);
  journal.Bind(2, table);
  HL_TRY(journal.ForEachRow([&](const Statement& row) {
    if (const auto object = IdOf(row)) out[*object] = {Hlc(row.Int(2)), state.self};
  }));
  return out;
}

}  // namespace harmonylite::ledger
