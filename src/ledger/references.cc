#include "ledger/references.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "change/image_codec.h"
#include "change/row_hash.h"
#include "ledger/key_sql.h"
#include "sqlite/identifier.h"

namespace harmonylite::ledger {

namespace {

using change::ValueType;
using change::ValueView;
using schema::ForeignKey;
using schema::Table;
using sqlite::Connection;
using sqlite::Quote;
using sqlite::SameName;
using sqlite::Statement;

constexpr const char* kTouched = "__harmonylite__touched";
constexpr const char* kHeld = "__harmonylite__held";
constexpr const char* kJudgedBy = "references";  // key in the hidden table `state`

std::optional<std::vector<uint32_t>> Positions(const Table& table,
                                               const std::vector<std::string>& names) {
  std::vector<uint32_t> out;
  for (const std::string& name : names) {
    const auto at = std::find_if(table.columns.begin(), table.columns.end(),
                                 [&](const std::string& c) { return SameName(c, name); });
    if (at == table.columns.end()) return std::nullopt;
    out.push_back(static_cast<uint32_t>(at - table.columns.begin()));
  }
  return out;
}

// True if the reference names the parent by its row key, and compares it by the key's collations.
bool IsKey(const Table& parent, const Reference& reference) {
  if (parent.key_positions.size() != reference.parent_positions.size()) return false;
  for (size_t i = 0; i < parent.key.size(); ++i) {
    const auto at = std::find(reference.parent_positions.begin(), reference.parent_positions.end(),
                              parent.key_positions[i]);
    if (at == reference.parent_positions.end()) return false;
    const std::string& collation = reference.collations[at - reference.parent_positions.begin()];
    if (!SameName(collation, parent.key[i].collation)) return false;
  }
  return true;
}

// True if SQLite itself has these collations. Others exist in the application only.
bool Known(const std::vector<std::string>& collations) {
  return std::all_of(collations.begin(), collations.end(), [](const std::string& name) {
    return SameName(name, "BINARY") || SameName(name, "NOCASE") || SameName(name, "RTRIM");
  });
}

// Asks SQLite's planner whether an index would be used to find the children of one parent.
Result<bool> HasIndex(Connection* db, const Table& child, const std::vector<uint32_t>& positions) {
  std::string where;
  for (const uint32_t position : positions)
    where += fmt::format("{}{} = ?", where.empty() ? "" : " AND ", Quote(child.columns[position]));
  auto plan = db->Prepare(
      fmt::format("EXPLAIN QUERY PLAN SELECT 1 FROM {} WHERE {}", Quote(child.name), where));
  // A column may have a collation that only the application has. No index of it is usable here.
  if (!plan.ok() && plan.error().code() == ErrorCode::kInvalidArgument) return false;
  if (!plan.ok()) return std::move(plan).error();
  HL_ASSIGN(const bool row, plan->Step());
  return row && plan->Text(3).starts_with("SEARCH");
}

// Returns the reference that a foreign key makes; nothing if the key is not judged, because its
// parent is not replicated or its columns cannot be compared here.
Result<std::optional<Reference>> Resolve(Connection* db, const TrackedTable* parent,
                                         const TrackedTable& child, const ForeignKey& key,
                                         const IndexedReferences& indexed) {
  if (parent == nullptr || key.parent_columns.empty() || !Known(key.collations) ||
      key.columns.size() > schema::kMaxTerms)
    return std::optional<Reference>();
  const auto ours = Positions(child.table, key.columns);
  const auto theirs = Positions(parent->table, key.parent_columns);
  // A column that is not found is generated, or does not exist.
  if (!ours || !theirs) return std::optional<Reference>();
  Reference out;
  out.child = child.id;
  out.parent = parent->id;
  out.child_positions = *ours;
  out.parent_positions = *theirs;
  out.collations = key.collations;
  out.alike = key.alike;
  out.foreign_key = static_cast<size_t>(&key - child.table.foreign_keys.data());
  out.to_key = key.alike && IsKey(parent->table, out);
  const auto known = indexed.find({child.id, out.foreign_key});
  if (known != indexed.end())
    out.indexed = known->second;
  else {
    HL_ASSIGN(out.indexed, HasIndex(db, child.table, out.child_positions));
  }
  return std::optional<Reference>(std::move(out));
}

// Writes "p.a = <value>" for every column, and that no value of the parent's key is NULL. If a
// value has no affinity of its own, the parent's affinity and collation decide, as they do for
// foreign keys that SQLite enforces.
std::string IsParent(const Table& parent, const Reference& reference,
                     const std::vector<std::string>& values) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i)
    out += fmt::format("{}p.{} = {}", i == 0 ? "" : " AND ",
                       Quote(parent.columns[reference.parent_positions[i]]), values[i]);
  for (const schema::KeyColumn& column : parent.key)
    if (column.nullable) out += fmt::format(" AND p.{} IS NOT NULL", Quote(column.name));
  return out;
}

