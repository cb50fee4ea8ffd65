#include "schema/schema.h"

#include <algorithm>
#include <set>

#include "change/row_hash.h"
#include "schema/generated_columns.h"
#include "schema/index_sql.h"
#include "sqlite/foreign_text.h"
#include "sqlite/identifier.h"
#include "sqlite/library.h"
#include "sqlite/sql_text.h"
#include "sqlite/stored_sql.h"
#include "sqlite/unreadable.h"

namespace harmonylite::schema {

namespace {

using sqlite::Connection;
using sqlite::Quote;
using sqlite::SameName;
using sqlite::Statement;

// The most columns that a query of ours selects beside a row and its key.
constexpr size_t kBesideRow = 8;

// Values of the column "hidden" of PRAGMA table_xinfo.
constexpr int kVirtualGenerated = 2;
constexpr int kStoredGenerated = 3;

struct ColumnInfo {
  std::string name;
  std::string type;
  bool not_null = false;
  int pk = 0;
};

struct IndexInfo {
  std::string name;
  std::string origin;  // "c" for CREATE INDEX, "u" for UNIQUE, "pk" for PRIMARY KEY
  bool partial = false;
  std::vector<KeyColumn> columns;  // a column with an empty name is an expression
  bool of_columns = true;          // true if no column is an expression
};

struct TableRow {
  std::string name;
  std::string type;
  bool without_rowid = false;
};

// Why a table is not replicated; the reason tells the operator what to do.
struct Skip {
  SkipCause cause = SkipCause::kUnusable;
  std::string reason;
};

Skip Unusable(std::string reason) { return {SkipCause::kUnusable, std::move(reason)}; }

Result<std::vector<TableRow>> ListTables(Connection* db) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name, type, wr FROM pragma_table_list "
                                         "WHERE schema = 'main' ORDER BY name"));
  std::vector<TableRow> out;
  HL_TRY(list->ForEachRow([&](const Statement& row) {
    out.push_back({std::string(row.Text(0)), std::string(row.Text(1)), row.Int(2) != 0});
  }));
  return out;
}

Result<std::vector<ColumnInfo>> ListColumns(Connection* db, const std::string& table) {
  HL_ASSIGN(
      auto list,
      db->PrepareCached("SELECT name, type, \"notnull\", pk, hidden FROM pragma_table_xinfo(?1)"));
  list->Bind(1, table);
  std::vector<ColumnInfo> out;
  HL_TRY(list->ForEachRow([&](const Statement& row) {
    const int64_t hidden = row.Int(4);
    if (hidden == kVirtualGenerated || hidden == kStoredGenerated) return;
    out.push_back({std::string(row.Text(0)), std::string(row.Text(1)), row.Int(2) != 0,
                   static_cast<int>(row.Int(3))});
  }));
  return out;
}

Result<std::vector<IndexInfo>> ListUniqueIndexes(Connection* db, const std::string& table) {
  HL_ASSIGN(auto list, db->PrepareCached("SELECT name, origin, partial FROM pragma_index_list(?1) "
                                         "WHERE \"unique\" ORDER BY seq DESC"));
  list->Bind(1, table);
  std::vector<IndexInfo> out;
  HL_TRY(list->ForEachRow([&](const Statement& row) {
    out.push_back({std::string(row.Text(0)), std::string(row.Text(1)), row.Int(2) != 0, {}});
  }));
  for (IndexInfo& index : out) {
    HL_ASSIGN(auto columns, db->PrepareCached("SELECT cid, name, coll FROM pragma_index_xinfo(?1) "
                                              "WHERE \"key\" ORDER BY seqno"));
    columns->Bind(1, index.name);
    HL_TRY(columns->ForEachRow([&](const Statement& row) {
      index.of_columns = index.of_columns && row.Int(0) >= 0;
      index.columns.push_back({std::string(row.Text(1)), std::string(row.Text(2))});
    }));
  }
  return out;
}

bool KnownCollation(const std::string& name) {
  return SameName(name, "BINARY") || SameName(name, "NOCASE") || SameName(name, "RTRIM");
}

