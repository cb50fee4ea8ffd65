#include "capture/trigger_text.h"

#include <fmt/format.h>

#include "base/mutant.h"
#include "capture/identity_triggers.h"
#include "sqlite/identifier.h"

namespace harmonylite::capture {

namespace {

using schema::IndexTerm;
using schema::KeyColumn;
using schema::Table;
using schema::UniqueIndex;
using sqlite::Quote;

std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

// Returns ", k1, k2, …": the journal's columns for a key of this many columns.
std::string KeyNames(size_t count) {
  std::string out;
  for (size_t i = 1; i <= count; ++i) out += fmt::format(", k{}", i);
  return out;
}

// Returns ", NEW."a", NEW."b"": the values of the row key in `row`, which is NEW, OLD or a table's
// alias.
std::string KeyValues(const Table& table, std::string_view row) {
  std::string out;
  for (const KeyColumn& key : table.key) out += fmt::format(", {}.{}", row, Quote(key.name));
  return out;
}

std::string InsertHead(const Table& table) {
  return fmt::format("INSERT INTO __harmonylite__journal(tbl, op, hlc{})",
                     KeyNames(table.key.size()));
}

// Returns the statement that journals a change of the row with the key of `row`.
std::string JournalRow(int64_t id, const Table& table, std::string_view row) {
  return fmt::format("{} VALUES ({}, {}, {}{});", InsertHead(table), id,
                     static_cast<int64_t>(JournalOp::kChange), NextStamp(), KeyValues(table, row));
}

// Returns the conditions under which the key of `row` is journaled. A row with NULL in its key
// stays on this node.
std::vector<std::string> KeyPresent(const Table& table, std::string_view row) {
  std::vector<std::string> out;
  for (const KeyColumn& key : table.key)
    if (key.nullable) out.push_back(fmt::format("{}.{} IS NOT NULL", row, Quote(key.name)));
  return out;
}

// Returns the condition that two rows have the same key by the collations of the key.
std::string SameKey(const Table& table, std::string_view a, std::string_view b) {
  std::vector<std::string> parts;
  for (const KeyColumn& key : table.key)
    parts.push_back(
        fmt::format("{0}.{2} IS {1}.{2} COLLATE {3}", a, b, Quote(key.name), Quote(key.collation)));
  return Join(parts, " AND ");
}

// The aliases of the table in HolderQuery, because a table may itself be named NEW or OLD.
constexpr const char* kHolder = "holder";
constexpr const char* kFound = "found";
// A row is looked up once for each column of its key. Tables with longer keys have a query that
// does not outlive the columns of its index.
constexpr size_t kMostLookups = 8;

// Returns the conditions under which a row of the table, as kHolder, holds the same values as NEW
// in a UNIQUE index. A term that is an expression is evaluated for NEW in a query on a single row
// with NEW's columns, so that the expression need not be rewritten. A NULL matches nothing, as in
// the index itself. On an UPDATE, the row that is updated is not its own holder.
std::string IsHolder(const Table& table, const UniqueIndex& index, bool is_update) {
  std::vector<std::string> conditions;
  std::vector<std::string> columns;
  for (const std::string& column : index.columns)
    columns.push_back(fmt::format("NEW.{0} AS {0}", Quote(column)));
  // An index may read no column at all.
  const std::string row =
      columns.empty() ? "" : fmt::format(" FROM (SELECT {})", Join(columns, ", "));
  for (const IndexTerm& term : index.terms) {
    const std::string value =
        term.is_column ? "NEW." + term.sql : fmt::format("(SELECT {}{})", term.sql, row);
    conditions.push_back(fmt::format("{} = {} COLLATE {}", term.sql, value, Quote(term.collation)));
  }
  if (!index.where_sql.empty()) conditions.push_back("(" + index.where_sql + ")");
  const std::vector<std::string> present = KeyPresent(table, kHolder);
  conditions.insert(conditions.end(), present.begin(), present.end());
  if (is_update) conditions.push_back(fmt::format("NOT ({})", SameKey(table, kHolder, "OLD")));
  return Join(conditions, " AND ");
}

// Returns the condition that kFound is the row that IsHolder describes, of which there is at most
// one. It stays valid, and true for no row, when an application drops the index and then its
// columns before the triggers are written anew: SQLite refuses to drop a column that a trigger
// names. A name that is neither the table's nor the trigger's is looked for in the queries around
// it, and the outermost one has a row called NEW in which all columns of the index are NULL.
std::string IsFound(const Table& table, const UniqueIndex& index, const std::string& is_holder) {
  std::vector<std::string> nulls;
  for (const std::string& column : index.columns) nulls.push_back("NULL AS " + Quote(column));
  const std::string around =
      nulls.empty() ? "" : fmt::format(" FROM (SELECT {}) AS NEW", Join(nulls, ", "));
  std::vector<std::string> conditions;
  for (const KeyColumn& key : table.key)
    conditions.push_back(fmt::format(
        "{0}.{1} = (SELECT (SELECT {2}.{1} FROM {3} AS {2} WHERE {4}){5}) COLLATE {6}", kFound,
        Quote(key.name), kHolder, Quote(table.name), is_holder, around, Quote(key.collation)));
  return Join(conditions, " AND ");
}

// Returns the statement that journals as displaced the row which holds the same values as NEW in
// one UNIQUE index.
std::string HolderQuery(int64_t id, const Table& table, const UniqueIndex& index, bool is_update) {
  const std::string is_holder = IsHolder(table, index, is_update);
  const bool looks_up = table.key.size() <= kMostLookups;
  const char* row = looks_up ? kFound : kHolder;
  return fmt::format("{} SELECT {}, {}, {}{} FROM {} AS {} WHERE {};", InsertHead(table), id,
                     static_cast<int64_t>(JournalOp::kDisplaced), NextStamp(),
                     KeyValues(table, row), Quote(table.name), row,
                     looks_up ? IsFound(table, index, is_holder) : is_holder);
}

// Returns the row key as a UNIQUE index.
UniqueIndex KeyIndex(const Table& table) {
  UniqueIndex out;
  for (const KeyColumn& key : table.key) {
    out.terms.push_back({Quote(key.name), key.collation, true});
    out.columns.push_back(key.name);
  }
  return out;
}

// INSERT OR REPLACE and UPDATE OR REPLACE remove rows that hold a unique value without firing their
// delete triggers. These triggers run before the statement, while such rows are still there, and
// journal them. They cannot know whether the statement will replace, so the entries count only if
// their rows are gone when a batch is read.
//
// The row that holds the new key itself is journaled by the AFTER trigger. But SQLite gives up an
// update, and fires no such trigger, if removing that row removed also the row that is updated: by
// the action of a foreign key, or by a trigger that such an action fires.
void AddDisplacedTriggers(int64_t id, const Table& table, std::vector<TriggerText>* out) {
  if (HL_MUTANT(displaced_not_journaled)) return;
  std::string on_insert;
  std::string on_update;
  for (const UniqueIndex& index : table.unique_indexes) {
    on_insert += HolderQuery(id, table, index, false) + " ";
    on_update += HolderQuery(id, table, index, true) + " ";
  }
  if (table.acts_on_itself) on_update += HolderQuery(id, table, KeyIndex(table), true) + " ";
  const auto add = [&](const char* kind, const char* event, std::string* body) {
    if (body->empty()) return;
    body->pop_back();
    out->push_back(MakeTrigger(id, kind, table, event, "", *body));
  };
  add("before_insert", "BEFORE INSERT", &on_insert);
  add("before_update", "BEFORE UPDATE", &on_update);
}

}  // namespace

// For table 7, t(id PRIMARY KEY, …), the first trigger reads
//
//     CREATE TRIGGER "__harmonylite__7_insert" AFTER INSERT ON "t" BEGIN
//       INSERT INTO __harmonylite__journal(tbl, op, hlc, k1) VALUES (7, 1, <stamp>, NEW."id"); END
//
// An update journals the new key, and with a trigger of its own also the old key if that is another
// one, because the row of the old key is gone.
std::vector<TriggerText> CaptureTriggers(int64_t table_id, const Table& table) {
  if (table.identity) return IdentityTriggers(table_id, table);
  const std::vector<std::string> new_present = KeyPresent(table, "NEW");
  const std::vector<std::string> old_present = KeyPresent(table, "OLD");
  std::vector<std::string> key_changed = old_present;
  key_changed.push_back("NOT (" + SameKey(table, "OLD", "NEW") + ")");

  std::vector<TriggerText> out;
  out.push_back(MakeTrigger(table_id, "insert", table, "AFTER INSERT", Join(new_present, " AND "),
                            JournalRow(table_id, table, "NEW")));
  out.push_back(MakeTrigger(table_id, "update", table, "AFTER UPDATE", Join(new_present, " AND "),
                            JournalRow(table_id, table, "NEW")));
  if (!HL_MUTANT(old_key_forgotten))
    out.push_back(MakeTrigger(table_id, "update_key", table, "AFTER UPDATE",
                              Join(key_changed, " AND "), JournalRow(table_id, table, "OLD")));
  out.push_back(MakeTrigger(table_id, "delete", table, "AFTER DELETE", Join(old_present, " AND "),
                            JournalRow(table_id, table, "OLD")));
  AddDisplacedTriggers(table_id, table, &out);
  return out;
}

}  // namespace harmonylite::capture
