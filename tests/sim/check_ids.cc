#include <fmt/format.h>

#include <algorithm>

#include "ledger/hidden_tables.h"
#include "sim/checks.h"

namespace harmonylite::sim {

Violation CheckAutomaticIds(const Ledger& ledger) {
  const auto notes = ledger.writes().find("notes");
  if (notes == ledger.writes().end()) return {};
  for (const auto& [key, writes] : notes->second) {
    const Write* first = nullptr;
    for (const Write& write : writes) {
      if (!write.own_id || write.may_be_lost || ledger.WasGone(write.node)) continue;
      if (first != nullptr)
        return fmt::format("id {} of notes was given out twice: to life {} and to life {}", key,
                           first->who, write.who);
      first = &write;
    }
  }
  return {};
}

namespace {

// The node that wrote the row of notes with this id; nothing if the file has no version of it yet.
Result<std::optional<int64_t>> WriterOf(sqlite::Connection* db, int64_t id) {
  HL_ASSIGN(const int64_t table,
            db->QueryInt("SELECT id FROM __harmonylite__tables WHERE name = 'notes'"));
  auto node = db->QueryInt(
      fmt::format("SELECT (SELECT node FROM __harmonylite__nodes o WHERE o.n = v.n) FROM "
                  "__harmonylite__v{} v WHERE k1 = {}",
                  table, id));
  if (node.ok()) return std::optional(*node);
  if (node.error().code() == ErrorCode::kNotFound) return std::optional<int64_t>();
  return std::move(node).error();
}

Result<Violation> FindForeignNextId(sqlite::Connection* db) {
  HL_ASSIGN(const ledger::State state, ledger::LoadState(db));
  if (!state.ids || !state.ids->claimed) return Violation();
  HL_ASSIGN(const int64_t greatest, db->QueryInt("SELECT coalesce(max(id), 0) FROM notes"));
  HL_ASSIGN(const int64_t counter,
            db->QueryInt("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'notes'"));
  const int64_t newest = std::max(greatest, counter);
  if (ledger::IdsLeft(*state.ids, newest) > 0) return Violation();
  HL_ASSIGN(const auto writer, WriterOf(db, newest));
  if (!writer || *writer == static_cast<int64_t>(state.self.node.value)) return Violation();
  return Violation(
      fmt::format("the next id of notes is {}, after a row of node {}: it is none of slot {}'s",
                  newest + 1, *writer, state.ids->slot));
}

}  // namespace

Violation CheckNextId(sqlite::Connection* db) {
  auto found = FindForeignNextId(db);
  return found.ok() ? *found : found.error().message();
}

}  // namespace harmonylite::sim