// Returns the terms and the condition of an index that is not only a list of columns.
Result<IndexText> ReadIndexText(Connection* db, const IndexInfo& info) {
  HL_ASSIGN(const std::optional<std::string> sql, sqlite::StoredSql(db, "index", info.name));
  IndexText text;
  if (sql) {
    if (const auto wrong = sqlite::WrongInStoredText("index", *sql))
      return MakeError(ErrorCode::kInvalidArgument, "{}",
                       sqlite::Describe({"index", info.name, *wrong}));
    text = SplitIndexSql(*sql);
  }
  if (text.terms.size() != info.columns.size())
    return MakeError(ErrorCode::kInvalidArgument, "its definition cannot be read");
  return text;
}

Result<UniqueIndex> DescribeIndex(Connection* db, const std::string& table, const IndexInfo& info) {
  UniqueIndex out;
  out.name = info.name;
  IndexText text;
  if (!info.of_columns || info.partial) {
    HL_ASSIGN(text, ReadIndexText(db, info));
  }
  std::vector<std::string> all;
  if (!text.where_sql.empty()) {
    HL_ASSIGN(out.where_sql, sqlite::AsExpression(text.where_sql));
    all.push_back(out.where_sql);
  }
  for (size_t i = 0; i < info.columns.size(); ++i) {
    const KeyColumn& column = info.columns[i];
    const bool is_column = !column.name.empty();
    std::string sql = Quote(column.name);
    if (!is_column) {
      HL_ASSIGN(sql, sqlite::AsExpression(text.terms[i]));
    }
    all.push_back(sql);
    out.terms.push_back({std::move(sql), column.collation, is_column});
  }
  auto columns = sqlite::ColumnsRead(db, table, all);
  HL_ASSIGN(out.columns, std::move(columns));
  return out;
}

// Adds the columns behind those generated columns that an index of the table reads.
Status ResolveGenerated(Connection* db, Table* table) {
  const auto generated = [&](const std::string& name) {
    return std::find(table->columns.begin(), table->columns.end(), name) == table->columns.end();
  };
  for (UniqueIndex& index : table->unique_indexes) {
    std::vector<std::string>* columns = &index.columns;
    if (std::none_of(columns->begin(), columns->end(), generated)) continue;
    HL_ASSIGN(const std::optional<std::string> sql, sqlite::StoredSql(db, "table", table->name));
    if (!sql) return MakeError(ErrorCode::kCorruption, "sqlite_schema lacks table {}", table->name);
    for (std::string& behind : ColumnsBehindGenerated(*sql, table->columns))
      columns->push_back(std::move(behind));
    std::sort(columns->begin(), columns->end());
    columns->erase(std::unique(columns->begin(), columns->end()), columns->end());
    for (IndexTerm& term : index.terms)
      term.is_column = term.is_column && !generated(sqlite::NameOf(term.sql));
  }
  return Ok();
}

Skip TooManyTerms(std::string_view what, const IndexInfo& index) {
  return Unusable(fmt::format("{} is over {} columns; HarmonyLite compares at most {}", what,
                              index.columns.size(), kMaxTerms));
}

// True for an index that can be a row key: it holds every row, and names columns only.
bool CanBeKey(const IndexInfo& index) { return !index.partial && index.of_columns; }

// Gives a table without a key identities, or returns why it cannot have them.
std::optional<Skip> UseIdentity(const std::vector<ColumnInfo>& columns,
                                const std::vector<IndexInfo>& indexes, Table* table) {
  // A UNIQUE index may remove a row without a trigger, and its identity would stay.
  if (!indexes.empty())
    return Skip{
        SkipCause::kNoKey,
        "it has no key but a UNIQUE index over a part of its rows, or over expressions: add a "
        "PRIMARY KEY, or list it in [tables] without_key"};
  for (const char* alias : {"_rowid_", "rowid", "oid"}) {
    const bool taken = std::any_of(columns.begin(), columns.end(), [&](const ColumnInfo& column) {
      return SameName(column.name, alias);
    });
    if (taken) continue;
    table->key = {{kIdentityColumn, "BINARY", false}};
    table->identity = RowIdentity{alias, {}};
    return std::nullopt;
  }
  return Skip{SkipCause::kNoKey,
              "it has no key, and columns of its own are called _rowid_, rowid and oid"};
}

