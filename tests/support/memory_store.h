// An ObjectStore in memory, whose calls fail when told to.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "log/object_store.h"

namespace harmonylite::test {

class MemoryStore final : public log::ObjectStore {
 public:
  Status Put(const std::string& name, const Spool& content, log::Transfer* transfer) override {
    if (put_error) return Error(put_error->first, put_error->second);
    std::string bytes;
    HL_TRY(content.ReadAt(0, content.size(), &bytes));
    transfer->bytes = bytes.size();
    objects[name] = std::move(bytes);
    ++puts;
    return Ok();
  }
  Status Get(const std::string& name, Spool* out, log::Transfer* transfer) override {
    const auto it = objects.find(name);
    if (it == objects.end()) return MakeError(ErrorCode::kNotFound, "no object {}", name);
    transfer->bytes = it->second.size();
    return out->Append(it->second);
  }
  Result<std::vector<log::ObjectInfo>> List(const std::string& prefix) override {
    std::vector<log::ObjectInfo> out;
    for (const auto& [name, bytes] : objects)
      if (name.starts_with(prefix)) out.push_back({name, bytes.size()});
    return out;
  }
  Status Delete(const std::string& name) override {
    objects.erase(name);
    return Ok();
  }

  std::map<std::string, std::string> objects;
  std::optional<std::pair<ErrorCode, std::string>> put_error;  // what every Put answers
  int puts = 0;
};

}  // namespace harmonylite::test
