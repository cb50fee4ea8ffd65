// Why an object of the schema cannot be made in a file.
//
// Threads: the one that uses the connection.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "schema/objects.h"
#include "sqlite/connection.h"

namespace harmonylite::cli {

// Makes a copy of the schema of `db`, without rows, in a database in memory, so that trying what
// can be made neither locks nor changes the file.
class SchemaTrial {
 public:
  // `db` is not owned. In the caller's transaction.
  static Result<SchemaTrial> Begin(sqlite::Connection* db);

  // Returns why the object cannot be made in the file, and an empty text if nothing is found that
  // prevents it. For a UNIQUE index, the rows of its table are read.
  Result<std::string> WhyNot(const schema::Object& object);

 private:
  SchemaTrial(sqlite::Connection* db, sqlite::Connection copy) : db_(db), copy_(std::move(copy)) {}
  Result<std::string> EqualRows(const schema::Object& index);

  sqlite::Connection* db_;
  sqlite::Connection copy_;
};

}  // namespace harmonylite::cli
