#include "schema/object_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/mutant.h"
#include "schema/definition.h"
#include "schema/table_text.h"
#include "sqlite/identifier.h"
#include "sqlite/scratch_schema.h"
#include "sqlite/sql_text.h"

namespace harmonylite::schema {

namespace {

using sqlite::FoldCase;
using sqlite::SameName;

Error Unreadable() {
  return MakeError(ErrorCode::kCorruption, "a row of __harmonylite__schema is unreadable");
}

// Takes "<length>:<bytes>" from the front of a text.
Result<std::string> TakeText(std::string_view* text) {
  size_t length = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), length);
  const auto digits = static_cast<size_t>(end - text->data());
  if (error != std::errc() || digits >= text->size() || (*text)[digits] != ':' ||
      length > text->size() - digits - 1)
    return Unreadable();
  std::string out(text->substr(digits + 1, length));
  text->remove_prefix(digits + 1 + length);
  return out;
}

// Takes a number and the character behind it from the front of a text.
template <typename Number>
bool TakeNumber(std::string_view* text, char end, Number* out) {
  const auto [at, error] = std::from_chars(text->data(), text->data() + text->size(), *out);
  const auto digits = static_cast<size_t>(at - text->data());
  if (error != std::errc() || digits >= text->size() || (*text)[digits] != end) return false;
  text->remove_prefix(digits + 1);
  return true;
}

// A text that cannot be taken apart, and one without columns, has none.
TableText TextOf(const ObjectRow& row) {
  if (row.key.kind != ObjectKind::kTable || IsVirtual(row.sql)) return {};
  auto text = ParseTable(row.sql);
  return text.ok() ? std::move(*text) : TableText();
}

TableText TextOf(const Object& object) {
  return TextOf(ObjectRow{{object.kind, {}}, {object.name}, {}, object.sql, {}, {}});
}

std::string FreshColumnId(const ObjectRow& row, std::string_view name) {
  const std::string first = FoldCase(name);
  std::string id = first;
  for (int n = 2; row.Find(id) != nullptr; ++n) id = fmt::format("{}#{}", first, n);
  return id;
}

void AddColumn(std::string_view name, ObjectRow* row) {
  row->columns.push_back({FreshColumnId(*row, name), {std::string(name)}, false});
}

void AddName(std::string_view name, std::vector<std::string>* names) {
  if (names->back() != name) names->emplace_back(name);
}

