// A SQLite VFS that keeps a database's bytes where the caller wants them, instead of in a file. It
// lets a snapshot be packed while SQLite writes it.
//
// Meant for databases that one connection at a time has open and that are thrown away after an
// error. There are no locks, nothing is flushed, and what SQLite writes into a journal is dropped.
// Threads: a ContentVfs and its FileContent are used on the thread of the connection that has it
// open.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3_vfs;

namespace harmonylite::sqlite {

// The bytes of one database file. The class that implements this decides where they are kept.
class FileContent {
 public:
  virtual ~FileContent() = default;
  virtual uint64_t size() const = 0;
  // Reads exactly `length` bytes. The caller asks only for bytes before size().
  virtual Status Read(uint64_t offset, char* out, size_t length) = 0;
  // Grows the file if necessary. Bytes between its old end and `offset` become zeros.
  virtual Status Write(uint64_t offset, std::string_view bytes) = 0;
  // Cuts the file, or extends it with zeros.
  virtual Status Truncate(uint64_t size) = 0;
};

// A VFS with a single database file, whose bytes are a FileContent. It must outlive the connections
// that use it.
class ContentVfs {
 public:
  // `content` is not owned.
  explicit ContentVfs(FileContent* content);
  ~ContentVfs();
  ContentVfs(const ContentVfs&) = delete;
  ContentVfs& operator=(const ContentVfs&) = delete;

  // The VFS to name in Connection::Open. Any path will do.
  const std::string& name() const { return name_; }
  // The file to name in ATTACH and VACUUM INTO, on a connection opened with kReadWriteUris.
  std::string uri() const { return "file:/content?vfs=" + name_; }
  // The message of the content's first error, which says more than SQLite's. Empty if there was
  // none.
  const std::string& failure() const { return failure_; }

 private:
  struct Calls;
  struct File;
  std::string name_;
  FileContent* content_;  // not owned
  sqlite3_vfs* base_;     // SQLite's default VFS: used for temporary files, sleeping and the clock
  std::unique_ptr<sqlite3_vfs> vfs_;
  std::string failure_;
};

}  // namespace harmonylite::sqlite
