#include "ledger/catalog.h"

#include "sqlite/identifier.h"

namespace harmonylite::ledger {

using sqlite::SameName;

const TrackedTable* Catalog::ById(int64_t id) const {
  for (const TrackedTable& tracked : tables)
    if (tracked.id == id) return &tracked;
  return nullptr;
}

const TrackedTable* Catalog::ByName(std::string_view name) const {
  for (const TrackedTable& tracked : tables)
    if (SameName(tracked.table.name, name)) return &tracked;
  return nullptr;
}

}  // namespace harmonylite::ledger
