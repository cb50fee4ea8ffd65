// Measures how long a committed row takes to be seen by a reader of another file, and prints one
// line of JSON.
//
//   bench_latency --write-db FILE --read-db FILE --samples N [--first-id I] [--pause-ms P]
//
// Writer and reader are one thread with two connections. The clock starts when the commit has
// returned. Between samples the program rests for a random time around P, so that no timer on the
// way can fall into step with it.
#include <cstdio>

#include "bench/application.h"

namespace harmonylite::bench {
namespace {

// Time between two looks. On average half of it is part of every sample. Looking more often slows
// down what is measured: with two cores, a look every 20 µs kept interrupting the sidecar, which
// shared the reader's core, and doubled the figure.
constexpr int64_t kLookEveryNs = 100'000;

// Returns the nanoseconds until `look` finds `id`; negative if `timeout_ns` passed first.
int64_t WaitForRow(sqlite::Statement* look, int64_t id, int64_t timeout_ns) {
  const int64_t start = NowNs();
  look->Bind(1, id);
  while (true) {
    const bool found = OrFail(look->Step());
    const int64_t took = NowNs() - start;
    look->Reset();
    if (found) return took;
    if (took > timeout_ns) return -1;
    SleepNs(kLookEveryNs);
  }
}

int Main(int argc, char** argv) {
  const Flags flags(argc, argv,
                    {{"write-db", ""},
                     {"read-db", ""},
                     {"samples", ""},
                     {"first-id", "1"},
                     {"pause-ms", "100"},
                     {"timeout", "30"}});
  AllowShortSleeps();
  auto writer = OpenBooks(flags.Text("write-db"), 10'000);
  auto reader =
      OrFail(sqlite::Connection::Open(flags.Text("read-db"), sqlite::OpenMode::kReadOnly));
  reader.SetBusyTimeout(10'000);
  auto insert = OrFail(writer.Prepare("INSERT INTO books VALUES(?,?,?,?,?)"));
  auto look = OrFail(reader.Prepare("SELECT 1 FROM books WHERE id=?"));
  const int64_t first = flags.Int("first-id");
  const int64_t pause_ns = flags.Int("pause-ms") * 1'000'000;
  Books books(static_cast<uint64_t>(first));
  Random random(static_cast<uint64_t>(first));

  std::vector<int64_t> samples;
  for (int64_t id = first; id < first + flags.Int("samples"); ++id) {
    SleepNs(pause_ns / 2 + static_cast<int64_t>(random.Below(static_cast<uint64_t>(pause_ns) + 1)));
    books.Bind(&insert, id);
    OrFail(insert.Run());
    const int64_t took = WaitForRow(&look, id, flags.Int("timeout") * 1'000'000'000);
    if (took < 0) Fail(fmt::format("row {} was not seen in time", id));
    samples.push_back(took);
  }
  std::string list;
  for (const int64_t ns : samples)
    list += fmt::format("{}{:.1f}", list.empty() ? "" : ",", static_cast<double>(ns) / 1e3);
  std::printf("%s\n", fmt::format(R"({{"samples_us":[{}],"latency_us":{}}})", list,
                                  PercentilesJson(&samples))
                          .c_str());
  return 0;
}

}  // namespace
}  // namespace harmonylite::bench

int main(int argc, char** argv) { return harmonylite::bench::Main(argc, argv); }
