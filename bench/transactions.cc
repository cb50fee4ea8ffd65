// An application that runs transactions as frameworks do, and prints, as one line of JSON, how many
// failed and how long they took.
//
//   bench_transactions --db FILE --mode deferred --count N --gap-us G
//       N transactions that begin deferred, read a row of `books`, rest for G µs, and write it
//   bench_transactions --db FILE --mode read --count N --gap-us G
//       N reads of a row of `books`, with G µs between them
//
// A transaction that fails is rolled back and not repeated, as a framework does it. The row is one
// that no other program writes, with the id given by --id; the program inserts it first.
#include <cstdio>

#include "bench/application.h"

namespace harmonylite::bench {
namespace {

constexpr int kBusyTimeoutMs = 5'000;

struct Tally {
  int64_t failed = 0;
  // Of each transaction or read, the time until its first row was read.
  std::vector<int64_t> first_read_ns;
};

class Application {
 public:
  Application(const std::string& path, int64_t id, int64_t gap_ns)
      : db_(OpenBooks(path, kBusyTimeoutMs)),
        begin_(OrFail(db_.Prepare("BEGIN"))),
        commit_(OrFail(db_.Prepare("COMMIT"))),
        rollback_(OrFail(db_.Prepare("ROLLBACK"))),
        read_(OrFail(db_.Prepare("SELECT year FROM books WHERE id=?"))),
        write_(OrFail(db_.Prepare("UPDATE books SET year=year+1 WHERE id=?"))),
        gap_ns_(gap_ns) {
    Books books(static_cast<uint64_t>(id));
    sqlite::Statement insert = OrFail(db_.Prepare("INSERT INTO books VALUES(?,?,?,?,?)"));
    books.Bind(&insert, id);
    if (Status inserted = insert.Run(); !inserted.ok()) Fail(inserted.error().message());
    read_.Bind(1, id);
    write_.Bind(1, id);
  }

  void Transaction() {
    if (Status begun = begin_.Run(); !begun.ok()) Fail(begun.error().message());
    Status done = Read();
    if (done.ok()) {
      SleepNs(gap_ns_);
      done = write_.Run();
    }
    if (done.ok()) done = commit_.Run();
    if (done.ok()) return;
    if (!WasBusy(db_)) Fail(done.error().message());
    ++tally_.failed;
    if (Status undone = rollback_.Run(); !undone.ok()) Fail(undone.error().message());
  }

  Status Read() {
    const int64_t start = NowNs();
    auto row = read_.Step();
    tally_.first_read_ns.push_back(NowNs() - start);
    read_.Reset();
    return row.ok() ? Ok() : Status(std::move(row).error());
  }

  void ReadAlone() {
    if (Status read = Read(); !read.ok()) ++tally_.failed;
    SleepNs(gap_ns_);
  }

  Tally& tally() { return tally_; }

 private:
  sqlite::Connection db_;
  sqlite::Statement begin_;
  sqlite::Statement commit_;
  sqlite::Statement rollback_;
  sqlite::Statement read_;
  sqlite::Statement write_;
  const int64_t gap_ns_;
  Tally tally_;
};

int Main(int argc, char** argv) {
  const Flags flags(argc, argv,
                    {{"db", ""}, {"mode", "deferred"}, {"count", ""}, {"gap-us", "0"}, {"id", ""}});
  AllowShortSleeps();
  Application application(flags.Text("db"), flags.Int("id"), flags.Int("gap-us") * 1'000);
  const bool deferred = flags.Text("mode") == "deferred";
  const int64_t count = flags.Int("count");
  const int64_t start = NowNs();
  for (int64_t i = 0; i < count; ++i)
    deferred ? application.Transaction() : application.ReadAlone();
  const double seconds = static_cast<double>(NowNs() - start) / 1e9;
  Tally& tally = application.tally();
  std::printf("{\"count\":%lld,\"failed\":%lld,\"seconds\":%.6f,\"first_read_us\":%s}\n",
              static_cast<long long>(count), static_cast<long long>(tally.failed), seconds,
              PercentilesJson(&tally.first_read_ns).c_str());
  return 0;
}

}  // namespace
}  // namespace harmonylite::bench

int main(int argc, char** argv) { return harmonylite::bench::Main(argc, argv); }
