#include "bench/application.h"

#include <sys/prctl.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>

namespace harmonylite::bench {

namespace {

constexpr int kSqliteBusy = 5;  // SQLITE_BUSY, whose value SQLite's API fixes.
constexpr size_t kProseBytes = 8 << 20;
constexpr size_t kMaxBodyBytes = 1 << 20;

std::string MakeProse(Random* random) {
  static constexpr std::string_view kSyllables[] = {"an",  "ter", "o",  "mi",  "sel", "ra",
                                                    "tun", "e",   "ka", "lor", "ve",  "in",
                                                    "bus", "tha", "ni", "qu"};
  std::vector<std::string> words(4096);
  for (std::string& word : words) {
    const uint64_t syllables = 1 + random->Below(4);
    for (uint64_t i = 0; i < syllables; ++i) word += kSyllables[random->Below(16)];
  }
  std::string prose;
  prose.reserve(kProseBytes + 64);
  while (prose.size() < kProseBytes) {
    // Taking the smaller of two draws makes some words common and others rare, as in a language.
    prose += words[std::min(random->Below(words.size()), random->Below(words.size()))];
    prose += ' ';
  }
  return prose;
}

}  // namespace

int64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void AllowShortSleeps() { prctl(PR_SET_TIMERSLACK, 1000); }

void SleepNs(int64_t ns) {
  const timespec pause{ns / 1'000'000'000, ns % 1'000'000'000};
  nanosleep(&pause, nullptr);
}

void Fail(std::string_view message) {
  std::fprintf(stderr, "bench: %.*s\n", static_cast<int>(message.size()), message.data());
  std::exit(1);
}

Flags::Flags(int argc, char** argv, std::map<std::string, std::string> known)
    : values_(std::move(known)) {
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const auto it =
        name.starts_with("--") ? values_.find(std::string(name.substr(2))) : values_.end();
    if (it == values_.end()) Fail(fmt::format("unknown flag {}", name));
    if (i + 1 == argc) Fail(fmt::format("{} needs a value", name));
    it->second = argv[i + 1];
  }
  for (const auto& [name, value] : values_)
    if (value.empty()) Fail(fmt::format("--{} is required", name));
}

int64_t Flags::Int(const std::string& name) const {
  const std::string& text = values_.at(name);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    Fail(fmt::format("--{}: {} is not a count", name, text));
  return value;
}

uint64_t Random::Next() {
  uint64_t z = state_ += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

Books::Books(uint64_t seed, size_t body_bytes)
    : random_(seed), body_bytes_(body_bytes), prose_(MakeProse(&random_)) {
  if (body_bytes > kMaxBodyBytes) Fail("a body has at most a megabyte");
}

std::string_view Books::Slice(size_t length) {
  // Slices are taken in sequence, because a random read would cost a cache miss, as much as a tenth
  // of a bulk insert.
  if (at_ + length > prose_.size()) at_ = random_.Below(64);
  const std::string_view slice = std::string_view(prose_).substr(at_, length);
  at_ += length;
  return slice;
}

std::string_view Books::Body() { return Slice(body_bytes_); }

void Books::Bind(sqlite::Statement* insert, int64_t id) {
  insert->Bind(1, id);
  insert->Bind(2, Slice(18));
  insert->Bind(3, Slice(12));
  insert->Bind(4, static_cast<int64_t>(1800 + random_.Below(225)));
  insert->Bind(5, Body());
}

std::string Noise(uint64_t seed, size_t length) {
  Random random(seed);
  std::string noise(length + 8, '\0');
  for (size_t at = 0; at < length; at += 8) {
    const uint64_t bits = random.Next();
    std::copy_n(reinterpret_cast<const char*>(&bits), 8, noise.data() + at);
  }
  noise.resize(length);
  return noise;
}

sqlite::Connection OpenBooks(const std::string& path, int busy_timeout_ms) {
  auto db = OrFail(sqlite::Connection::Open(path, sqlite::OpenMode::kReadWrite));
  db.SetBusyTimeout(busy_timeout_ms);
  OrFail(db.Exec("PRAGMA synchronous=NORMAL"));
  if (OrFail(db.QueryText("PRAGMA journal_mode")) != "wal") Fail(path + " is not in WAL mode");
  return db;
}

bool WasBusy(const sqlite::Connection& db) { return (db.extended_error() & 0xFF) == kSqliteBusy; }

std::string PercentilesJson(std::vector<int64_t>* ns) {
  std::sort(ns->begin(), ns->end());
  const auto at = [ns](size_t percent) {
    if (ns->empty()) return 0.0;
    const size_t rank = (ns->size() * percent + 99) / 100;  // Nearest rank, counted from 1.
    return static_cast<double>((*ns)[std::max<size_t>(rank, 1) - 1]) / 1e3;
  };
  return fmt::format(R"({{"p50":{:.1f},"p90":{:.1f},"p99":{:.1f},"worst":{:.1f}}})", at(50), at(90),
                     at(99), at(100));
}

}  // namespace harmonylite::bench