void AppendText(std::string_view text, const std::string& collation, std::string* out) {
  if (SameName(collation, "RTRIM"))
    while (text.ends_with(' ')) text.remove_suffix(1);
  if (!SameName(collation, "NOCASE")) {
    *out += fmt::format("t{}:", text.size());
    *out += text;
    return;
  }
  // NOCASE compares texts up to the first NUL, and then their lengths.
  const std::string folded = sqlite::FoldCase(text.substr(0, text.find('\0')));
  *out += fmt::format("t{},{}:", text.size(), folded.size()) + folded;
}

void Append(const ValueView& value, const std::string& collation, std::string* out) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  switch (value.type) {
    case ValueType::kNull:
      *out += "n";
      return;
    case ValueType::kInteger:
      *out += fmt::format("i{};", value.integer);
      return;
    case ValueType::kReal:
      if (value.real >= -kTwoTo63 && value.real < kTwoTo63 && std::trunc(value.real) == value.real)
        *out += fmt::format("i{};", static_cast<int64_t>(value.real));
      else
        *out += fmt::format("r{};", value.real);
      return;
    case ValueType::kText:
      return AppendText(value.bytes, collation, out);
    case ValueType::kBlob:
      *out += fmt::format("b{}:", value.bytes.size());
      *out += value.bytes;
      return;
  }
}

}  // namespace

Status FindIndexes(Connection* db, const TrackedTable& child, IndexedReferences* out) {
  for (size_t i = 0; i < child.table.foreign_keys.size(); ++i) {
    const auto positions = Positions(child.table, child.table.foreign_keys[i].columns);
    if (!positions) continue;
    HL_ASSIGN((*out)[std::pair(child.id, i)], HasIndex(db, child.table, *positions));
  }
  return Ok();
}

Status ResolveReferences(Connection* db, bool hide, Catalog* catalog,
                         const IndexedReferences& indexed) {
  catalog->hide_orphans = hide;
  std::map<std::string, const TrackedTable*> by_name;  // in folded case
  for (const TrackedTable& table : catalog->tables)
    by_name.emplace(sqlite::FoldCase(table.table.name), &table);
  std::set<int64_t> named;
  for (const TrackedTable& child : catalog->tables)
    for (const ForeignKey& key : child.table.foreign_keys) {
      const auto parent = by_name.find(sqlite::FoldCase(key.parent));
      HL_ASSIGN(
          std::optional<Reference> reference,
          Resolve(db, parent == by_name.end() ? nullptr : parent->second, child, key, indexed));
      if (!reference) continue;
      named.insert({reference->child, reference->parent});
      catalog->references.push_back(std::move(*reference));
    }
  for (TrackedTable& table : catalog->tables)
    table.in_references = hide && named.contains(table.id);
  return Ok();
}

Status SyncReferenceTables(Connection* db, bool wanted) {
  if (!wanted) {
    HL_TRY(SetJudgedBy(db, 0));
    HL_TRY(db->Exec(fmt::format("DROP TABLE IF EXISTS {}", kTouched)));
    return db->Exec(fmt::format("DROP TABLE IF EXISTS {}", kHeld));
  }
  HL_TRY(
      db->Exec(fmt::format("CREATE TABLE IF NOT EXISTS {}(id INTEGER PRIMARY KEY, "
                           "tbl INTEGER NOT NULL, key BLOB NOT NULL)",
                           kTouched)));
  HL_TRY(db->Exec(fmt::format(
      "CREATE TABLE IF NOT EXISTS {}(value BLOB NOT NULL, tbl INTEGER NOT NULL, key BLOB NOT NULL, "
      "PRIMARY KEY(value, tbl, key)) WITHOUT ROWID",
      kHeld)));
  return db->Exec(fmt::format("DELETE FROM {}", kHeld));
}

