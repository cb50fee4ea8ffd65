// Numbers for all replicated tables of a node. Nodes compare them to see whether their schemas
// differ.
//
// Threads: LoadDefinitions runs on the thread that uses the connection; the others are pure.
#pragma once

#include <cstdint>
#include <map>

#include "base/result.h"
#include "ledger/catalog.h"
#include "sqlite/connection.h"

namespace harmonylite::ledger {

// The fingerprint of a node that replicates no table. It is the same in every version of this
// program.
inline constexpr uint64_t kNoTables = 0;

// Returns equal numbers for equal sets of tables, with equal columns and keys. The order of tables,
// and of the columns of a table, does not count.
uint64_t SchemaFingerprint(const Catalog& catalog);

// Returns equal numbers for equal UNIQUE indexes of a table, whatever they are called.
uint64_t UniquesFingerprint(const schema::Table& table);

// A number for the definition of each table, by TrackedTable::id (schema/definition.h).
using Definitions = std::map<int64_t, uint64_t>;
// The catalog is that of the present schema.
Result<Definitions> LoadDefinitions(sqlite::Connection* db, const Catalog& catalog);
// Returns equal numbers for equal definitions of all tables. Where only these numbers differ, rows
// are exchanged all the same.
uint64_t DefinitionsFingerprint(const Catalog& catalog, const Definitions& definitions);

}  // namespace harmonylite::ledger
