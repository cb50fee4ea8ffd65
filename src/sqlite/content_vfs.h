// Lets SQLite keep a database's bytes where their owner wants them, instead of in a file.
//
// For files that one connection at a time has open and that are thrown away after an error: without locks, without
// journal (what SQLite would write into one is dropped), and nothing is flushed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3_vfs;

namespace harmonylite::sqlite {

// Threads: that of the connection.
class FileContent {
 public:
  virtual ~FileContent() = default;
  virtual uint64_t size() const = 0;
  // All of it lies before size().
  virtual Status Read(uint64_t offset, char* out, size_t length) = 0;
  // Grows the file where it must; what lies between its old end and `offset` is zeros.
  virtual Status Write(uint64_t offset, std::string_view bytes) = 0;
  // Cuts it, or makes it longer by zeros.
  virtual Status Truncate(uint64_t size) = 0;
};

// A VFS that has one database file, a FileContent. It outlives the connections that use it.
class ContentVfs {
 public:
  // `content` is not owned.
  explicit ContentVfs(FileContent* content);
  ~ContentVfs();
  ContentVfs(const ContentVfs&) = delete;
  ContentVfs& operator=(const ContentVfs&) = delete;

  // For Connection::Open, with any path.
  const std::string& name() const { return name_; }
  // For ATTACH and VACUUM INTO of a connection that was opened to understand it.
  std::string uri() const { return "file:/content?vfs=" + name_; }
  // What the content's first error said; SQLite's own says less. Empty: there was none.
  const std::string& failure() const { return failure_; }

 private:
  struct Calls;
  struct File;
  std::string name_;
  FileContent* content_;
  sqlite3_vfs* base_;  // the default one: for temporary files and the clock
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::string failure_;
};

}  // namespace harmonylite::sqlite
