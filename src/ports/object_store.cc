#include "ports/object_store.h"

#include <algorithm>

namespace harmonylite::ports {

namespace {

bool IsNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

}  // namespace

bool IsObjectName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxObjectName && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), IsNameChar);
}

Status CheckObjectName(std::string_view name) {
  if (IsObjectName(name)) return Ok();
  return MakeError(ErrorCode::kInvalidArgument,
                   "\"{}\" is not a name for an object: letters, digits, '.', '-' and '_', not "
                   "starting with '.', at most {} characters",
                   name, kMaxObjectName);
}

Status ObjectStore::PutFrom(const std::string& name, ObjectSource*, Transfer*) {
  return MakeError(ErrorCode::kInvalidArgument,
                   "cannot put {}: this store takes whole objects only", name);
}

Status ObjectStore::GetInto(const std::string& name, ObjectSink*, Transfer*) {
  return MakeError(ErrorCode::kInvalidArgument,
                   "cannot get {}: this store gives whole objects only", name);
}

}  // namespace harmonylite::ports
