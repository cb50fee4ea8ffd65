#include "base/spool.h"

#include <unistd.h>
#include <xxhash.h>

#include <algorithm>

#include "base/nameless_file.h"

namespace harmonylite {

namespace {

constexpr size_t kChecksumChunk = 1 << 20;

}  // namespace

Spool::Spool(std::string directory, size_t memory_limit)
    : directory_(std::move(directory)), memory_limit_(memory_limit) {}

Spool::Spool(Spool&& other) noexcept
    : directory_(std::move(other.directory_)),
      memory_limit_(other.memory_limit_),
      buffer_(std::move(other.buffer_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(std::exchange(other.size_, 0)) {}

Spool& Spool::operator=(Spool&& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(memory_limit_, other.memory_limit_);
  std::swap(buffer_, other.buffer_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

Spool::~Spool() {
  if (fd_ >= 0) ::close(fd_);
}

Status Spool::MoveToDisk() {
  HL_ASSIGN(const int fd, MakeNamelessFile(directory_));
  if (Status written = WriteAt(fd, 0, buffer_); !written.ok()) {
    ::close(fd);
    return written;
  }
  fd_ = fd;
  std::string().swap(buffer_);
  return Ok();
}

Status Spool::Append(std::string_view bytes) {
  if (fd_ < 0 && size_ + bytes.size() > memory_limit_) HL_TRY(MoveToDisk());
  if (fd_ < 0)
    buffer_.append(bytes);
  else
    HL_TRY(WriteAt(fd_, size_, bytes));
  size_ += bytes.size();
  return Ok();
}

void Spool::Clear() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  buffer_.clear();
  size_ = 0;
}

Status Spool::ReadAt(uint64_t offset, size_t length, std::string* out) const {
  const uint64_t left = offset >= size_ ? 0 : size_ - offset;
  length = static_cast<size_t>(std::min<uint64_t>(length, left));
  if (fd_ < 0) {
    out->assign(buffer_, static_cast<size_t>(size_ - left), length);
    return Ok();
  }
  out->resize(length);
  HL_ASSIGN(const size_t there, harmonylite::ReadAt(fd_, offset, out->data(), length));
  if (there == length) return Ok();
  return MakeError(ErrorCode::kRetryLater,
                   "cannot read a temporary file: it is shorter than written");
}

Result<uint64_t> Spool::Checksum() const {
  if (fd_ < 0) return static_cast<uint64_t>(XXH3_64bits(buffer_.data(), buffer_.size()));
  XXH3_state_t* state = XXH3_createState();
  HL_CHECK(state != nullptr);
  XXH3_64bits_reset(state);
  std::string chunk;
  for (uint64_t offset = 0; offset < size_; offset += chunk.size()) {
    if (Status read = ReadAt(offset, kChecksumChunk, &chunk); !read.ok()) {
      XXH3_freeState(state);
      return std::move(read).error();
    }
    XXH3_64bits_update(state, chunk.data(), chunk.size());
  }
  const uint64_t sum = XXH3_64bits_digest(state);
  XXH3_freeState(state);
  return sum;
}

}  // namespace harmonylite
