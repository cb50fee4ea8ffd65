// The SQL that names and compares row keys: the one place that writes it, but for the triggers,
// whose text is stored in the application's schema (capture/trigger_text.h).
//
// A hidden table spells a key as k1, k2, …; the application's table spells it with its own columns
// and collations. If it has no key, the identity is looked up in the table's row map.
//
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "schema/schema.h"

namespace harmonylite::ledger {

// The keys in a row of a hidden table. Only shadow tables have a blocker's: b1, b2, ….
enum class HiddenKey : char { kOwn = 'k', kBlocker = 'b' };

// Returns ", a.k1, a.k2": the key columns of a hidden table that is called `alias`.
std::string KeyColumns(std::string_view alias, const schema::Table& table);
// Returns "a."x"": one column of an image, from the application's table called `alias`, or by its
// own name if `alias` is empty. For kIdentityColumn it is the identity of the row.
std::string ColumnIn(std::string_view alias, const schema::Table& table, std::string_view column);
// Returns ", a."x", a."y"": what RowReader reads a row's image from, of the application's table
// called `alias`. That is all columns, or those of the key if the table is wide.
std::string ImageColumns(std::string_view alias, const schema::Table& table);
// Returns "a."x", a."y"": all columns of the application's table called `alias`.
std::string AllColumns(std::string_view alias, const schema::Table& table);
// Returns the condition that a row of the application's table, called `row`, and one of a hidden
// table with k1, k2, …, called `hidden`, have the same key. It is written so that SQLite can search
// the application's table by the index of its key.
std::string KeyMatches(std::string_view row, std::string_view hidden, const schema::Table& table,
                       HiddenKey which = HiddenKey::kOwn);
// Returns the same condition as KeyMatches, written so that SQLite can search the hidden table by
// its own index. A '+' takes away the affinity of the application's column, with which SQLite could
// not use that index.
std::string HiddenMatches(std::string_view hidden, std::string_view row,
                          const schema::Table& table);
// Returns the condition that two hidden tables with k1, k2, … have the same key. `indexed` is a
// version or shadow table: its collations decide, and its index can be searched.
std::string HiddenKeysEqual(std::string_view indexed, std::string_view other,
                            const schema::Table& table, HiddenKey of_other = HiddenKey::kOwn);
// Returns "k1 = ?1 AND k2 = ?2", with parameters from `first` on: the condition that a row of a
// hidden table has a given key. `alias` is the table's, if it has one.
std::string HiddenKeyIs(const schema::Table& table, size_t first = 1, std::string_view alias = {},
                        HiddenKey which = HiddenKey::kOwn);
// Returns "a = ?1 COLLATE BINARY AND …": the same condition on a row of the application's table, by
// the collations of its key.
std::string RowKeyIs(const schema::Table& table, size_t first = 1);
// Returns "c."a", c."b"": the key of a row of the application's table that is called `alias`, if it
// has an alias.
std::string RowKey(std::string_view alias, const schema::Table& table);

}  // namespace harmonylite::ledger
