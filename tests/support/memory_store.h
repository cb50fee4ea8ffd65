// An ObjectStore in memory whose calls can be made to fail. Threads: one at a time.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "ports/object_store.h"

namespace harmonylite::test {

class MemoryStore final : public ports::ObjectStore {
 public:
  Status Put(const std::string& name, const Spool& content, ports::Transfer* transfer) override {
    if (put_error) return Error(put_error->first, put_error->second);
    std::string bytes;
    HL_TRY(content.ReadAt(0, content.size(), &bytes));
    transfer->bytes = bytes.size();
    objects[name] = std::move(bytes);
    ++puts;
    return Ok();
  }
  Status Get(const std::string& name, Spool* out, ports::Transfer* transfer) override {
    if (silent.contains(name) || (!all_silent.empty() && name.ends_with(all_silent))) {
      ++silent_gets;
      return MakeError(ErrorCode::kRetryLater, "nothing comes of {}", name);
    }
    const auto it = objects.find(name);
    if (it == objects.end()) return MakeError(ErrorCode::kNotFound, "no object {}", name);
    std::string bytes = it->second;
    transfer->bytes = bytes.size();
    if (altered_gets > 0) bytes[bytes.size() / 2] ^= 1, --altered_gets;
    return out->Append(bytes);
  }
  bool streams() const override { return takes_streams; }
  Status PutFrom(const std::string& name, ports::ObjectSource* source,
                 ports::Transfer* transfer) override {
    Spool content("/nonexistent", size_t{1} << 30);
    std::string piece;
    // The second attempt stands for one after a lost connection.
    for (int attempt = 0; attempt < 2; ++attempt) {
      content.Clear();
      HL_TRY(source->Begin());
      do {
        HL_TRY(source->Next(&piece));
        HL_TRY(content.Append(piece));
      } while (!piece.empty());
    }
    return Put(name, content, transfer);
  }
  Status GetInto(const std::string& name, ports::ObjectSink* sink,
                 ports::Transfer* transfer) override {
    Spool content("/nonexistent", size_t{1} << 30);
    HL_TRY(Get(name, &content, transfer));
    std::string bytes;
    HL_TRY(content.ReadAt(0, content.size(), &bytes));
    HL_TRY(sink->Begin());
    HL_TRY(sink->Append(bytes.substr(0, bytes.size() / 2)));
    HL_TRY(sink->Begin());
    for (size_t at = 0; at < bytes.size(); at += 1000) HL_TRY(sink->Append(bytes.substr(at, 1000)));
    return Ok();
  }
  Result<std::vector<ports::ObjectInfo>> List(const std::string& prefix) override {
    std::vector<ports::ObjectInfo> out;
    for (const auto& [name, bytes] : objects)
      if (name.starts_with(prefix)) out.push_back({name, bytes.size()});
    return out;
  }
  Status Delete(const std::string& name) override {
    objects.erase(name);
    return Ok();
  }

  bool takes_streams = false;
  std::map<std::string, std::string> objects;
  int altered_gets = 0;          // This many further Gets give altered bytes.
  std::set<std::string> silent;  // Objects that are listed but cannot be read.
  std::string all_silent;        // If not empty, no object whose name ends with this can be read.
  int silent_gets = 0;
  std::optional<std::pair<ErrorCode, std::string>> put_error;  // If set, the error of every Put.
  int puts = 0;
};

}  // namespace harmonylite::test
