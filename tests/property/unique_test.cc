// UNIQUE on real databases. Whatever the nodes do, and in whatever order and grouping their batches
// are applied, every node always shows exactly what the definition gives for the rows it has.
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <random>

#include "apply/apply_test_util.h"
#include "change/image_codec.h"

namespace harmonylite::apply {
namespace {

using Strings = std::vector<std::string>;

struct Shape {
  const char* name;
  const char* table;
  const char* indexes;
};

const Shape kShapes[] = {
    {"two indexes", "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b)",
     "CREATE UNIQUE INDEX i ON t(a); CREATE UNIQUE INDEX j ON t(b)"},
    {"partial and nocase", "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b)",
     "CREATE UNIQUE INDEX i ON t(a); CREATE UNIQUE INDEX j ON t(b) WHERE a IS NOT 'y'"},
    {"expression and several columns", "CREATE TABLE t(id TEXT PRIMARY KEY, a, b) WITHOUT ROWID",
     "CREATE UNIQUE INDEX i ON t(lower(a)); CREATE UNIQUE INDEX j ON t(b, id COLLATE NOCASE)"},
    {"generated column", "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b, g AS (a || b))",
     "CREATE UNIQUE INDEX i ON t(g); CREATE UNIQUE INDEX j ON t(b)"},
    {"unique as row key", "CREATE TABLE t(id TEXT NOT NULL UNIQUE COLLATE NOCASE, a, b)",
     "CREATE UNIQUE INDEX i ON t(a); CREATE UNIQUE INDEX j ON t(b)"},
};

class History {
 public:
  History(const Shape& shape, uint64_t seed) : shape_(shape), random_(seed) {
    const std::string sql = std::string(shape.table) + ";" + shape.indexes;
    for (uint64_t node = 1; node <= 3; ++node) {
      nodes_.push_back(std::make_unique<ApplyNode>(sql, node));
      nodes_.back()->App("PRAGMA synchronous = OFF");
    }
    applied_.assign(3, std::vector<size_t>(3, 0));
  }

  void Run() {
    for (int step = 0; step < 40; ++step) {
      const size_t at = Below(3);
      switch (Below(8)) {
        case 6:
          Repair(at, Below(3));
          break;
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
        default:
          Write(at);
      }
      if (testing::Test::HasFatalFailure()) return;
    }
    for (size_t at = 0; at < 3; ++at) Send(at);
    // After repairs, batches may wait for each other; a last round of repairs ends that.
    for (size_t at = 0; at < 3; ++at)
      while (Receive(at)) continue;
    for (size_t at = 0; at < 3; ++at) Repair(at, (at + 1) % 3);
    for (size_t at = 0; at < 3; ++at) Repair(at, (at + 1) % 3);
    for (size_t at = 0; at < 3; ++at) Fold(at);
    const Strings shadowed = Shadowed(0);
    for (size_t at = 0; at < 3; ++at) {
      ASSERT_EQ(nodes_[at]->Rows(), nodes_[0]->Rows());
      ASSERT_EQ(Shadowed(at), shadowed);
    }
    times_shadowed_ += shadowed.size();
  }

  size_t times_shadowed() const { return times_shadowed_; }
  size_t times_back() const { return times_back_; }

 private:
  size_t Below(size_t limit) { return random_() % limit; }
  std::string Key() {
    static constexpr const char* kKeys[] = {"1", "2", "3", "4", "5", "6"};
    return kKeys[Below(6)];
  }
  std::string Value() {
    static constexpr const char* kValues[] = {"'x'", "'X'", "'y'", "1", "2", "3", "NULL"};
    return kValues[Below(7)];
  }

  void Write(size_t at) {
    std::string sql = "BEGIN;";
    for (size_t i = 1 + Below(3); i > 0; --i) {
      const std::string key = Key();
      switch (Below(7)) {
        case 0:
        case 1:
          sql += std::string("INSERT OR ") + (Below(4) == 0 ? "REPLACE" : "IGNORE") +
                 " INTO t(id, a, b) VALUES(" + key + "," + Value() + "," + Value() + ");";
          break;
        case 2:
          sql += "UPDATE OR IGNORE t SET a = " + Value() + " WHERE id = " + key + ";";
          break;
        case 3:
          sql += "UPDATE OR REPLACE t SET b = " + Value() + " WHERE id = " + key + ";";
          break;
        case 4:
          sql += "DELETE FROM t WHERE id = " + key + ";";
          break;
        case 5:
          sql += "UPDATE OR IGNORE t SET id = " + Key() + " WHERE id = " + key + ";";
          break;
        default:  // Two rows swap their values.
          sql +=
              "CREATE TEMP TABLE s AS SELECT * FROM t ORDER BY id LIMIT 2;"
              "UPDATE t SET a = NULL, b = NULL WHERE id IN (SELECT id FROM s);"
              "UPDATE OR IGNORE t SET a = (SELECT a FROM s WHERE s.id <> t.id),"
              "  b = (SELECT b FROM s WHERE s.id <> t.id) WHERE id IN (SELECT id FROM s);"
              "DROP TABLE s;";
      }
    }
    nodes_[at]->App(sql + "COMMIT");
  }

  void Send(size_t at) {
    if (auto batch = nodes_[at]->Publish()) sent_[at].push_back(std::move(*batch));
  }

