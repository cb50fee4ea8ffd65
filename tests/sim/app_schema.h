// The tables of the simulated application, with keys of every shape, and the migrations that change
// them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace harmonylite::sim {

// An application may lack any group but kAlways.
enum class TableGroup : uint8_t {
  kAlways,
  kNames,
  kPairs,
  kFamily,
  kPeople,
  kMoney,
  kNotes,
  kLinks
};
inline constexpr int kTableGroups = 8;

class TableGroups {
 public:
  static TableGroups All() { return TableGroups((1 << kTableGroups) - 1); }
  // Every choice of one or two groups beside kAlways.
  static std::vector<TableGroups> Few() {
    std::vector<TableGroups> out;
    for (int i = 1; i < kTableGroups; ++i)
      for (int j = i; j < kTableGroups; ++j) out.push_back(TableGroups(1 | 1 << i | 1 << j));
    return out;
  }
  bool Has(TableGroup group) const { return (bits_ >> static_cast<int>(group) & 1) != 0; }
  auto operator<=>(const TableGroups&) const = default;

 private:
  explicit TableGroups(int bits) : bits_(bits) {}
  int bits_;
};

// A table as the checkers see it.
struct AppTable {
  const char* name;
  std::vector<std::string> key;
  TableGroup group;
  bool nocase = false;    // the key ignores the case of ASCII letters
  bool identity = false;  // the table has no key; `key` stands for the rows' identities
};

inline const std::vector<AppTable>& AppTables() {
  static const std::vector<AppTable> tables = {
      {"kv", {"id"}, TableGroup::kAlways},
      {"names", {"name"}, TableGroup::kNames, true},
      {"pairs", {"a", "b"}, TableGroup::kPairs},
      {"parent", {"id"}, TableGroup::kFamily},
      {"child", {"id"}, TableGroup::kFamily},
      {"people", {"id"}, TableGroup::kPeople},
      {"accounts", {"owner", "i"}, TableGroup::kMoney},
      {"counter_left", {"who"}, TableGroup::kMoney},
      {"counter_right", {"who"}, TableGroup::kMoney},
      {"chain", {"who"}, TableGroup::kAlways},
      {"notes", {"id"}, TableGroup::kNotes},  // SQLite gives out the ids
      {"links", {"identity"}, TableGroup::kLinks, false, true},
      {"later", {"id"}, TableGroup::kAlways},  // made by a migration
  };
  return tables;
}

inline const AppTable* FindTable(std::string_view name) {
  for (const AppTable& table : AppTables())
    if (name == table.name) return &table;
  return nullptr;
}

// Nodes with even ids create kv with its columns in another order.
inline constexpr const char* kKv = "CREATE TABLE kv(id INTEGER PRIMARY KEY, v, w TEXT)";
inline constexpr const char* kKvOtherOrder = "CREATE TABLE kv(v, id INTEGER PRIMARY KEY, w TEXT)";

struct SchemaPart {
  TableGroup group;
  const char* sql;
};
inline constexpr std::array<SchemaPart, 8> kAppSchema = {{
    {TableGroup::kNames, "CREATE TABLE names(name TEXT PRIMARY KEY COLLATE NOCASE, v)"},
    {TableGroup::kPairs,
     "CREATE TABLE pairs(a TEXT, b INTEGER, v, PRIMARY KEY(a, b)) WITHOUT ROWID"},
    {TableGroup::kFamily,
     "CREATE TABLE parent(id INTEGER PRIMARY KEY, v);"
     "CREATE TABLE child(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent(id)"
     "  ON DELETE CASCADE ON UPDATE CASCADE, v)"},
    {TableGroup::kPeople,
     "CREATE TABLE people(id INTEGER PRIMARY KEY, nick TEXT COLLATE NOCASE UNIQUE, seat, v);"
     "CREATE UNIQUE INDEX people_seat ON people(seat) WHERE seat > 0"},
    // The remaining tables carry invariants, which CheckSnapshot() and CheckOwnWrites() check. Each
    // life of a machine writes only rows of its own there.
    {TableGroup::kMoney,
     "CREATE TABLE accounts(owner INTEGER, i INTEGER, balance INTEGER, PRIMARY KEY(owner, i));"
     "CREATE TABLE counter_left(who INTEGER PRIMARY KEY, n INTEGER);"
     "CREATE TABLE counter_right(who INTEGER PRIMARY KEY, n INTEGER)"},
    {TableGroup::kNotes, "CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, v)"},
    {TableGroup::kLinks, "CREATE TABLE links(a, b)"},
    {TableGroup::kAlways,
     "CREATE TABLE chain(who INTEGER PRIMARY KEY, n INTEGER, saw_who INTEGER, saw_n INTEGER)"},
}};

