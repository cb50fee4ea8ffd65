#include <fmt/format.h>

#include <algorithm>

#include "sim/alterations.h"

namespace harmonylite::sim {

namespace {

bool Has(const std::vector<const Alteration*>& list, const Alteration* one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

std::string Name(const Alteration& alteration) {
  return fmt::format("table {} key {} of node {}", alteration.table, alteration.key,
                     alteration.node);
}

}  // namespace

Violation CheckVerification(const node::Verification& result, const Alterations& alterations,
                            const std::vector<const Alteration*>& before,
                            const std::vector<const Alteration*>& still, size_t first_new) {
  std::vector<const Alteration*> may = before;
  for (size_t i = first_new; i < alterations.all().size(); ++i)
    may.push_back(alterations.all()[i].get());
  std::vector<const Alteration*> named;
  for (const node::Finding& finding : result.findings) {
    const Alteration* one = alterations.FindNamed(finding);
    if (one == nullptr || !Has(may, one))
      return fmt::format("verify names a row that nobody altered: table {} key {}: {}",
                         finding.table, finding.key_text, node::Describe(finding.kind));
    named.push_back(one);
  }
  for (const std::string& table : result.open_tables)
    if (std::none_of(may.begin(), may.end(),
                     [&](const Alteration* one) { return one->table == table; }))
      return fmt::format("verify finds that table {} differs, where nobody altered anything",
                         table);
  for (const Alteration* one : before) {
    const NodeId node(one->node);
    if (!Has(still, one) || Has(named, one) || result.cut) continue;
    if (!result.compared.contains(node) || result.missing.contains(node)) continue;
    // A row without a version was inserted unseen. Only a comparison with another node reveals it.
    if (!one->version && result.compared.size() < 2) continue;
    return "verify does not name what was altered: " + Name(*one);
  }
  return std::nullopt;
}

std::optional<RepairedRow> Expected(const Alteration& alteration,
                                    const std::vector<std::shared_ptr<const Picture>>& others) {
  for (const auto& other : others)
    if (!SameRank(VersionOf(*other, alteration), alteration.version) ||
        RowOf(*other, alteration) != alteration.was)
      return std::nullopt;
  if (alteration.version) return RepairedRow{alteration.was, false};
  return RepairedRow{alteration.is, true};
}

Violation CheckRepaired(const Alteration& alteration, const RepairedRow& expected,
                        const Picture& picture) {
  const bool kept = SameRank(VersionOf(picture, alteration), alteration.version);
  if (RowOf(picture, alteration) == expected.image && kept != expected.rewritten)
    return std::nullopt;
  return fmt::format("a repair made {} of an altered row than the rules say: {}",
                     kept ? "another row" : "a new write", Name(alteration));
}

}  // namespace harmonylite::sim