// Chooses the row key: the primary key, or else the first UNIQUE index over NOT NULL columns, or
// else the rowid if the operator wants it, or else the first UNIQUE index over columns, or else an
// identity. A single column that is the primary key without an index for it is an INTEGER PRIMARY
// KEY, which is the rowid. Fills in `table->key` and, if the key has an index, `key_index`; or
// returns why the table has no usable key.
std::optional<Skip> ChooseKey(const TableRow& row, const std::vector<ColumnInfo>& columns,
                              const std::vector<IndexInfo>& indexes, bool allow_rowid, Table* table,
                              std::string* key_index) {
  const auto column_named = [&](const std::string& name) {
    return std::find_if(columns.begin(), columns.end(),
                        [&](const ColumnInfo& c) { return SameName(c.name, name); });
  };
  const IndexInfo* chosen = nullptr;
  std::vector<const ColumnInfo*> pk;
  for (const ColumnInfo& column : columns)
    if (column.pk > 0) pk.push_back(&column);
  for (const IndexInfo& index : indexes)
    if (index.origin == "pk") chosen = &index;
  if (chosen == nullptr && pk.size() == 1) {
    table->key = {{pk[0]->name, "BINARY", false}};
    table->integer_key = true;
    return std::nullopt;
  }
  const auto choose = [&](bool may_be_null) {
    for (const IndexInfo& index : indexes) {
      if (chosen != nullptr) return;
      const bool usable = std::ranges::all_of(index.columns, [&](const KeyColumn& key) {
        const auto column = column_named(key.name);
        return column != columns.end() && (may_be_null || column->not_null);
      });
      if (usable && CanBeKey(index)) chosen = &index;
    }
  };
  choose(/*may_be_null=*/false);
  if (!allow_rowid) choose(/*may_be_null=*/true);
  if (chosen != nullptr) {
    if (chosen->columns.size() > kMaxTerms) return TooManyTerms("its key", *chosen);
    for (const KeyColumn& key : chosen->columns) {
      const auto column = column_named(key.name);
      if (column == columns.end()) return Unusable("its key uses a generated column");
      if (!KnownCollation(key.collation))
        return Unusable("its key uses the collation " + key.collation +
                        ", which only the application has");
      table->key.push_back({column->name, key.collation, !column->not_null && !row.without_rowid});
    }
    *key_index = chosen->name;
    return std::nullopt;
  }
  if (!allow_rowid) return UseIdentity(columns, indexes, table);
  const bool named = std::any_of(columns.begin(), columns.end(),
                                 [](const ColumnInfo& c) { return SameName(c.name, "_rowid_"); });
  if (named) return Unusable("it has no key, and a column of its own is called _rowid_");
  table->key = {{"_rowid_", "BINARY", false}};
  table->integer_key = table->rowid_key = true;
  return std::nullopt;
}

// Fills in the UNIQUE indexes but the one of the key; or returns why one of them keeps the table
// from being replicated.
Result<std::optional<Skip>> DescribeIndexes(Connection* db, const std::vector<IndexInfo>& indexes,
                                            const std::string& key_index, Table* table) {
  size_t results = 0;  // columns of the query that reads what a row has in all indexes
  for (const IndexInfo& index : indexes) {
    if (index.name == key_index) continue;
    if (index.columns.size() > kMaxTerms)
      return std::optional(TooManyTerms("its UNIQUE index " + index.name, index));
    for (const KeyColumn& column : index.columns)
      if (!KnownCollation(column.collation))
        return std::optional(Unusable("its index " + index.name + " uses the collation " +
                                      column.collation + ", which only the application has"));
    auto described = DescribeIndex(db, table->name, index);
    // If SQLite cannot compile the index's expressions here, it cannot write to the table here
    // either.
    if (!described.ok() && described.error().code() == ErrorCode::kInvalidArgument)
      return std::optional(Unusable("its index " + index.name +
                                    " cannot be used here: " + described.error().message()));
    if (!described.ok()) return std::move(described).error();
    results += described->terms.size() + 1;
    table->unique_indexes.push_back(std::move(*described));
  }
  if (results > db->max_columns())
    return std::optional(
        Unusable(fmt::format("it has {} UNIQUE indexes, which is more than can be compared",
                             table->unique_indexes.size())));
  return std::optional<Skip>();
}

