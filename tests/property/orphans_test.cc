// Foreign keys on real databases, with orphans hidden. Whatever the nodes do, and in whatever order
// and grouping their batches are applied, every node shows exactly what the definition gives for
// the rows it has. SQL computes the definition on a copy: UNIQUE is settled first, and then rows
// without a parent are deleted until there is none.
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <random>

#include "apply/apply_test_util.h"
#include "change/image_codec.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;

// A schema under test. Every shape has tables p and c with columns id, a and b; `orphans` is SQL
// that deletes rows without a parent.
struct Shape {
  const char* name;
  const char* sql;
  Strings orphans;
};

const Shape kShapes[] = {
    {"to the key, indexed, and UNIQUE",
     "CREATE TABLE p(id INTEGER PRIMARY KEY, a, b UNIQUE);"
     "CREATE TABLE c(id INTEGER PRIMARY KEY, a INTEGER REFERENCES p, b UNIQUE);"
     "CREATE INDEX i ON c(a)",
     {"DELETE FROM c WHERE a IS NOT NULL AND NOT EXISTS(SELECT 1 FROM p WHERE p.id = +c.a)"}},
    {"to itself and in a circle",
     "CREATE TABLE p(id INTEGER PRIMARY KEY, a INTEGER REFERENCES c(id), "
     "b INTEGER REFERENCES p(id));"
     "CREATE TABLE c(id INTEGER PRIMARY KEY, a INTEGER REFERENCES p(id), b UNIQUE);"
     "CREATE INDEX i ON p(b); CREATE INDEX j ON c(a)",
     {"DELETE FROM p WHERE a IS NOT NULL AND NOT EXISTS(SELECT 1 FROM c WHERE c.id = +p.a)",
      "DELETE FROM p WHERE b IS NOT NULL AND NOT EXISTS(SELECT 1 FROM p q WHERE q.id = +p.b)",
      "DELETE FROM c WHERE a IS NOT NULL AND NOT EXISTS(SELECT 1 FROM p WHERE p.id = +c.a)"}},
    {"to a UNIQUE column, of another collation",
     "CREATE TABLE p(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE, b);"
     "CREATE TABLE c(id TEXT PRIMARY KEY, a TEXT REFERENCES p(a), b) WITHOUT ROWID",
     {"DELETE FROM c WHERE a IS NOT NULL AND NOT EXISTS(SELECT 1 FROM p WHERE p.a = +c.a)"}},
    {"to a UNIQUE column, alike",
     "CREATE TABLE p(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE UNIQUE, b);"
     "CREATE TABLE c(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE REFERENCES p(a), b UNIQUE)",
     {"DELETE FROM c WHERE a IS NOT NULL AND NOT EXISTS(SELECT 1 FROM p WHERE p.a = +c.a)"}},
    {"of two columns",
     "CREATE TABLE p(id TEXT COLLATE NOCASE, a TEXT NOT NULL DEFAULT 'x', "
     "b UNIQUE, PRIMARY KEY(id, a));"
     "CREATE TABLE c(id TEXT PRIMARY KEY, a TEXT COLLATE NOCASE, b TEXT,"
     "  FOREIGN KEY(b, a) REFERENCES p(a, id)); CREATE INDEX i ON c(a, b)",
     {"DELETE FROM c WHERE a IS NOT NULL AND b IS NOT NULL AND NOT EXISTS("
      "SELECT 1 FROM p WHERE p.id = +c.a AND p.a = +c.b)"}},
    {"without an index, of another affinity",
     "CREATE TABLE p(id TEXT PRIMARY KEY, a, b UNIQUE);"
     "CREATE TABLE c(id INTEGER PRIMARY KEY, a INTEGER REFERENCES p, b REFERENCES p(b))",
     {"DELETE FROM c WHERE a IS NOT NULL AND NOT EXISTS(SELECT 1 FROM p WHERE p.id = +c.a AND p.id "
      "IS NOT NULL)",
      "DELETE FROM c WHERE b IS NOT NULL AND NOT EXISTS(SELECT 1 FROM p WHERE p.b = +c.b AND p.id "
      "IS NOT NULL)"}},
};

schema::LoadOptions Hiding() {
  schema::LoadOptions options;
  options.hide_orphans = true;
  return options;
}

class History {
 public:
  History(const Shape& shape, uint64_t seed) : shape_(shape), random_(seed) {
    for (uint64_t node = 1; node <= 3; ++node) {
      nodes_.push_back(std::make_unique<ApplyNode>(shape.sql, node, Hiding()));
      nodes_.back()->App("PRAGMA synchronous = OFF");
    }
    applied_.assign(3, std::vector<size_t>(3, 0));
  }