Status Touch(Connection* db, const TrackedTable& table, std::span<const ValueView> key) {
  HL_ASSIGN(auto note,
            db->PrepareCached(fmt::format("INSERT INTO {}(tbl, key) VALUES(?1, ?2)", kTouched)));
  const std::vector<std::string> names(key.size());
  const std::string bytes = change::EncodeImage(names, key);
  note->Bind(1, table.id);
  note->Bind(2, ValueView::Blob(bytes));
  return note->Run();
}

uint64_t ReferencesFingerprint(const Catalog& catalog) {
  std::string text = "references";
  for (const Reference& reference : catalog.references) {
    text += fmt::format("\n{} {}", reference.child, reference.parent);
    for (const uint32_t position : reference.child_positions)
      text += '\0' + catalog.ById(reference.child)->table.columns[position];
    for (const uint32_t position : reference.parent_positions)
      text += '\0' + catalog.ById(reference.parent)->table.columns[position];
    for (const std::string& collation : reference.collations) text += '\0' + collation;
  }
  return change::ColumnSeed(text);
}

Result<uint64_t> JudgedBy(Connection* db) {
  HL_ASSIGN(Statement find, db->Prepare("SELECT value FROM __harmonylite__state WHERE key = ?1"));
  find.Bind(1, std::string_view(kJudgedBy));
  HL_ASSIGN(const bool row, find.Step());
  return row ? static_cast<uint64_t>(find.Int(0)) : uint64_t{0};
}

Status SetJudgedBy(Connection* db, uint64_t fingerprint) {
  HL_ASSIGN(const uint64_t now, JudgedBy(db));
  if (now == fingerprint) return Ok();
  HL_ASSIGN(Statement put,
            db->Prepare("INSERT OR REPLACE INTO __harmonylite__state(key, value) VALUES(?1, ?2)"));
  put.Bind(1, std::string_view(kJudgedBy));
  put.Bind(2, static_cast<int64_t>(fingerprint));
  return put.Run();
}

std::string Canonical(std::span<const ValueView> values, std::span<const std::string> collations) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i) Append(values[i], collations[i], &out);
  return out;
}

std::string ParentSql(const Catalog& catalog, const Reference& reference) {
  const Table& parent = catalog.ById(reference.parent)->table;
  std::vector<std::string> values;
  for (size_t i = 1; i <= reference.parent_positions.size(); ++i)
    values.push_back(fmt::format("?{}", i));
  return fmt::format("SELECT 1 FROM {} p WHERE {} LIMIT 1", Quote(parent.name),
                     IsParent(parent, reference, values));
}

std::string IsOrphanSql(const Catalog& catalog, const Reference& reference) {
  const Table& child = catalog.ById(reference.child)->table;
  const Table& parent = catalog.ById(reference.parent)->table;
  std::string names;
  std::vector<std::string> values;
  for (const uint32_t position : reference.child_positions) {
    // A '+' takes the affinity of the child's column away.
    values.push_back("+c." + Quote(child.columns[position]));
    names += fmt::format("c.{} IS NOT NULL AND ", Quote(child.columns[position]));
  }
  return fmt::format("({}NOT EXISTS(SELECT 1 FROM {} p WHERE {}))", names, Quote(parent.name),
                     IsParent(parent, reference, values));
}

std::string KeyPresentInC(const Table& table) {
  std::string out;
  for (const schema::KeyColumn& column : table.key)
    if (column.nullable) out += fmt::format("c.{} IS NOT NULL AND ", Quote(column.name));
  return out;
}

std::string OrphansSql(const Catalog& catalog, const Reference& reference) {
  const Table& child = catalog.ById(reference.child)->table;
  return fmt::format("SELECT {} FROM {} c WHERE {}{}", RowKey("c", child), Quote(child.name),
                     KeyPresentInC(child), IsOrphanSql(catalog, reference));
}

}  // namespace harmonylite::ledger