bool Holds(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// True if a token of the text is this name, or this word.
bool Mentions(std::string_view sql, std::string_view name) {
  for (size_t at = 0; at < sql.size(); at += sqlite::TokenLength(sql, at))
    if (SameName(sqlite::NameOf(sql.substr(at, sqlite::TokenLength(sql, at))), name)) return true;
  return false;
}

// Puts the former names that only `other` knows in front of `names`, whose last one stays the last.
void AddFormer(const std::vector<std::string>& other, std::vector<std::string>* names) {
  for (const std::string& name : other)
    if (!Holds(*names, name)) names->insert(names->begin(), name);
}

// True if `other` has renamed what has the last of `names` here, which does not know that.
bool IsAhead(const std::vector<std::string>& other, const std::vector<std::string>& names) {
  return Holds(other, names.back()) && !Holds(names, other.back());
}

// Takes all names over, and makes the last of `other` the present one.
void FollowNames(const std::vector<std::string>& other, std::vector<std::string>* names) {
  AddFormer(other, names);
  std::erase(*names, other.back());
  names->push_back(other.back());
}

// Takes a rename over that only `other` knows. If the text cannot be changed here, the name stays.
void TakeName(const ObjectRow& other, ObjectRow* row) {
  if (!IsAhead(other.names, row->names)) return AddFormer(other.names, &row->names);
  auto text = sqlite::RenameTableIn(row->sql, row->name(), other.name());
  if (!text.ok()) return AddFormer(other.names, &row->names);
  row->sql = std::move(*text);
  FollowNames(other.names, &row->names);
}

// Returns the table's text without a column and the constraints that name it, all but the key.
// kInvalidArgument: something else of the table needs the column.
Result<std::string> WithoutColumn(const ObjectRow& row, const std::string& column) {
  TableText text = TextOf(row);
  const ColumnText* definition = text.Find(column);
  const auto names_it = [&](const std::string& constraint) {
    return Mentions(constraint, column) && !Mentions(constraint, "PRIMARY");
  };
  if (definition == nullptr || Mentions(definition->sql, "PRIMARY"))
    return MakeError(ErrorCode::kInvalidArgument, "column {} cannot be dropped", column);
  std::erase_if(text.columns, [&](const ColumnText& one) { return SameName(one.name, column); });
  std::erase_if(text.constraints, names_it);
  return sqlite::TableIn(CreateTableSql(row.name(), text), row.name());
}

// Takes a drop over that only `other` knows. A column that is added again is another one, so that a
// column is dropped for good. If something else of the table needs it, it stays.
void TakeDrop(const ObjectRow& other, ColumnRow* column, ObjectRow* row) {
  auto text = sqlite::DropColumnIn(row->sql, row->name(), column->name());
  // SQLite drops no column that a constraint names, as another node's rebuild of the table may.
  if (!text.ok()) text = WithoutColumn(*row, column->name());
  if (!text.ok()) return;
  row->sql = std::move(*text);
  column->dropped = true;
  row->seen = other.seen;
}

void TakeName(const ColumnRow& other, ColumnRow* column, ObjectRow* row) {
  if (column->dropped || other.dropped || !IsAhead(other.names, column->names) ||
      row->FindLive(other.name()) != nullptr)
    return AddFormer(other.names, &column->names);
  auto text = sqlite::RenameColumnIn(row->sql, row->name(), column->name(), other.name());
  if (!text.ok()) return AddFormer(other.names, &column->names);
  row->sql = std::move(*text);
  FollowNames(other.names, &column->names);
}

ColumnRow* FindIn(std::vector<ColumnRow>* columns, std::string_view id) {
  const auto it = std::ranges::find(*columns, id, &ColumnRow::id);
  return it == columns->end() ? nullptr : &*it;
}

// Adds to `row` what only `other` knows: live columns with their definitions, renames, and which
// columns were dropped.
void AddUnknown(const ObjectRow& other, ObjectRow* row) {
  TakeName(other, row);
  for (const ColumnRow& column : other.columns)
    if (ColumnRow* known = FindIn(&row->columns, column.id)) {
      if (column.dropped && !known->dropped) TakeDrop(other, known, row);
      TakeName(column, known, row);
    }
  TableText text = TextOf(*row);
  const TableText theirs = TextOf(other);
  bool added = false;
  for (const ColumnRow& column : other.columns) {
    if (FindIn(&row->columns, column.id) != nullptr) continue;
    row->columns.push_back(column);
    const ColumnText* definition = theirs.Find(column.name());
    if (column.dropped || definition == nullptr) continue;
    if (text.Find(column.name()) != nullptr) {  // another column has the name
      row->columns.back().dropped = true;
      continue;
    }
    text.columns.push_back(*definition);
    added = true;
  }
  if (added) row->sql = CreateTableSql(row->name(), text);
}

}  // namespace

const ColumnRow* ObjectRow::Find(std::string_view column_id) const {
  const auto it = std::ranges::find(columns, column_id, &ColumnRow::id);
  return it == columns.end() ? nullptr : &*it;
}

const ColumnRow* ObjectRow::FindLive(std::string_view name) const {
  const auto it = std::ranges::find_if(columns, [&](const ColumnRow& column) {
    return !column.dropped && SameName(column.name(), name);
  });
  return it == columns.end() ? nullptr : &*it;
}

