#include "apply/unique_probe.h"

#include <fmt/format.h>

#include <string>

#include "ledger/key_sql.h"
#include "ledger/references.h"
#include "schema/schema.h"
#include "sqlite/identifier.h"

namespace harmonylite::apply {

namespace {

using change::Row;
using change::ValueView;
using schema::IndexTerm;
using schema::Table;
using schema::UniqueIndex;
using sqlite::Connection;
using sqlite::Quote;

// Inserts the row and returns, for each UNIQUE index, whether the row is in it and then the index's
// terms. OR REPLACE makes room for the row; the savepoint undoes what that removes.
std::string ProbeSql(const Table& table) {
  std::string names;
  std::string values;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    names += (i == 0 ? "" : ", ") + Quote(table.columns[i]);
    values += fmt::format("{}?{}", i == 0 ? "" : ", ", i + 1);
  }
  std::string terms;
  for (const UniqueIndex& index : table.unique_indexes) {
    terms += terms.empty() ? "" : ", ";
    terms += index.where_sql.empty() ? "1" : fmt::format("(({}) IS TRUE)", index.where_sql);
    for (const IndexTerm& term : index.terms) terms += ", " + term.sql;
  }
  return fmt::format("INSERT OR REPLACE INTO {}({}) VALUES({}) RETURNING {}", Quote(table.name),
                     names, values, terms);
}

// Selects the keys of the rows with given terms in one index, by the index's own collations.
std::string HolderSql(const Table& table, const UniqueIndex& index) {
  std::string where = index.where_sql.empty() ? "true" : "(" + index.where_sql + ")";
  for (size_t i = 0; i < index.terms.size(); ++i)
    where += fmt::format(" AND {} = ?{} COLLATE {}", index.terms[i].sql, i + 1,
                         Quote(index.terms[i].collation));
  return fmt::format("SELECT {} FROM {} WHERE {}", ledger::RowKey("", table), Quote(table.name),
                     where);
}

Result<Row> ReadTerms(Connection* db, const Table& table, std::span<const ValueView> image) {
  HL_TRY(db->Exec("SAVEPOINT probe"));
  const auto read = [&]() -> Result<Row> {
    HL_ASSIGN(auto insert, db->PrepareCached(ProbeSql(table)));
    insert->BindAll(image);
    HL_ASSIGN(const bool row, insert->Step());
    if (!row)
      return MakeError(ErrorCode::kInvalidArgument,
                       "a trigger of table {} leaves out a row of another node", table.name);
    Row terms = insert->Values();
    // The statement runs to its end. If it were reset before, SQLite would let a full-text table
    // that a trigger feeds write its own tables outside of a statement, which a defensive
    // connection refuses, and would roll back the whole transaction.
    HL_TRY(insert->Run());
    return terms;
  };
  auto terms = read();
  HL_TRY(db->Exec("ROLLBACK TO probe"));
  HL_TRY(db->Exec("RELEASE probe"));
  return terms;
}

// Appends the keys of the rows that have these `terms` in `index`.
Status AddHolders(Connection* db, const Table& table, const UniqueIndex& index,
                  std::span<const change::Value> terms, std::vector<Row>* out) {
  for (const change::Value& term : terms)
    if (term.view().type == change::ValueType::kNull) return Ok();  // NULL clashes with nothing.
  HL_ASSIGN(auto find, db->PrepareCached(HolderSql(table, index)));
  find->BindAll(terms);
  return find->ForEachRow([&](const sqlite::Statement& row) { out->push_back(row.Values()); });
}

}  // namespace

Result<std::vector<Row>> FindHolders(Connection* db, const Table& table,
                                     std::span<const ValueView> image) {
  HL_ASSIGN(const Row terms, ReadTerms(db, table, image));
  std::vector<Row> out;
  size_t at = 0;
  for (const UniqueIndex& index : table.unique_indexes) {
    const bool in_index = terms[at++].view().integer != 0;
    if (in_index)
      HL_TRY(AddHolders(db, table, index, std::span(terms).subspan(at, index.terms.size()), &out));
    at += index.terms.size();
  }
  return out;
}

Result<std::vector<std::string>> UniqueValues(Connection* db, const Table& table,
                                              std::span<const ValueView> image) {
  HL_ASSIGN(const Row terms, ReadTerms(db, table, image));
  std::vector<std::string> out;
  size_t at = 0;
  for (size_t i = 0; i < table.unique_indexes.size(); ++i) {
    const UniqueIndex& index = table.unique_indexes[i];
    bool holds = terms[at++].view().integer != 0;
    std::vector<ValueView> values;
    std::vector<std::string> collations;
    for (const IndexTerm& term : index.terms) {
      values.push_back(terms[at++]);
      collations.push_back(term.collation);
      holds = holds && values.back().type != change::ValueType::kNull;
    }
    if (holds) out.push_back(fmt::format("{}:", i) + ledger::Canonical(values, collations));
  }
  return out;
}

}  // namespace harmonylite::apply
