#include "cli/schema_look.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "capture/schema_capture.h"
#include "cli/missing_object.h"
#include "ledger/conflict_log.h"
#include "ledger/hidden_tables.h"
#include "ledger/schema_table.h"
#include "schema/object_row.h"
#include "schema/table_text.h"
#include "sqlite/identifier.h"

namespace harmonylite::cli {

namespace {

using schema::Object;
using schema::ObjectKind;
using schema::ObjectRow;
using sqlite::Connection;
using sqlite::FoldCase;

using Name = std::pair<ObjectKind, std::string>;  // in folded case

Name NameOf(ObjectKind kind, std::string_view name) { return {kind, FoldCase(name)}; }

bool IsCode(ObjectKind kind) { return kind == ObjectKind::kView || kind == ObjectKind::kTrigger; }

void Add(const std::string& text, std::string* out) { *out += (out->empty() ? "" : "; ") + text; }

// Tables are the same if their definitions are, whatever their columns' identities; the node
// compares them so, too.
bool IsInLine(const ObjectRow& here, const ObjectRow& agreed) {
  if (schema::SameObject(here, agreed)) return true;
  if (here.key.kind != ObjectKind::kTable || !sqlite::SameName(here.name(), agreed.name()))
    return false;
  const auto mine = schema::ParseTable(here.sql);
  const auto theirs = schema::ParseTable(agreed.sql);
  return mine.ok() && theirs.ok() && schema::SameDefinition(*mine, *theirs);
}

// Says what other nodes have made of an object.
std::string Differences(const ObjectRow& here, const ObjectRow& agreed) {
  if (here.key.kind == ObjectKind::kPragma) return "it is " + here.sql + " here";
  std::string out;
  if (!sqlite::SameName(here.name(), agreed.name()))
    Add(fmt::format("its name here is {}", here.name()), &out);
  for (const schema::ColumnRow& column : agreed.columns) {
    const schema::ColumnRow* mine = here.Find(column.id);
    if (column.dropped) {
      if (mine != nullptr) Add(fmt::format("column {} was dropped", mine->name()), &out);
    } else if (mine == nullptr) {
      Add(fmt::format("column {} was added", column.name()), &out);
    } else if (!sqlite::SameName(mine->name(), column.name())) {
      Add(fmt::format("column {} was renamed to {}", mine->name(), column.name()), &out);
    }
  }
  for (const schema::ColumnRow& column : here.columns)
    if (agreed.Find(column.id) == nullptr)
      Add(fmt::format("column {} is here only", column.name()), &out);
  return out.empty() ? "its definition is another one" : out;
}

class Looker {
 public:
  Looker(Connection* db, const schema::LoadOptions& options, const schema::FollowOptions& follows)
      : db_(db), options_(options) {
    out_.follows = follows;
  }

  Result<SchemaLook> Run() {
    HL_ASSIGN(rows_, ledger::LoadObjects(db_));
    HL_ASSIGN(const ledger::SeenSchema seen, ledger::LoadSeen(db_));
    HL_ASSIGN(writers_, ledger::LoadObjectWriters(db_));
    HL_ASSIGN(const std::vector<Object> objects, schema::ListObjects(db_, options_));
    HL_ASSIGN(out_.journaled, capture::IsSeen(db_, options_));
    for (const Object& object : objects) here_.emplace(NameOf(object.kind, object.name), object);
    for (const auto& [key, object] : seen.objects)
      seen_names_.insert(NameOf(key.kind, object.row.name()));
    for (const auto& [key, row] : rows_)
      if (!IsReserved(row)) {
        const auto it = seen.objects.find(key);
        HL_TRY(List(row, it == seen.objects.end() ? nullptr : &it->second.row));
      }
    for (const Object& object : objects)
      if (!used_.contains(NameOf(object.kind, object.name))) ListNew(object);
    std::ranges::stable_sort(out_.objects, {}, [](const ListedObject& one) {
      return std::tuple(one.standing == Standing::kDropped, one.kind, FoldCase(one.name));
    });
    HL_TRY(CountSetAside());
    return std::move(out_);
  }

 private:
  // Rows of ours in a table of ours, which only a forger writes.
  bool IsReserved(const ObjectRow& row) const {
    return schema::IsReserved(row.name()) || schema::IsReserved(TableOf(row));
  }

  std::string TableOf(const ObjectRow& row) const {
    for (const ObjectKind kind : {ObjectKind::kTable, ObjectKind::kView})
      if (const auto owner = rows_.find({kind, row.table}); owner != rows_.end())
        return owner->second.name();
    return row.table;
  }

  // Returns what the file has of an object; null: nothing.
  const Object* Find(const ObjectRow& row, const ObjectRow* seen) {
    if (seen == nullptr && row.dropped()) return nullptr;
    const Name name = NameOf(row.key.kind, seen != nullptr ? seen->name() : row.name());
    if (seen == nullptr && seen_names_.contains(name)) return nullptr;  // it is another object's
    const auto it = here_.find(name);
    if (it == here_.end() || !used_.insert(name).second) return nullptr;
    return &it->second;
  }