namespace {

// "<node>.<incarnation>:<lseq>;"
std::string EncodeChange(const Origin& origin, Lseq lseq) {
  return fmt::format("{}.{}:{};", origin.node.value, origin.incarnation.value, lseq.value);
}

Result<std::pair<Origin, Lseq>> TakeChange(std::string_view* text) {
  std::pair<Origin, Lseq> out;
  if (!TakeNumber(text, '.', &out.first.node.value) ||
      !TakeNumber(text, ':', &out.first.incarnation.value) ||
      !TakeNumber(text, ';', &out.second.value))
    return Unreadable();
  return out;
}

}  // namespace

std::string EncodeNames(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += fmt::format("{}:{}", name.size(), name);
  return out;
}

// "+" or "-" for a live or dropped column, its identity, its names, "=" and its initial value if
// there is one, "@" and the change that added it if that is told, and ";".
std::string EncodeColumns(const std::vector<ColumnRow>& columns) {
  std::string out;
  for (const ColumnRow& column : columns) {
    out += fmt::format("{}{}:{}{}", column.dropped ? '-' : '+', column.id.size(), column.id,
                       EncodeNames(column.names));
    if (column.initial) out += "=" + EncodeNames({*column.initial});
    if (column.since) out += "@" + EncodeChange(column.since->first, column.since->second);
    out += ';';
  }
  return out;
}

Result<std::vector<std::string>> DecodeNames(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    HL_ASSIGN(std::string name, TakeText(&text));
    out.push_back(std::move(name));
  }
  if (out.empty()) return Unreadable();
  return out;
}

Result<std::vector<ColumnRow>> DecodeColumns(std::string_view text) {
  std::vector<ColumnRow> out;
  while (!text.empty()) {
    ColumnRow column;
    if (text[0] != '+' && text[0] != '-') return Unreadable();
    column.dropped = text[0] == '-';
    text.remove_prefix(1);
    HL_ASSIGN(column.id, TakeText(&text));
    while (!text.empty() && std::string_view(";=@").find(text[0]) == std::string_view::npos) {
      HL_ASSIGN(std::string name, TakeText(&text));
      column.names.push_back(std::move(name));
    }
    if (text.starts_with('=')) {
      text.remove_prefix(1);
      HL_ASSIGN(column.initial, TakeText(&text));
    }
    if (text.starts_with('@')) {
      text.remove_prefix(1);
      HL_ASSIGN(column.since, TakeChange(&text));
    }
    if (!text.starts_with(';') || column.names.empty()) return Unreadable();
    text.remove_prefix(1);
    out.push_back(std::move(column));
  }
  return out;
}

std::string EncodeSeen(const change::ProgressVector& seen) {
  std::string out;
  for (const auto& [origin, lseq] : seen.map()) out += EncodeChange(origin, lseq);
  return out;
}

Result<change::ProgressVector> DecodeSeen(std::string_view text) {
  change::ProgressVector out;
  while (!text.empty()) {
    HL_ASSIGN(const auto change, TakeChange(&text));
    out.Advance(change.first, change.second);
  }
  return out;
}

ObjectRow NewRow(const Object& object, std::string id, std::string table) {
  ObjectRow out{{object.kind, std::move(id)}, {object.name}, std::move(table), object.sql, {}, {}};
  for (const ColumnText& column : TextOf(object).columns) AddColumn(column.name, &out);
  return out;
}

ColumnRenames PossibleRenames(const ObjectRow& before, const Object& now) {
  const TableText from = TextOf(before);
  const TableText to = TextOf(now);
  ColumnRenames out;
  for (size_t i = 0; i < std::min(from.columns.size(), to.columns.size()); ++i) {
    const ColumnText& was = from.columns[i];
    const ColumnText& is = to.columns[i];
    if (to.Find(was.name) != nullptr || from.Find(is.name) != nullptr) continue;
    if (InOneSpelling(Renamed(was, is.name).sql) == InOneSpelling(Renamed(is, is.name).sql))
      out.emplace_back(was.name, is.name);
  }
  return out;
}

