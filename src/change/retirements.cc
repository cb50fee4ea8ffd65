#include "change/retirements.h"

#include <algorithm>

namespace harmonylite::change {

void Retirements::Add(const Retirement& retirement) {
  std::vector<Retirement>& known = of_[retirement.origin];
  const auto at = std::lower_bound(known.begin(), known.end(), retirement);
  if (at == known.end() || *at != retirement) known.insert(at, retirement);
}

const std::vector<Retirement>& Retirements::Of(const Origin& origin) const {
  static const std::vector<Retirement> kEmpty;
  const auto it = of_.find(origin);
  return it == of_.end() ? kEmpty : it->second;
}

namespace {

// How many rounds a look-up takes at most. A chain of retirements takes one, and chains are short,
// because a retirement is rewritten when the origin that it is `by` retires itself. What is not
// found because of the limit counts as not applied, which is safe.
constexpr int kMostRounds = 8;

const Retirements kNone;

}  // namespace

Knowledge::Knowledge(const ProgressVector& vector) : Knowledge(vector, kNone) {}

// Retirements may form a circle: nodes go and come back, and the wire may bring anything. So the
// origins that the answer depends on are listed, each once, and what is known of them grows in
// rounds. The farthest come first, because the nearer ones follow from them. The cost is that of
// the retirements that are listed, whatever ways lead through them.
Lseq Knowledge::Get(const Origin& origin) const {
  const std::vector<Retirement>& own = retirements_.Of(origin);
  const Lseq named = Named(origin);
  if (std::none_of(own.begin(), own.end(), [&](const auto& one) { return one.last > named; }))
    return named;
  std::map<Origin, Lseq> has{{origin, named}};
  std::vector<Origin> listed{origin};
  for (size_t i = 0; i < listed.size(); ++i)
    for (const Retirement& one : retirements_.Of(listed[i]))
      if (has.try_emplace(one.by, Named(one.by)).second) listed.push_back(one.by);
  bool grows = true;
  for (int round = 0; grows && round < kMostRounds; ++round) {
    grows = false;
    for (auto at = listed.rbegin(); at != listed.rend(); ++at)
      for (const Retirement& one : retirements_.Of(*at)) {
        if (one.last <= has[*at] || has[one.by] < one.at) continue;
        has[*at] = one.last;
        grows = true;
      }
  }
  return has[origin];
}

bool Knowledge::Covers(const ProgressVector& other) const {
  return std::all_of(other.map().begin(), other.map().end(),
                     [&](const auto& entry) { return Covers(entry.first, entry.second); });
}

ProgressVector Knowledge::Expanded() const {
  ProgressVector out = vector_;
  for (const auto& [origin, known] : retirements_.all())
    if (const Lseq has = Get(origin); origin != owner_ && has > Lseq(0)) out.Advance(origin, has);
  return out;
}

}  // namespace harmonylite::change