// The migrations. Every node runs them in this order, each at a time of its own. Only histories
// with all tables have migrations. MigrateImage() says what they do to a row that was written
// before them.
inline constexpr std::array<const char*, 5> kMigrations = {
    "ALTER TABLE kv ADD COLUMN x DEFAULT 7",
    "ALTER TABLE parent RENAME COLUMN v TO note",
    "CREATE TABLE later(id INTEGER PRIMARY KEY, v)",
    "ALTER TABLE kv DROP COLUMN w",
    // Before it makes the index, the application removes the rows that clash. Nodes without the
    // index still send rows that clash.
    "CREATE UNIQUE INDEX later_v ON later(v)",
};
inline constexpr const char* kRemoveClashes =
    "DELETE FROM later WHERE EXISTS(SELECT 1 FROM later o WHERE o.v = later.v AND o.id < later.id)";
// A query for the number of migrations that a database has run.
inline constexpr const char* kMigrationLevel =
    "SELECT (SELECT count(*) FROM pragma_table_info('kv') WHERE name = 'x') + "
    "(SELECT count(*) FROM pragma_table_info('parent') WHERE name = 'note') + "
    "(SELECT count(*) FROM sqlite_schema WHERE name = 'later') + "
    "(SELECT count(*) = 0 FROM pragma_table_info('kv') WHERE name = 'w') + "
    "(SELECT count(*) FROM sqlite_schema WHERE name = 'later_v')";
inline constexpr int64_t kLevelOfX = 1;
inline constexpr int64_t kLevelOfNote = 2;
inline constexpr int64_t kLevelOfLater = 3;
inline constexpr int64_t kLevelWithoutW = 4;
inline constexpr int64_t kLevelOfLaterUnique = 5;

// Tables that the application recreates under their names. SQLite's documentation advises this for
// changes of a schema that ALTER TABLE cannot make.
struct Rebuild {
  const char* table;
  const char* sql;
};
inline constexpr std::array<Rebuild, 4> kRebuilds = {{
    {"links",
     "CREATE TABLE anew(a, b); INSERT INTO anew SELECT * FROM links; DROP TABLE links;"
     "ALTER TABLE anew RENAME TO links"},
    {"names",
     "CREATE TABLE anew(name TEXT PRIMARY KEY COLLATE NOCASE, v);"
     "INSERT INTO anew SELECT * FROM names; DROP TABLE names; ALTER TABLE anew RENAME TO names"},
    {"pairs",
     "CREATE TABLE anew(a TEXT, b INTEGER, v, PRIMARY KEY(a, b)) WITHOUT ROWID;"
     "INSERT INTO anew SELECT * FROM pairs; DROP TABLE pairs; ALTER TABLE anew RENAME TO pairs"},
    {"people",
     "CREATE TABLE anew(id INTEGER PRIMARY KEY, nick TEXT COLLATE NOCASE UNIQUE, seat, v);"
     "INSERT INTO anew SELECT * FROM people; DROP TABLE people; ALTER TABLE anew RENAME TO people;"
     "CREATE UNIQUE INDEX people_seat ON people(seat) WHERE seat > 0"},
}};

inline constexpr int kAccounts = 4;
inline constexpr int kBalance = 100;

}  // namespace harmonylite::sim