  Status List(const ObjectRow& row, const ObjectRow* seen) {
    ListedObject one;
    one.kind = row.key.kind;
    one.name = row.name();
    one.former_names.assign(row.names.begin(), row.names.end() - 1);
    if (!row.table.empty()) one.table = TableOf(row);
    one.sql = row.sql;
    if (const auto writer = writers_.find(row.key); writer != writers_.end())
      one.writer = writer->second;
    const Object* here = Find(row, seen);
    if (here != nullptr) {
      one.sql_here = here->sql;
      Judge(row, seen, *here, &one);
    } else if (row.dropped()) {
      one.standing = Standing::kDropped;
    } else {
      HL_TRY(JudgeMissing(row, seen, &one));
    }
    out_.objects.push_back(std::move(one));
    return Ok();
  }

  void Judge(const ObjectRow& row, const ObjectRow* seen, const Object& here, ListedObject* one) {
    if (seen == nullptr || seen->sql != here.sql) {
      one->standing = Standing::kNotJournaled;
      one->why = seen == nullptr ? "new here" : "changed here";
    } else if (row.dropped()) {
      one->standing = Standing::kKept;
      one->why = "another node has dropped it";
    } else if (!IsInLine(*seen, row)) {
      one->standing = Standing::kDiffers;
      one->why = Differences(*seen, row);
      if (out_.follows.follow == schema::Follow::kOff) Add("[schema] follow is \"off\"", &one->why);
    }
  }

  bool IsLeftOut(const ObjectRow& row, const std::string& table) const {
    if (!options_.include) return false;
    if (row.key.kind == ObjectKind::kTable) return !options_.include(row.name());
    return !table.empty() && !options_.include(table);
  }

  Status JudgeMissing(const ObjectRow& row, const ObjectRow* seen, ListedObject* one) {
    one->standing = Standing::kLeftOut;
    if (IsLeftOut(row, one->table)) {
      one->why = "[tables] leaves the table out";
    } else if (seen != nullptr) {
      one->standing = Standing::kNotJournaled;
      one->why = "dropped or renamed here";
    } else if (IsCode(row.key.kind) && !out_.follows.code) {
      one->why = "[schema] code is false";
    } else if (one->standing = Standing::kMissing; out_.follows.follow == schema::Follow::kOff) {
      one->why = "[schema] follow is \"off\"";
    } else {
      if (!trial_) HL_TRY(BeginTrial());
      HL_ASSIGN(const std::string why,
                trial_->WhyNot({row.key.kind, row.name(), one->table, row.sql}));
      one->why = why.empty() ? "the node makes it when it is started next, or when the schema "
                               "changes"
                             : "it cannot be made here: " + why;
    }
    return Ok();
  }

  Status BeginTrial() {
    HL_ASSIGN(SchemaTrial trial, SchemaTrial::Begin(db_));
    trial_.emplace(std::move(trial));
    return Ok();
  }

  void ListNew(const Object& object) {
    ListedObject one;
    one.kind = object.kind;
    one.name = object.name;
    one.table = object.table;
    one.sql_here = object.sql;
    one.standing = Standing::kNotJournaled;
    one.why = "new here";
    out_.objects.push_back(std::move(one));
  }

  Status CountSetAside() {
    HL_ASSIGN(const auto counts, ledger::CountSetAside(db_));
    for (const auto& [table, rows] : counts)
      out_.set_aside.push_back({table, rows, here_.contains(NameOf(ObjectKind::kTable, table))});
    return Ok();
  }

  Connection* db_;  // not owned
  const schema::LoadOptions& options_;
  SchemaLook out_;
  ledger::ObjectRows rows_;
  std::map<schema::ObjectId, ledger::ObjectWriter> writers_;
  std::map<Name, Object> here_;
  std::set<Name> used_;        // those of `here_` that a row is about
  std::set<Name> seen_names_;  // what the objects that were seen are called here
  std::optional<SchemaTrial> trial_;
};

}  // namespace

const char* Word(Standing standing) {
  switch (standing) {
    case Standing::kInLine:
      return "in line";
    case Standing::kDiffers:
      return "differs";
    case Standing::kMissing:
      return "missing";
    case Standing::kLeftOut:
      return "left out";
    case Standing::kKept:
      return "kept";
    case Standing::kNotJournaled:
      return "not journaled";
    case Standing::kDropped:
      return "dropped";
  }
  return "";
}

Result<SchemaLook> LookAtSchema(Connection* db, const schema::LoadOptions& options,
                                const schema::FollowOptions& follows) {
  HL_ASSIGN(const schema::HeaderNumbers numbers, ledger::LoadSeenNumbers(db));
  HL_ASSIGN(const bool has, ledger::HasHiddenTable(db, schema::kSchemaTable));
  if (!has || numbers.version < 0)
    return MakeError(ErrorCode::kInvalidArgument,
                     "no node has looked at the schema of this file yet: start this version of "
                     "harmonylite on it once");
  return Looker(db, options, follows).Run();
}

}  // namespace harmonylite::cli
