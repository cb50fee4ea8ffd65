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

// The longest chain of retirements that is followed. Chains are short, because a retirement is
// rewritten when the origin that it is `by` retires itself. In a circle, which the wire may bring,
// the ways multiply with each link. What is not found because of the limit counts as not applied,
// which is safe.
constexpr int kMostLinks = 8;

const Retirements kNone;

}  // namespace

Knowledge::Knowledge(const ProgressVector& vector) : Knowledge(vector, kNone, {}, Lseq(0)) {}

Lseq Knowledge::Get(const Origin& origin) const { return Get(origin, kMostLinks); }

Lseq Knowledge::Get(const Origin& origin, int depth) const {
  Lseq has = origin == owner_ ? own_ : vector_.Get(origin);
  if (depth == 0) return has;
  for (const Retirement& one : retirements_.Of(origin))
    if (one.last > has && Get(one.by, depth - 1) >= one.at) has = one.last;
  return has;
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