  void Run() {
    for (int step = 0; step < 50; ++step) {
      const size_t at = Below(3);
      switch (Below(9)) {
        case 0:
          Send(at);
          break;
        case 1:
          Receive(at);
          break;
        case 2:
          nodes_[at]->FoldSome(1 + Below(4));
          break;
        case 3:
          Fold(at);
          break;
        case 4:
          Repair(at, Below(3));
          break;
        case 5:
          Below(4) == 0 ? Restart(at) : Fold(at);
          break;
        default:
          Write(at);
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    for (size_t at = 0; at < 3; ++at) Send(at);
    for (size_t at = 0; at < 3; ++at)
      while (Receive(at)) continue;
    for (int round = 0; round < 2; ++round)
      for (size_t at = 0; at < 3; ++at) Repair(at, (at + 1) % 3);
    for (size_t at = 0; at < 3; ++at) Fold(at);
    for (size_t at = 0; at < 3; ++at) {
      ASSERT_EQ(nodes_[at]->Rows(), nodes_[0]->Rows());
      ASSERT_EQ(Orphans(at), Orphans(0));
    }
    orphans_ += Orphans(0).size();
  }

  size_t orphans() const { return orphans_; }
  size_t times_back() const { return times_back_; }
  size_t circles() const { return circles_; }

 private:
  size_t Below(size_t limit) { return random_() % limit; }
  std::string Value(bool may_be_null) {
    static constexpr const char* kValues[] = {"1", "2", "3", "4", "'x'", "'X'", "NULL"};
    const bool integers = std::string(shape_.sql).find("p(id INTEGER") != std::string::npos;
    if (integers && !may_be_null) return kValues[Below(4)];
    return kValues[Below(may_be_null ? 7 : 6)];
  }
  std::string Key(const std::string& table) {
    const bool integers = std::string(shape_.sql).find(table + "(id INTEGER") != std::string::npos;
    static constexpr const char* kValues[] = {"1", "2", "3", "4", "'x'", "'X'"};
    return kValues[Below(integers ? 4 : 6)];
  }

  void Write(size_t at) {
    std::string sql = "BEGIN;";
    for (size_t i = 1 + Below(3); i > 0; --i) {
      const std::string table = Below(2) == 0 ? "p" : "c";
      const std::string key = Key(table);
      switch (Below(6)) {
        case 0:
        case 1:
        case 2:
          sql += std::string("INSERT OR ") + (Below(3) == 0 ? "REPLACE" : "IGNORE") + " INTO " +
                 table + "(id, a, b) VALUES(" + key + "," + Value(true) + "," + Value(true) + ");";
          break;
        case 3:
          sql +=
              "UPDATE OR IGNORE " + table + " SET a = " + Value(true) + " WHERE id = " + key + ";";
          break;
        case 4:
          sql += "DELETE FROM " + table + " WHERE id = " + key + ";";
          break;
        default:
          sql +=
              "UPDATE OR IGNORE " + table + " SET id = " + Key(table) + " WHERE id = " + key + ";";
      }
    }
    // Inserts two rows of a circle at once.
    if (Below(6) == 0)
      sql +=
          "INSERT OR IGNORE INTO p(id, a, b) VALUES(2, 3, NULL);"
          "INSERT OR IGNORE INTO c(id, a, b) VALUES(3, 2, NULL);";
    nodes_[at]->App(sql + "COMMIT");
  }

  void Send(size_t at) {
    if (auto batch = nodes_[at]->Publish()) sent_[at].push_back(std::move(*batch));
  }
  void Fold(size_t at) {
    nodes_[at]->FoldAll();
    nodes_[at]->Settle();
    Check(at);
  }
  void Restart(size_t at) {
    nodes_[at]->SyncAll();
    Fold(at);
  }
  void Repair(size_t at, size_t other) {
    if (at == other) return;
    ApplyNode* node = nodes_[at].get();
    change::ProgressVector have = node->Progress();
    have.Advance(node->self, Lseq(INT64_MAX));
    const auto batch = nodes_[other]->Repair(have);
    if (!batch) return;
    node->Apply(*batch);
    Check(at);
  }
  bool Receive(size_t at) {
    ApplyNode* node = nodes_[at].get();
    const size_t first = Below(3);
    for (size_t i = 0; i < 3; ++i) {
      const size_t origin = (first + i) % 3;
      if (origin == at || applied_[at][origin] >= sent_[origin].size()) continue;
      const capture::BuiltBatch& batch = sent_[origin][applied_[at][origin]];
      change::ProgressVector have = node->Progress();
      if (have.Get(nodes_[origin]->self) >= batch.to) {
        ++applied_[at][origin];
        return true;
      }
      have.Advance(node->self, Lseq(INT64_MAX));
      if (!have.Covers(batch.header.seen)) continue;
      ++applied_[at][origin];
      node->Apply(batch);
      Check(at);
      return true;
    }
    return false;
  }

  const ledger::TrackedTable& Tracked(size_t at, const char* name) {
    return *nodes_[at]->catalog.ByName(name);
  }
  Strings Orphans(size_t at) {
    Strings out;
    for (const char* name : {"c", "p"}) {
      const ledger::TrackedTable& tracked = Tracked(at, name);
      if (!tracked.has_shadow_table) continue;
      for (const std::string& key :
           nodes_[at]->Query("SELECT k1 FROM " + ledger::ShadowTableName(tracked.id) +
                             " WHERE wants IS NOT NULL"))
        out.push_back(std::string(name) + key);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  // Computes the definition in `model`: live rows are inserted, newest first, into tables with the
  // same UNIQUE indexes; then orphans are deleted.
  void Model(size_t at, sqlite::Connection* model) {
    ApplyNode* node = nodes_[at].get();
    sqlite::Execute(model, shape_.sql);
    for (const char* name : {"c", "p"}) {
      const ledger::TrackedTable& tracked = Tracked(at, name);
      sqlite::Statement put = sqlite::Must(model->Prepare(std::string("INSERT OR IGNORE INTO ") +
                                                          name + "(id, a, b) VALUES(?1, ?2, ?3)"));
      const bool shadows = tracked.has_shadow_table;
      std::string matches;
      std::string same;
      for (size_t i = 1; i <= tracked.table.key.size(); ++i) {
        const schema::KeyColumn& key = tracked.table.key[i - 1];
        matches += fmt::format("{}t.{} = v.k{} COLLATE {}", i == 1 ? "" : " AND ", key.name, i,
                               key.collation);
        same += fmt::format("{}s.k{} = v.k{}", i == 1 ? "" : " AND ", i, i);
      }
      sqlite::Statement rows = sqlite::Must(node->db.Prepare(fmt::format(
          "SELECT t.id, t.a, t.b, {} FROM {} v JOIN __harmonylite__nodes USING(n) "
          "LEFT JOIN {} t ON {} {} WHERE gone = 0 ORDER BY hlc DESC, node DESC, incarnation DESC",
          shadows ? "s.image" : "NULL", ledger::VersionTableName(tracked.id), name, matches,
          shadows ? "LEFT JOIN " + ledger::ShadowTableName(tracked.id) + " s ON " + same : "")));
      while (sqlite::Must(rows.Step())) {
        change::Row image;
        for (int i = 0; i < 3; ++i) image.emplace_back(rows.Column(i));
        ASSERT_NE(rows.IsNull(0), rows.IsNull(3)) << "a live row is either in its table or kept";
        if (rows.IsNull(0)) image = sqlite::Must(change::DecodeImage(rows.Column(3).bytes)).values;
        for (int i = 0; i < 3; ++i) put.Bind(i + 1, image[i]);
        sqlite::Must(put.Run());
      }
    }
    for (int64_t before = -1; before != model->total_changes();) {
      before = model->total_changes();
      for (const std::string& sql : shape_.orphans) sqlite::Execute(model, sql);
    }
  }

  void Check(size_t at) {
    sqlite::Connection model =
        sqlite::Must(sqlite::Connection::Open(":memory:", sqlite::OpenMode::kCreate));
    Model(at, &model);
    if (testing::Test::HasFatalFailure()) return;
    for (const char* name : {"c", "p"}) {
      const std::string all = std::string("SELECT id, a, b FROM ") + name + " ORDER BY 1, 2, 3";
      ASSERT_EQ(sqlite::Query(&nodes_[at]->db, all), sqlite::Query(&model, all))
          << "table " << name << " of node " << at + 1;
    }
    ASSERT_EQ(sqlite::Query(&nodes_[at]->db, "SELECT * FROM __harmonylite__touched"), Strings{});
    const size_t now = Orphans(at).size();
    if (now < before_[at]) times_back_ += before_[at] - now;
    before_[at] = now;
    circles_ +=
        sqlite::Query(&model, "SELECT 1 FROM p JOIN c ON c.a = p.id WHERE p.a = c.id").size();
  }

  const Shape& shape_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<ApplyNode>> nodes_;
  std::deque<capture::BuiltBatch> sent_[3];
  std::vector<std::vector<size_t>> applied_;  // Number of batches, by [receiver][origin].
  size_t before_[3] = {0, 0, 0};
  size_t orphans_ = 0;
  size_t times_back_ = 0;
  size_t circles_ = 0;
};

// An environment variable as a number. HARMONYLITE_ORPHAN_HISTORIES says how many histories run,
// for a longer test; HARMONYLITE_ORPHAN_SEED is the first seed.
uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(OrphanProperty, EveryNodeShowsTheDefinition) {
  const uint64_t first = Setting("HARMONYLITE_ORPHAN_SEED", std::random_device{}());
  const uint64_t histories = Setting("HARMONYLITE_ORPHAN_HISTORIES", 36);
  size_t orphans = 0;
  size_t back = 0;
  size_t circles = 0;
  for (uint64_t seed = first; seed < first + histories; ++seed) {
    const Shape& shape = kShapes[seed % std::size(kShapes)];
    SCOPED_TRACE(fmt::format("HARMONYLITE_ORPHAN_SEED={} ({})", seed, shape.name));
    History history(shape, seed);
    history.Run();
    if (testing::Test::HasFatalFailure()) return;
    orphans += history.orphans();
    back += history.times_back();
    circles += history.circles();
  }
  std::cout << histories << " histories from seed " << first << ": " << orphans
            << " orphans at their ends, " << back << " came back, " << circles << " circles seen\n";
  EXPECT_GT(orphans, 0u);
  EXPECT_GT(back, 0u);
  EXPECT_GT(circles, 0u);
}

}  // namespace
}  // namespace harmonylite::apply
