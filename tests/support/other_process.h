// Another process with a connection to a database, for tests of what processes do to each other.
//
// The process is a copy of the test (fork), made before the test has opened the database itself,
// because locks and descriptors of SQLite must not be inherited.
// Threads: one.
#pragma once

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "sqlite/door.h"

namespace harmonylite::test {

namespace other_process {

// A line ends with a line feed. Empty: the other end is closed.
inline std::string ReadLine(int descriptor) {
  std::string line;
  char next = 0;
  while (::read(descriptor, &next, 1) == 1) {
    if (next == '\n') return line;
    line += next;
  }
  return {};
}

inline void WriteLine(int descriptor, std::string line) {
  line += '\n';
  HL_CHECK(::write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

inline std::string RunSql(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK)
    return fmt::format("error {}", sqlite3_extended_errcode(db));
  std::string out = "ok";
  int rc = sqlite3_step(statement);
  if (rc == SQLITE_ROW) out = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  while (rc == SQLITE_ROW) rc = sqlite3_step(statement);
  if (rc != SQLITE_DONE) out = fmt::format("error {}", sqlite3_extended_errcode(db));
  sqlite3_finalize(statement);
  return out;
}

}  // namespace other_process

class OtherProcess {
 public:
  // Starts the process. It opens the database at the first command.
  explicit OtherProcess(std::string path);
  ~OtherProcess() { Kill(); }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;

  // Runs a statement there. Returns the first column of its first row, "ok" if it has no row, or
  // "error CODE" with SQLite's extended code.
  std::string Run(const std::string& sql);
  // Starts a statement, and does not wait for its answer.
  void Begin(const std::string& sql);
  // True if the answer to Begin() comes within `ms`.
  bool Answers(int ms) const;
  std::string Answer();
  // Closes the door of its database there, as a second sidecar would. Returns "ok" or "busy".
  std::string CloseDoor() { return Run("#close"); }
  // Ends the process as kill -9 does.
  void Kill();

 private:
  [[noreturn]] void Serve(int in, int out) const;

  const std::string path_;
  pid_t pid_ = 0;  // 0: it was killed
  int to_ = -1;
  int from_ = -1;
};

inline OtherProcess::OtherProcess(std::string path) : path_(std::move(path)) {
  std::array<int, 2> commands{};
  std::array<int, 2> answers{};
  HL_CHECK(::pipe(commands.data()) == 0 && ::pipe(answers.data()) == 0);
  pid_ = ::fork();
  HL_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    ::close(commands[1]);
    ::close(answers[0]);
    Serve(commands[0], answers[1]);
  }
  ::close(commands[0]);
  ::close(answers[1]);
  to_ = commands[1];
  from_ = answers[0];
}

inline void OtherProcess::Serve(int in, int out) const {
  std::optional<sqlite::Connection> db;
  std::optional<sqlite::Door> door;
  while (true) {
    const std::string command = other_process::ReadLine(in);
    if (command.empty()) ::_exit(0);
    if (!db) {
      auto opened = sqlite::Connection::Open(path_, sqlite::OpenMode::kCreate);
      HL_CHECK(opened.ok());
      db.emplace(std::move(*opened));
      db->SetBusyTimeout(0);
    }
    if (command != "#close") {
      other_process::WriteLine(out, other_process::RunSql(db->raw(), command));
      continue;
    }
    door.emplace(&*db);
    other_process::WriteLine(out, door->TryClose() == sqlite::DoorAnswer::kClosed ? "ok" : "busy");
  }
}

inline void OtherProcess::Begin(const std::string& sql) { other_process::WriteLine(to_, sql); }

inline bool OtherProcess::Answers(int ms) const {
  pollfd wanted{from_, POLLIN, 0};
  return ::poll(&wanted, 1, ms) == 1;
}

inline std::string OtherProcess::Answer() { return other_process::ReadLine(from_); }

inline std::string OtherProcess::Run(const std::string& sql) {
  Begin(sql);
  return Answer();
}

inline void OtherProcess::Kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
  ::close(to_);
  ::close(from_);
}

}  // namespace harmonylite::test
