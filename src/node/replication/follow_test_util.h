// Nodes that follow each other's schema changes, for tests.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ledger/conflict_log.h"
#include "node/replication/replica_test_util.h"

namespace harmonylite::node {

using schema::Follow;

inline constexpr const char* kNotes =
    "CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, n INT DEFAULT 7)";

// A node on which the application migrates.
class FollowingNode : public TestReplica {
 public:
  explicit FollowingNode(uint64_t node, Follow follow = Follow::kAll,
                         std::string_view before = kNotes)
      : TestReplica(node, before, {follow, true}) {}

  void Migrate(std::string_view sql) {
    App(sql);
    Must(replica().SyncSchema());
  }
  // What the application has made, without what HarmonyLite has.
  Strings Schema() {
    return Query(
        "SELECT type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE '\\_\\_harmony%' ESCAPE "
        "'\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1");
  }
  Strings Columns(const std::string& table) {
    return Query("SELECT name FROM pragma_table_info('" + table + "') ORDER BY name");
  }
  Strings Conflicts() {
    sqlite::Connection db = Must(sqlite::Connection::Open(path(), sqlite::OpenMode::kReadWrite));
    Strings out;
    for (const auto& one : Must(ledger::ListConflicts(&db, replica().catalog()))) {
      std::string line = one.table + " " + one.kind;
      if (one.loser.image)
        for (const change::Value& value : one.loser.image->values)
          line += " " + sqlite::Render(value);
      out.push_back(line);
    }
    return out;
  }
};

// The next life of a node's process, beside what is left of the former one.
class NextLife {
 public:
  NextLife(FollowingNode* node, schema::FollowOptions schema, AttachStep step = {})
      : db_(Must(sqlite::Connection::Open(node->path(), sqlite::OpenMode::kReadWrite))) {
    options_.db_path = node->path();
    options_.schema = schema;
    options_.attach_step = step;
    replica_.emplace(&db_, options_, &node->clock(), &logger_);
    const NodeId self = node->self().node;
    Must(replica_->Attach(self, {self, Incarnation(2)}));
  }

 private:
  sqlite::Connection db_;
  NodeOptions options_;
  Logger logger_{open("/dev/null", O_WRONLY | O_CLOEXEC), LogFormat::kConsole, LogLevel::kError};
  std::optional<Replica> replica_;
};

class FollowTest : public testing::Test {
 protected:
  // Until nobody has anything new for the others.
  void Exchange() {
    for (int i = 0; i < 6; ++i)
      for (FollowingNode* from : All())
        if (const auto batch = from->Publish())
          for (FollowingNode* to : All())
            if (to != from) to->Apply(*batch);
  }
  virtual std::vector<FollowingNode*> All() { return {&one_, &two_}; }

  using Node = FollowingNode;
  Node one_{1};
  Node two_{2};
};

}  // namespace harmonylite::node
