// What the benchmark programs share: flags, time, the rows of the table `books`, and percentiles.
//
// Each program stands for a user's application, and any error ends it with a message and status 1.
// Threads: each program has one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sqlite/connection.h"

namespace harmonylite::bench {

// CLOCK_MONOTONIC in nanoseconds. Values can be compared between the programs of one machine, and
// with Python's time.monotonic_ns().
int64_t NowNs();

// Makes short sleeps short: by default the kernel may extend each by 50 µs.
void AllowShortSleeps();
void SleepNs(int64_t ns);

[[noreturn]] void Fail(std::string_view message);

template <typename T>
T OrFail(Result<T> result) {
  if (!result.ok()) Fail(result.error().message());
  return std::move(result).value();
}

// Parses `--name value` pairs; an unknown name or a missing value ends the program.
class Flags {
 public:
  // `known` maps every name to its default; a default of "" means that the flag is required.
  Flags(int argc, char** argv, std::map<std::string, std::string> known);
  std::string Text(const std::string& name) const { return values_.at(name); }
  int64_t Int(const std::string& name) const;

 private:
  std::map<std::string, std::string> values_;
};

// SplitMix64. It gives the same numbers everywhere, so both sides of a ratio write the same rows.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  uint64_t Below(uint64_t limit) { return Next() % limit; }

 private:
  uint64_t state_;
};

// Makes rows of `books`, whose text compresses about as well as prose. The text is made before the
// clock starts. Views of it stay valid as long as the object.
class Books {
 public:
  static constexpr size_t kBodyBytes = 200;
  // `body_bytes` is the size of each body, at most a megabyte.
  explicit Books(uint64_t seed, size_t body_bytes = kBodyBytes);
  // Binds parameters 1 to 5 of "INSERT INTO books VALUES(?,?,?,?,?)".
  void Bind(sqlite::Statement* insert, int64_t id);
  std::string_view Body();

 private:
  std::string_view Slice(size_t length);
  Random random_;
  size_t body_bytes_;
  std::string prose_;
  size_t at_ = 0;  // Where the next slice begins.
};

// Makes `length` bytes that do not compress.
std::string Noise(uint64_t seed, size_t length);

// Opens an existing database as an application would: its WAL mode stays, and synchronous is
// NORMAL.
sqlite::Connection OpenBooks(const std::string& path, int busy_timeout_ms);
// True if the newest error of `db` was SQLITE_BUSY in any of its forms.
bool WasBusy(const sqlite::Connection& db);

// Formats {"p50":…,"p90":…,"p99":…,"worst":…} in microseconds from nanoseconds; it sorts its
// argument.
std::string PercentilesJson(std::vector<int64_t>* ns);

}  // namespace harmonylite::bench
