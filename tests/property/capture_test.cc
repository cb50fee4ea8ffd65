// Any SQL that is captured on one node and applied to a copy gives the same tables: the same rows,
// bytes and storage classes. The real triggers, BatchReader, codec and Applier are in between.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <span>

#include "apply/apply_test_util.h"
#include "property/table_shapes.h"

namespace harmonylite::property {
namespace {

using apply::ApplyNode;
using Strings = std::vector<std::string>;
using Genes = std::vector<uint64_t>;

// All rows but those with NULL in their key, which stay on their node.
Strings Rows(ApplyNode* node) {
  std::string columns;
  for (const std::string& name :
       node->Query("SELECT name FROM pragma_table_xinfo('t') ORDER BY name")) {
    const std::string bare = name.substr(1, name.size() - 2);  // Strips the quotes.
    columns += fmt::format("{}'{}', typeof({}), hex({}), {}", columns.empty() ? "" : ", ", bare,
                           bare, bare, bare);
  }
  std::string present;
  for (const schema::KeyColumn& key : node->catalog.tables.at(0).table.key)
    present +=
        fmt::format("{}{} IS NOT NULL", present.empty() ? "" : " AND ", sqlite::Quote(key.name));
  Strings rows = node->Query(fmt::format("SELECT {} FROM t WHERE {}", columns, present));
  std::sort(rows.begin(), rows.end());
  return rows;
}

class Pair {
 public:
  Pair(const TableShape& shape, const Genes& before)
      : shape_(shape),
        empty_(before.empty()),
        from_(Prepared(shape, before), 1),
        to_(Prepared(shape, before), 2) {
    from_.app.EnableForeignKeys(shape.foreign_keys);
    for (ApplyNode* node : {&from_, &to_}) {
      // Replica sets this, too.
      sqlite::Execute(&node->db, "PRAGMA ignore_check_constraints = ON");
      sqlite::Execute(&node->db, "PRAGMA synchronous = OFF");
      node->App("PRAGMA synchronous = OFF");
    }
  }

  // Runs SQL that SQLite may refuse. Whether the transaction goes on afterwards is SQLite's
  // decision.
  void Run(const std::string& sql) {
    const Status ran = sqlite::ExecAll(&from_.app, sql);
    RC_LOG() << sql << (ran.ok() ? "" : "  -- " + ran.error().message()) << std::endl;
  }

  void Send() {
    if (from_.app.in_transaction()) return;
    RC_LOG() << "-- sent" << std::endl;
    if (const auto batch = from_.Publish()) to_.Apply(*batch);
    to_.Settle();
    RC_ASSERT(Rows(&to_) == Rows(&from_));
  }

  void Fold(uint64_t entries) {
    if (!from_.app.in_transaction()) from_.FoldSome(static_cast<int64_t>(entries));
  }

  void End() {
    if (from_.app.in_transaction()) Run("COMMIT");
    if (from_.app.in_transaction()) Run("ROLLBACK");
    Send();
    RC_ASSERT(to_.Query("PRAGMA integrity_check") == Strings{"'ok'"});
    // Applying is not a change of the receiver's own (P5).
    RC_ASSERT(!to_.Publish().has_value());
    if (!empty_) return;
    // A node that starts empty gets the same tables from one repair.
    ApplyNode fresh(shape_.sql, 3);
    sqlite::Execute(&fresh.db, "PRAGMA ignore_check_constraints = ON");
    if (const auto batch = from_.Repair({})) fresh.Apply(*batch);
    fresh.Settle();
    RC_ASSERT(Rows(&fresh) == Rows(&from_));
  }

  // Sends the changes as a repair, from the version tables rather than the journal.
  void Repair() {
    if (from_.app.in_transaction()) return;
    RC_LOG() << "-- repaired" << std::endl;
    change::ProgressVector have = to_.Progress();
    have.Advance(to_.self, Lseq(INT64_MAX));
    if (const auto batch = from_.Repair(have)) to_.Apply(*batch);
    to_.Settle();
    RC_ASSERT(Rows(&to_) == Rows(&from_));
  }

 private:
  // The table with rows from before HarmonyLite, equal on both nodes.
  static std::string Prepared(const TableShape& shape, const Genes& before) {
    std::string sql = shape.sql;
    for (const uint64_t gene : before) {
      Gene values(gene);
      sql += fmt::format("; INSERT OR IGNORE INTO t(k, v, w) VALUES({}, {}, NULL)", values.Below(6),
                         values.Below(6));
    }
    return sql;
  }

  const TableShape& shape_;
  const bool empty_;  // There are no rows from before HarmonyLite.
  ApplyNode from_;
  ApplyNode to_;
};

void TryShapes(std::span<const TableShape> shapes) {
  const TableShape& shape = shapes[*rc::gen::inRange<size_t>(0, shapes.size())];
  RC_LOG() << shape.sql << ";" << std::endl;
  const bool strict = std::string_view(shape.sql).find("STRICT") != std::string_view::npos;
  const Genes before = strict ? Genes{} : *rc::gen::resize(4, rc::gen::arbitrary<Genes>());
  Pair pair(shape, before);
  // Each number, of full width, encodes a statement and what follows it.
  const Genes genes =
      *rc::gen::container<Genes>(rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<uint64_t>()));
  for (const uint64_t gene : genes) {
    Gene first(gene);
    const uint64_t then = first.Below(24);
    pair.Run(AnyStatement(gene / 24));
    if (then < 3) pair.Send();
    if (then == 3) pair.Repair();
    if (then == 4 || then == 5) pair.Fold(1 + first.Below(5));
  }
  pair.End();
}

RC_GTEST_PROP(CaptureProperty, PlainTablesArriveAsTheyAre, ()) { TryShapes(kPlainShapes); }
RC_GTEST_PROP(CaptureProperty, UniqueTablesArriveAsTheyAre, ()) { TryShapes(kUniqueShapes); }
RC_GTEST_PROP(CaptureProperty, WhatTriggersAndForeignKeysDoArrivesOnce, ()) {
  TryShapes(kLivelyShapes);
}

}  // namespace
}  // namespace harmonylite::property
