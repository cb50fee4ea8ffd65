#include "config/secret_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace harmonylite::config {
namespace {

constexpr size_t kMaxSecretBytes = 64 << 10;

bool ValidVariable(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_') return false;
  }
  return true;
}

Error Unreadable(const std::string& path, const char* why) {
  return MakeError(ErrorCode::kInvalidArgument, "cannot read {}: {}", path, why);
}

Result<std::string> ReadAll(int fd, const std::string& path) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Unreadable(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return Unreadable(path, "not a regular file");
  std::string text(kMaxSecretBytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unreadable(path, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > kMaxSecretBytes) return Unreadable(path, "larger than 64 KiB");
  text.resize(size);
  return text;
}

}  // namespace

Result<Expanded> ExpandEnvironment(std::string_view text) {
  Expanded out;
  for (size_t i = 0; i < text.size();) {
    if (text.substr(i, 3) == "$${") {
      out.text += "${";
      i += 3;
    } else if (text.substr(i, 2) == "${") {
      const size_t end = text.find('}', i);
      const std::string name(text.substr(i + 2, end == std::string_view::npos ? 0 : end - i - 2));
      // The message does not repeat the name, because without a closing brace it may be part of a
      // password.
      if (!ValidVariable(name)) {
        return Error(ErrorCode::kInvalidArgument,
                     "\"${\" must be followed by the name of an environment variable and \"}\" "
                     "(write \"$${\" for the two characters themselves)");
      }
      const char* value = std::getenv(name.c_str());
      if (value == nullptr) {
        return MakeError(ErrorCode::kInvalidArgument, "the environment variable {} is not set",
                         name);
      }
      out.text += value;
      out.from_environment = true;
      i = end + 1;
    } else {
      out.text += text[i++];
    }
  }
  return out;
}

Result<std::string> ReadSecretFile(const std::string& path) {
  // O_NONBLOCK, because opening a pipe without a writer would wait for ever.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Unreadable(path, std::strerror(errno));
  auto text = ReadAll(fd, path);
  close(fd);
  if (!text.ok()) return text;
  while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
  if (text->empty()) return Unreadable(path, "it is empty");
  return text;
}

}  // namespace harmonylite::config
