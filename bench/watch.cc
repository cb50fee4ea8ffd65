// A reader that waits until `books` holds all rows and prints, as one line of JSON, when that was.
//
//   bench_watch --db FILE --rows N [--timeout SECONDS] [--interval-us U] [--tables T]
//
// Ids are 1 to N and are written in ascending order. The program polls max(id), which costs
// microseconds, and counts the rows of books, books2, …, booksT once the last id is there. It
// prints "ready" after its first look. `partial` counts the looks that saw some of the rows but not
// all; it is 0 if they came in one transaction.
#include <cstdio>

#include "bench/application.h"

namespace harmonylite::bench {
namespace {

int64_t Ask(sqlite::Statement* question) {
  if (!OrFail(question->Step())) Fail("no row");
  const int64_t answer = question->Int(0);
  question->Reset();
  return answer;
}

int Main(int argc, char** argv) {
  const Flags flags(
      argc, argv,
      {{"db", ""}, {"rows", ""}, {"timeout", "600"}, {"interval-us", "1000"}, {"tables", "1"}});
  AllowShortSleeps();
  auto db = OrFail(sqlite::Connection::Open(flags.Text("db"), sqlite::OpenMode::kReadOnly));
  db.SetBusyTimeout(10'000);
  auto newest = OrFail(db.Prepare("SELECT ifnull(max(id), 0) FROM books"));
  std::string counts = "SELECT (SELECT count(*) FROM books)";
  for (int64_t table = 2; table <= flags.Int("tables"); ++table)
    counts += fmt::format(" + (SELECT count(*) FROM books{})", table);
  auto count = OrFail(db.Prepare(counts));
  const int64_t rows = flags.Int("rows");
  const int64_t interval_ns = flags.Int("interval-us") * 1000;
  const int64_t deadline = NowNs() + flags.Int("timeout") * 1'000'000'000;

  int64_t looks = 0, partial = 0, seen = 0, at = 0;
  bool done = false;
  while (!done && at < deadline) {
    seen = Ask(&newest);
    at = NowNs();
    if (looks++ == 0) {
      std::puts("ready");
      std::fflush(stdout);
    }
    if (seen >= rows) {
      // `at` is not renewed, because counting takes long and is not what is measured. A wrong count
      // means that rows came out of order; then the answer is the time of the look whose count was
      // right.
      seen = Ask(&count);
      done = seen >= rows;
      if (done) break;
    }
    if (seen > 0) ++partial;
    SleepNs(interval_ns);
  }
  std::printf("%s\n", fmt::format(R"({{"done":{},"at_ns":{},"rows":{},"looks":{},"partial":{}}})",
                                  done, at, seen, looks, partial)
                          .c_str());
  return 0;
}

}  // namespace
}  // namespace harmonylite::bench

int main(int argc, char** argv) { return harmonylite::bench::Main(argc, argv); }
