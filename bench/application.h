// What the bench programs share: flags, time, the rows of the table `books`, percentiles.
//
// These programs stand for somebody's application: any error ends them with a message and status 1.
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

// CLOCK_MONOTONIC in nanoseconds: comparable between the programs of one machine, and with Python's
// time.monotonic_ns().
int64_t NowNs();

// Lets short sleeps be short: the kernel's default rounds them up by 50 µs.
void AllowShortSleeps();
void SleepNs(int64_t ns);

[[noreturn]] void Fail(std::string_view message);

template <typename T>
T OrFail(Result<T> result) {
  if (!result.ok()) Fail(result.error().message());
  return std::move(result).value();
}

// `--name value` pairs; an unknown name or a missing value ends the program.
class Flags {
 public:
  // `known`: every name with its default; a default of "" means that the flag is required.
  Flags(int argc, char** argv, std::map<std::string, std::string> known);
  std::string Text(const std::string& name) const { return values_.at(name); }
  int64_t Int(const std::string& name) const;

 private:
  std::map<std::string, std::string> values_;
};

// SplitMix64: the same numbers everywhere, so both sides of a ratio write the same rows.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  uint64_t Below(uint64_t limit) { return Next() % limit; }

 private:
  uint64_t state_;
};

// Rows of `books`: prose-like text that compresses about as well as prose does, made before the
// clock starts. Views stay valid as long as the object.
class Books {
 public:
  static constexpr size_t kBodyBytes = 200;
  // `body_bytes`: of every body, at most a megabyte.
  explicit Books(uint64_t seed, size_t body_bytes = kBodyBytes);
  // Parameters 1 to 5 of "INSERT INTO books VALUES(?,?,?,?,?)".
  void Bind(sqlite::Statement* insert, int64_t id);
  std::string_view Body();

 private:
  std::string_view Slice(size_t length);
  Random random_;
  size_t body_bytes_;
  std::string prose_;
  size_t at_ = 0;  // where the next slice begins
};

// `length` bytes that do not compress.
std::string Noise(uint64_t seed, size_t length);

// Opens an existing database the way an application would: WAL stays, synchronous=NORMAL.
sqlite::Connection OpenBooks(const std::string& path, int busy_timeout_ms);
// The newest error of `db` was SQLITE_BUSY, in any of its forms.
bool WasBusy(const sqlite::Connection& db);

// {"p50":…,"p90":…,"p99":…,"worst":…} in microseconds; sorts its argument.
std::string PercentilesJson(std::vector<int64_t>* ns);

}  // namespace harmonylite::bench
