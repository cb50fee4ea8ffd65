#include "change/batch_grammar.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

namespace harmonylite::change {

namespace {

const char* RetirementProblem(const BatchHeader& header, const Retirement& one) {
  if (one.last <= Lseq(0)) return "a retired origin has no changes";
  if (one.origin == one.by) return "an origin retires itself";
  const auto cover = std::find_if(header.covers.begin(), header.covers.end(),
                                  [&](const Cover& c) { return c.origin == one.by; });
  if (cover == header.covers.end() || one.at <= cover->from || one.at > cover->to)
    return "a retirement is outside of the covered changes";
  return nullptr;
}

}  // namespace

const char* HeaderProblem(const BatchHeader& header) {
  if (header.covers.empty()) return "it covers nothing";
  if (header.covers.size() > kMaxOrigins) return "it covers too many origins";
  if (header.seen.map().size() > kMaxOrigins) return "its sender has seen too many origins";
  std::unordered_set<Origin> covered;
  for (const Cover& cover : header.covers) {
    if (cover.from < Lseq(0)) return "a cover starts at a negative lseq";
    if (cover.from > cover.to) return "a cover ends before it starts";
    if (!covered.insert(cover.origin).second) return "an origin is covered twice";
  }
  for (const auto& [origin, lseq] : header.seen.map())
    if (lseq < Lseq(0)) return "a progress is negative";
  if (header.retirements.size() > kMaxOrigins) return "it retires too many origins";
  for (const Retirement& one : header.retirements)
    if (const char* problem = RetirementProblem(header, one)) return problem;
  return nullptr;
}

const char* ShapeProblem(const TableShape& shape) {
  if (shape.columns.empty()) return "a table has no columns";
  if (shape.columns.size() > kMaxColumns) return "a table has too many columns";
  if (shape.key.empty()) return "a table has no key";
  if (shape.key.size() != shape.collations.size()) return "a key's collations are not one a column";
  std::vector<bool> in_key(shape.columns.size());
  for (const uint32_t column : shape.key) {
    if (column >= in_key.size()) return "a key names a column that is not there";
    if (in_key[column]) return "a key names a column twice";
    in_key[column] = true;
  }
  return nullptr;
}

uint64_t NamesCost(const TableShape& shape) {
  uint64_t cost = kNameCost + shape.name.size();
  if (!shape.object.empty()) cost += kNameCost + shape.object.size();
  for (const std::string& column : shape.columns) cost += kNameCost + column.size();
  for (const std::string& collation : shape.collations) cost += kNameCost + collation.size();
  return cost;
}

}  // namespace harmonylite::change
