#include "sim/sim_store.h"

#include <iterator>

namespace harmonylite::sim {

namespace {

Error Failed() { return MakeError(ErrorCode::kRetryLater, "simulated: the store does not answer"); }

}  // namespace

bool SimStore::Lose(Random* random) {
  if (objects.empty()) return false;
  objects.erase(std::next(objects.begin(), random->Below(static_cast<int64_t>(objects.size()))));
  return true;
}

bool SimStore::Damage(Random* random) {
  if (objects.empty()) return false;
  std::string& bytes =
      std::next(objects.begin(), random->Below(static_cast<int64_t>(objects.size())))->second;
  if (bytes.empty()) return false;
  const auto at = static_cast<size_t>(random->Below(static_cast<int64_t>(bytes.size())));
  if (random->Chance(0.3))
    bytes.resize(at);
  else
    bytes[at] ^= static_cast<char>(random->Between(1, 255));
  return true;
}

Status StoreClient::Reach() {
  if (connected && !random_->Chance(failing)) return Ok();
  if (connected) sometimes_->Note("store: a call failed");
  return Failed();
}

Status StoreClient::Put(const std::string& name, const Spool& content, ports::Transfer* transfer) {
  // A late failure comes when the object is stored already: only the answer is lost.
  const bool late = connected && random_->Chance(failing / 2);
  if (!late) HL_TRY(Reach());
  std::string bytes;
  HL_TRY(content.ReadAt(0, content.size(), &bytes));
  transfer->bytes = bytes.size();
  store_->objects[name] = std::move(bytes);
  if (!late) return Ok();
  sometimes_->Note("store: an answer was lost");
  return Failed();
}

Status StoreClient::Get(const std::string& name, Spool* out, ports::Transfer* transfer) {
  HL_TRY(Reach());
  const auto it = store_->objects.find(name);
  if (it == store_->objects.end())
    return MakeError(ErrorCode::kNotFound, "simulated: no object {}", name);
  // A broken transfer delivers the first half of the object, which the caller must throw away.
  if (known_.insert(name).second && random_->Chance(lacking)) silent.insert(name);
  const bool falls_silent = silent.contains(name);
  const bool broken = falls_silent || random_->Chance(failing);
  const std::string_view bytes = it->second;
  transfer->bytes = bytes.size();
  HL_TRY(out->Append(broken ? bytes.substr(0, bytes.size() / 2) : bytes));
  if (!broken) return Ok();
  sometimes_->Note(falls_silent ? "store: an object fell silent" : "store: an object came in part");
  return Failed();
}

Result<std::vector<ports::ObjectInfo>> StoreClient::List(const std::string& prefix) {
  HL_TRY(Reach());
  std::vector<ports::ObjectInfo> out;
  for (const auto& [name, bytes] : store_->objects)
    if (name.starts_with(prefix)) out.push_back({name, bytes.size()});
  return out;
}

Status StoreClient::Delete(const std::string& name) {
  HL_TRY(Reach());
  store_->objects.erase(name);
  return Ok();
}

}  // namespace harmonylite::sim