bool IsAmbiguous(const ColumnRenames& renames, const ObjectRow& before, const Object& now) {
  const TableText from = TextOf(before);
  const TableText to = TextOf(now);
  std::vector<std::string> definitions;  // of renamed columns, all under one name
  for (const auto& [was, is] : renames)
    if (const ColumnText* column = from.Find(was))
      definitions.push_back(InOneSpelling(Renamed(*column, "c").sql));
  return std::ranges::any_of(from.columns, [&](const ColumnText& column) {
    const bool renamed = std::ranges::any_of(
        renames, [&](const auto& rename) { return SameName(rename.first, column.name); });
    return to.Find(column.name) == nullptr && !renamed &&
           Holds(definitions, InOneSpelling(Renamed(column, "c").sql));
  });
}

ObjectRow Changed(const ObjectRow& before, const Object& now, const ColumnRenames& renames,
                  std::string table) {
  ObjectRow out = before;
  AddName(now.name, &out.names);
  out.table = std::move(table);
  out.sql = now.sql;
  const TableText text = TextOf(now);
  for (ColumnRow& column : out.columns) {
    if (column.dropped) continue;
    for (const auto& [from, to] : renames)
      if (SameName(column.name(), from)) {
        AddName(to, &column.names);
        break;
      }
    column.dropped = text.Find(column.name()) == nullptr;
  }
  for (const ColumnText& column : text.columns)
    if (out.FindLive(column.name) == nullptr) AddColumn(column.name, &out);
  return out;
}

ObjectRow WithChange(const ObjectRow& present, const ObjectRow& before, const ObjectRow& after) {
  if (SameObject(present, before)) {
    ObjectRow out = after;
    AddFormer(present.names, &out.names);
    for (const ColumnRow& column : present.columns) {
      ColumnRow* known = FindIn(&out.columns, column.id);
      if (known == nullptr)
        out.columns.push_back(column);
      else if (!HL_MUTANT(former_names_forgotten))
        AddFormer(column.names, &known->names);
    }
    if (out.seen.map().empty()) out.seen = present.seen;
    return out;
  }
  // What others changed, and this file does not have yet, stays.
  ObjectRow out = after;
  if (out.key.kind == ObjectKind::kTable && !IsVirtual(out.sql))
    AddUnknown(present, &out);
  else
    AddFormer(present.names, &out.names);
  return out;
}

ObjectRow Unite(const ObjectRow& winner, const ObjectRow& loser) {
  ObjectRow out = winner;
  const bool table = winner.key.kind == ObjectKind::kTable && !winner.dropped();
  if (table && !loser.dropped() && !IsVirtual(winner.sql)) {
    AddUnknown(loser, &out);
    return out;
  }
  AddFormer(loser.names, &out.names);
  if (!table || !loser.dropped()) return out;
  out.sql.clear();
  out.seen = loser.seen;
  return out;
}

bool SameObject(const ObjectRow& a, const ObjectRow& b) {
  if (a.key.kind != b.key.kind || !SameName(a.name(), b.name())) return false;
  if (a.key.kind != ObjectKind::kTable || IsVirtual(a.sql) || IsVirtual(b.sql))
    return InOneSpelling(a.sql) == InOneSpelling(b.sql);
  const TableText one = TextOf(a);
  const TableText other = TextOf(b);
  if (one.columns.empty() || other.columns.empty()) return a.sql == b.sql;
  if (!SameDefinition(one, other)) return false;
  return std::ranges::all_of(a.columns, [&](const ColumnRow& column) {
    const ColumnRow* theirs = column.dropped ? nullptr : b.Find(column.id);
    return column.dropped || (theirs != nullptr && !theirs->dropped);
  });
}

}  // namespace harmonylite::schema