// Returns why this program's SQLite cannot write to a table, and nothing if it can. It must know
// all functions and collations that the table's indexes and generated columns need, because those
// change with the rows. Triggers and CHECK constraints must be off.
Result<std::optional<Skip>> WhyUnwritable(Connection* db, const Table& table) {
  std::string names;
  std::string nulls;
  for (size_t i = table.first_real_column(); i < table.columns.size(); ++i) {
    names += (names.empty() ? "" : ", ") + Quote(table.columns[i]);
    nulls += nulls.empty() ? "NULL" : ", NULL";
  }
  HL_ASSIGN(const auto lacks, db->WhatItLacks(fmt::format("INSERT INTO main.{}({}) VALUES({})",
                                                          Quote(table.name), names, nulls)));
  if (!lacks) return std::optional<Skip>();
  return std::optional(Unusable(fmt::format(
      "an index or generated column needs what only the application has ({}): drop it, or define it "
      "without that",
      *lacks)));
}

Result<std::optional<Skip>> Describe(Connection* db, const TableRow& row,
                                     const LoadOptions& options, Table* table) {
  table->name = row.name;
  HL_ASSIGN(const std::vector<ColumnInfo> columns, ListColumns(db, row.name));
  HL_ASSIGN(const std::vector<IndexInfo> indexes, ListUniqueIndexes(db, row.name));
  const bool allow = options.allow_without_key && options.allow_without_key(row.name);
  std::string key_index;
  if (auto skip = ChooseKey(row, columns, indexes, allow, table, &key_index)) return skip;

  if (table->rowid_key || table->identity) table->columns.push_back(table->key[0].name);
  for (const ColumnInfo& column : columns) table->columns.push_back(column.name);
  for (const std::string& column : table->columns)
    table->column_seeds.push_back(change::ColumnSeed(sqlite::FoldCase(column)));
  table->wide = table->columns.size() + table->key.size() + kBesideRow > db->max_columns();
  for (const KeyColumn& key : table->key) {
    const auto at = std::find_if(table->columns.begin(), table->columns.end(),
                                 [&](const std::string& c) { return SameName(c, key.name); });
    table->key_positions.push_back(static_cast<uint32_t>(at - table->columns.begin()));
  }
  HL_ASSIGN(auto reason, DescribeIndexes(db, indexes, key_index, table));
  if (reason) return reason;
  HL_ASSIGN(reason, WhyUnwritable(db, *table));
  if (reason) return reason;
  HL_TRY(ResolveGenerated(db, table));
  if (table->integer_key && !table->rowid_key) {
    HL_ASSIGN(table->autoincrement, db->IsAutoincrement(row.name, table->key[0].name));
  }
  HL_ASSIGN(table->foreign_keys, ListForeignKeys(db, row.name));
  return std::optional<Skip>();
}

