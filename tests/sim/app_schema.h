// The tables of the simulated application: one of every shape of key.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace harmonylite::sim {

struct AppTable {
  const char* name;
  std::vector<std::string> key;
  bool nocase = false;
  bool unique = false;  // has further UNIQUE indexes: rows may be shadowed
};

inline const std::vector<AppTable>& AppTables() {
  static const std::vector<AppTable> tables = {
      {"kv", {"id"}},
      {"names", {"name"}, true},
      {"pairs", {"a", "b"}},
      {"parent", {"id"}},
      {"child", {"id"}},
      {"people", {"id"}, false, true},
      {"accounts", {"owner", "i"}},
      {"counter_left", {"who"}},
      {"counter_right", {"who"}},
      {"chain", {"who"}},
  };
  return tables;
}

inline const AppTable* FindTable(std::string_view name) {
  for (const AppTable& table : AppTables())
    if (name == table.name) return &table;
  return nullptr;
}

inline constexpr const char* kAppSchema =
    "CREATE TABLE kv(id INTEGER PRIMARY KEY, v, w TEXT);"
    "CREATE TABLE names(name TEXT PRIMARY KEY COLLATE NOCASE, v);"
    "CREATE TABLE pairs(a TEXT, b INTEGER, v, PRIMARY KEY(a, b)) WITHOUT ROWID;"
    "CREATE TABLE parent(id INTEGER PRIMARY KEY, v);"
    "CREATE TABLE child(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent(id)"
    "  ON DELETE CASCADE ON UPDATE CASCADE, v);"
    "CREATE TABLE people(id INTEGER PRIMARY KEY, nick TEXT COLLATE NOCASE UNIQUE, seat, v);"
    "CREATE UNIQUE INDEX people_seat ON people(seat) WHERE seat > 0;"
    // The rest carries invariants; every life of a node writes rows of its own there.
    "CREATE TABLE accounts(owner INTEGER, i INTEGER, balance INTEGER, PRIMARY KEY(owner, i));"
    "CREATE TABLE counter_left(who INTEGER PRIMARY KEY, n INTEGER);"
    "CREATE TABLE counter_right(who INTEGER PRIMARY KEY, n INTEGER);"
    "CREATE TABLE chain(who INTEGER PRIMARY KEY, n INTEGER, saw_who INTEGER, saw_n INTEGER);";

// The migration that nodes run at different times, and what it gives to rows that are there.
inline constexpr const char* kMigration = "ALTER TABLE kv ADD COLUMN x DEFAULT 7";
inline constexpr const char* kMigratedTable = "kv";
inline constexpr const char* kMigratedColumn = "x";
inline constexpr const char* kMigratedValue = "7";

inline constexpr int kAccounts = 4;
inline constexpr int kBalance = 100;

}  // namespace harmonylite::sim
