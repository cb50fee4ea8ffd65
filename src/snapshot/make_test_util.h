// For tests: a node's database that snapshots are made of.
#pragma once

#include <string>

#include "capture/capture_test_util.h"
#include "snapshot/make.h"
#include "sqlite/raw_file.h"
#include "sqlite/sqlite_test_util.h"

namespace harmonylite::snapshot {

inline constexpr const char* kSchema =
    "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT);"
    "CREATE TABLE secret(id INTEGER PRIMARY KEY, body TEXT);";

inline Options OptionsOf(const capture::TestNode& node) {
  Options out;
  out.db_path = node.path;
  out.spool_directory = node.dir.path();
  out.tables = node.tables;
  out.leaves_out = [](const std::string& name, bool) { return name.starts_with("secret"); };
  return out;
}

inline std::string Bytes(sqlite::Connection* db) {
  std::string out;
  sqlite::Must(sqlite::ReadFileAt(db, 0, sqlite::Must(sqlite::FileSize(db)), &out));
  return out;
}

// Packs `made` and opens the object again.
inline Result<PrivateDatabase> Reopen(const capture::TestNode& node, Made* made,
                                      Activity* activity) {
  Spool packed(node.dir.path());
  HL_TRY(Pack(&made->copy.pieces(), activity, &packed, &made->manifest));
  return OpenPacked(OptionsOf(node), packed, made->manifest, activity);
}

}  // namespace harmonylite::snapshot