  void Fold(size_t at) {
    const size_t before = Shadowed(at).size();
    nodes_[at]->FoldAll();
    nodes_[at]->Settle();
    Check(at, before);
  }

  // Applies, in one repair, all that the other node has, from its version tables.
  void Repair(size_t at, size_t other) {
    if (at == other) return;
    ApplyNode* node = nodes_[at].get();
    change::ProgressVector have = node->Progress();
    have.Advance(node->self, Lseq(INT64_MAX));
    const auto batch = nodes_[other]->Repair(have);
    if (!batch) return;
    const size_t before = Shadowed(at).size();
    node->Apply(*batch);
    Check(at, before);
  }

  // Applies one batch whose causes are already here; false if there is none.
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
      const size_t before = Shadowed(at).size();
      ++applied_[at][origin];
      node->Apply(batch);
      Check(at, before);
      return true;
    }
    return false;
  }

  Strings Shadowed(size_t at) {
    ApplyNode* node = nodes_[at].get();
    Strings out;
    sqlite::Statement list = sqlite::Must(node->db.Prepare(
        "SELECT image FROM " + ledger::ShadowTableName(node->catalog.tables[0].id)));
    while (sqlite::Must(list.Step())) {
      const auto image = sqlite::Must(change::DecodeImage(list.Column(0).bytes));
      std::string text;
      for (const change::Value& value : image.values) text += sqlite::Render(value) + "|";
      out.push_back(text);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  // Computes the definition with SQLite: rows are put into an empty table with the same indexes,
  // newest first, and those that get in are visible.
  void Check(size_t at, size_t shadowed_before) {
    ApplyNode* node = nodes_[at].get();
    const std::string versions = ledger::VersionTableName(node->catalog.tables[0].id);
    const std::string shadows = ledger::ShadowTableName(node->catalog.tables[0].id);
    const size_t shadowed_now = Shadowed(at).size();
    times_back_ += shadowed_now < shadowed_before ? shadowed_before - shadowed_now : 0;
    sqlite::Connection model =
        sqlite::Must(sqlite::Connection::Open(":memory:", sqlite::OpenMode::kCreate));
    sqlite::Execute(&model, std::string(shape_.table) + ";" + shape_.indexes);
    sqlite::Statement put =
        sqlite::Must(model.Prepare("INSERT OR IGNORE INTO t(id, a, b) VALUES(?1, ?2, ?3)"));
    sqlite::Statement rows =
        sqlite::Must(node->db.Prepare("SELECT t.id, t.a, t.b, s.image FROM " + versions +
                                      " v JOIN __harmonylite__nodes USING(n) "
                                      "LEFT JOIN t ON t.id = v.k1 LEFT JOIN " +
                                      shadows +
                                      " s ON s.k1 = v.k1 WHERE gone = 0 "
                                      "ORDER BY hlc DESC, node DESC, incarnation DESC"));
    while (sqlite::Must(rows.Step())) {
      change::Row image;
      for (int i = 0; i < 3; ++i) image.emplace_back(rows.Column(i));
      ASSERT_NE(rows.IsNull(0), rows.IsNull(3)) << "a live row is either visible or shadowed";
      if (rows.IsNull(0)) image = sqlite::Must(change::DecodeImage(rows.Column(3).bytes)).values;
      for (int i = 0; i < 3; ++i) put.Bind(i + 1, image[i]);
      sqlite::Must(put.Run());
    }
    const std::string all = "SELECT id, a, b FROM t ORDER BY id";
    ASSERT_EQ(sqlite::Query(&node->db, all), sqlite::Query(&model, all)) << "node " << at + 1;
    ASSERT_EQ(sqlite::Query(&node->db, "SELECT k1 FROM " + shadows + " WHERE b1 IS NULL"),
              Strings{})
        << "a shadowed row has no blocker";
  }

  const Shape& shape_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<ApplyNode>> nodes_;
  std::deque<capture::BuiltBatch> sent_[3];
  std::vector<std::vector<size_t>> applied_;  // Number of batches, by [receiver][origin].
  size_t times_shadowed_ = 0;
  size_t times_back_ = 0;
};

// An environment variable as a number. HARMONYLITE_UNIQUE_HISTORIES says how many histories run,
// for a longer test; HARMONYLITE_UNIQUE_SEED is the first seed.
uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(UniqueProperty, EveryNodeShowsTheDefinition) {
  const uint64_t first = Setting("HARMONYLITE_UNIQUE_SEED", std::random_device{}());
  const uint64_t histories = Setting("HARMONYLITE_UNIQUE_HISTORIES", 40);
  size_t shadowed = 0;
  size_t back = 0;
  for (uint64_t seed = first; seed < first + histories; ++seed) {
    const Shape& shape = kShapes[seed % std::size(kShapes)];
    SCOPED_TRACE(fmt::format("HARMONYLITE_UNIQUE_SEED={} ({})", seed, shape.name));
    History history(shape, seed);
    history.Run();
    if (testing::Test::HasFatalFailure()) return;
    shadowed += history.times_shadowed();
    back += history.times_back();
  }
  std::cout << histories << " histories from seed " << first << ": " << shadowed
            << " rows shadowed at their ends, " << back << " came back\n";
  EXPECT_GT(shadowed, 0u);
  EXPECT_GT(back, 0u);
}

}  // namespace
}  // namespace harmonylite::apply
