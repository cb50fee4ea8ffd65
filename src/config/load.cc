// Reads the configuration file, and selects tables by their names.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "config/config.h"
#include "config/glob.h"
#include "config/toml_tree.h"

namespace harmonylite::config {
namespace {

bool AnyMatches(const std::vector<std::string>& patterns, std::string_view name) {
  for (const auto& pattern : patterns) {
    if (GlobMatch(pattern, name)) return true;
  }
  return false;
}

// Reads at most one byte more than a configuration may have, so that the parser refuses a file that
// is too large.
Status ReadUpToLimit(int fd, std::string* text) {
  text->resize(kMaxTomlBytes + 1);
  size_t size = 0;
  while (size < text->size()) {
    const ssize_t got = read(fd, text->data() + size, text->size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(ErrorCode::kInvalidArgument, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  text->resize(size);
  return Ok();
}

void WarnIfOthersCanRead(const struct stat& info, const std::string& path, Config* config) {
  if (config->literal_secrets.empty() || (info.st_mode & (S_IRGRP | S_IROTH)) == 0) return;
  std::string keys;
  for (const auto& key : config->literal_secrets) {
    if (!keys.empty() && keys.find(key) != std::string::npos)
      continue;  // a key with several values is listed several times
    keys += (keys.empty() ? "" : ", ") + key;
  }
  config->warnings.push_back(
      fmt::format("{} holds a secret ({}) and other users can read it: chmod 600 {}, or keep the "
                  "secret elsewhere with ${{NAME}} or a _file key",
                  path, keys, path));
}

}  // namespace

Result<Config> Load(const std::string& path) {
  if (path.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "no configuration file: give -config FILE, with at least db_path in it");
  }
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return MakeError(ErrorCode::kInvalidArgument, "cannot read the configuration {}: {}", path,
                     std::strerror(errno));
  }
  struct stat info {};
  std::string text;
  const bool has_info = fstat(fd, &info) == 0;
  auto read_status = ReadUpToLimit(fd, &text);
  close(fd);
  if (!read_status.ok()) {
    return MakeError(ErrorCode::kInvalidArgument, "cannot read the configuration {}: {}", path,
                     read_status.error().message());
  }
  HL_ASSIGN(Config config, ParseConfig(text, path));
  if (has_info) WarnIfOthersCanRead(info, path, &config);
  return config;
}

bool SelectsTable(const TablesConfig& tables, std::string_view name) {
  if (AnyMatches(tables.exclude, name)) return false;
  return tables.include.empty() || AnyMatches(tables.include, name);
}

bool IsAbout(const HookConfig& hook, std::string_view name) {
  return AnyMatches(hook.tables, name);
}

bool AllowsWithoutKey(const TablesConfig& tables, std::string_view name) {
  return AnyMatches(tables.without_key, name);
}

}  // namespace harmonylite::config