Result<Schema> LoadTables(Connection* connection, const LoadOptions& options) {
  Schema schema;
  HL_ASSIGN(schema.version, connection->QueryInt("PRAGMA schema_version"));
  HL_ASSIGN(const std::vector<TableRow> rows, ListTables(connection));
  HL_ASSIGN(const std::set<std::string> acting, TablesThatActOnThemselves(connection));
  HL_ASSIGN(const auto unreadable, sqlite::FindUnreadable(connection));
  for (const sqlite::UnreadableObject& object : unreadable)
    if (object.type == "table" && (!options.include || options.include(object.name)))
      schema.skipped.push_back(
          {object.name,
           fmt::format("SQLite {}, which this program uses, cannot read its definition ({})",
                       sqlite::LibraryVersion(), object.why),
           SkipCause::kUnusable});
  for (const TableRow& row : rows) {
    const bool objects = options.objects && row.name == kSchemaTable;
    const bool ours = SameName(row.name.substr(0, kHiddenPrefix.size()), kHiddenPrefix);
    const bool internal = SameName(row.name.substr(0, 7), "sqlite_");
    if ((ours && !objects) || internal || row.type == "shadow" || row.type == "view") continue;
    if (!objects && options.include && !options.include(row.name)) continue;
    if (row.type == "virtual") {
      schema.skipped.push_back({row.name,
                                "virtual tables are not replicated; triggers of the "
                                "application that feed them run on every node",
                                SkipCause::kVirtual});
      continue;
    }
    Table table;
    HL_ASSIGN(std::optional<Skip> skip, Describe(connection, row, options, &table));
    table.acts_on_itself = acting.contains(sqlite::FoldCase(table.name));
    if (skip)
      schema.skipped.push_back({row.name, std::move(skip->reason), skip->cause});
    else
      schema.tables.push_back(std::move(table));
  }
  // The others keep their places, and their numbers in a new file.
  std::stable_partition(schema.tables.begin(), schema.tables.end(),
                        [](const Table& table) { return table.name != kSchemaTable; });
  return schema;
}

}  // namespace

bool Table::SqliteGivesKey() const {
  return integer_key &&
         std::none_of(foreign_keys.begin(), foreign_keys.end(), [&](const ForeignKey& reference) {
           return reference.columns.size() == 1 && SameName(reference.columns[0], key[0].name);
         });
}

change::TableShape Table::Shape() const {
  change::TableShape shape{name, columns, key_positions, {}};
  if (object != sqlite::FoldCase(name)) shape.object = object;
  for (const KeyColumn& column : key) shape.collations.push_back(column.collation);
  return shape;
}

Result<Schema> Load(Connection* connection, const LoadOptions& options) {
  // Meanwhile the connection compiles statements as the applying one does: without triggers, and
  // without CHECK constraints.
  HL_ASSIGN(const int64_t ignored, connection->QueryInt("PRAGMA ignore_check_constraints"));
  const bool triggers = connection->triggers_enabled();
  if (ignored == 0) HL_TRY(connection->Exec("PRAGMA ignore_check_constraints = ON"));
  if (triggers) connection->EnableTriggers(false);
  auto schema = LoadTables(connection, options);
  if (triggers) connection->EnableTriggers(true);
  if (ignored == 0) HL_TRY(connection->Exec("PRAGMA ignore_check_constraints = OFF"));
  return schema;
}

std::optional<std::string> Difference(const change::TableShape& ours,
                                      const change::TableShape& theirs) {
  const auto has = [](const change::TableShape& shape, const std::string& name) {
    return std::any_of(shape.columns.begin(), shape.columns.end(),
                       [&](const std::string& c) { return SameName(c, name); });
  };
  for (const std::string& column : theirs.columns)
    if (!has(ours, column)) return "column " + column + " does not exist here";
  for (const std::string& column : ours.columns)
    if (!has(theirs, column)) return "column " + column + " does not exist at the sender";
  if (ours.columns.size() != theirs.columns.size()) return "the sender lists a column twice";
  if (ours.key.size() != theirs.key.size()) return "the key has another number of columns";
  for (size_t i = 0; i < ours.key.size(); ++i) {
    if (!SameName(ours.columns[ours.key[i]], theirs.columns[theirs.key[i]]))
      return "the key has other columns";
    if (!SameName(ours.collations[i], theirs.collations[i]))
      return "the key compares column " + ours.columns[ours.key[i]] + " in another way";
  }
  return std::nullopt;
}

}  // namespace harmonylite::schema
