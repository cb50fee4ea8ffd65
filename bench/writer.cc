// An application that writes `books` and prints, as one line of JSON, how long it took.
//
//   bench_writer --db FILE --mode insert --rows N --tx-rows K     K rows in a transaction
//   bench_writer --db FILE --mode insert --seconds S              one-row transactions for so long
//   bench_writer --db FILE --mode update --rows N --table-rows M  N updates, one each, of M rows
//   bench_writer --db FILE --mode blob --bytes B                  one row with B bytes of noise
//   bench_writer --db - --mode version                            SQLite's version
//
// - --busy-timeout MS is SQLite's busy timeout. A refused call is repeated at once, and counted.
// - --pause-us U rests between transactions.
// - --body-bytes B is the size of a body.
// - --tables T spreads inserts over books, books2, …, booksT in turn; the last row goes to books.
#include <algorithm>
#include <cstdio>
#include <functional>

#include "bench/application.h"
#include "sqlite/library.h"

namespace harmonylite::bench {
namespace {

struct Tally {
  int64_t rows = 0;
  int64_t busy = 0;         // Calls that SQLite answered with SQLITE_BUSY.
  int64_t busy_spells = 0;  // Transactions that met at least one refusal.
  int64_t longest_busy_ns = 0;
  // Per transaction, the time from its first call until it is committed.
  std::vector<int64_t> commit_ns;
};

// Runs `statement`, and repeats it after each SQLITE_BUSY. With a timeout of 0 every refusal is
// counted.
void RunCounting(const sqlite::Connection& db, sqlite::Statement* statement, Tally* tally) {
  int64_t blocked_since = 0;
  while (true) {
    Status status = statement->Run();
    if (status.ok()) break;
    if (!WasBusy(db)) Fail(status.error().message());
    if (blocked_since == 0) {
      blocked_since = NowNs();
      ++tally->busy_spells;
    }
    ++tally->busy;
  }
  if (blocked_since != 0)
    tally->longest_busy_ns = std::max(tally->longest_busy_ns, NowNs() - blocked_since);
}

class Writer {
 public:
  Writer(sqlite::Connection* db, Books* books, int64_t tables, int64_t pause_ns)
      : db_(db),
        books_(books),
        begin_(OrFail(db->Prepare("BEGIN IMMEDIATE"))),
        commit_(OrFail(db->Prepare("COMMIT"))),
        update_(OrFail(db->Prepare("UPDATE books SET year=?, body=? WHERE id=?"))),
        pause_ns_(pause_ns) {
    for (int64_t table = 1; table <= tables; ++table)
      inserts_.push_back(OrFail(db->Prepare(fmt::format("INSERT INTO books{} VALUES(?,?,?,?,?)",
                                                        table == 1 ? "" : std::to_string(table)))));
  }

  // Inserts rows with ascending ids in transactions of `tx_rows` rows, until `rows` are written (if
  // not 0) or `until_ns` has come (if not 0).
  void Insert(int64_t first_id, int64_t rows, int64_t tx_rows, int64_t until_ns) {
    while ((rows == 0 || tally_.rows < rows) && (until_ns == 0 || NowNs() < until_ns)) {
      const int64_t count = rows == 0 ? tx_rows : std::min(tx_rows, rows - tally_.rows);
      Transaction(count, [&] {
        // The table is counted back from the last row, so that the last row goes to `books`.
        const size_t table =
            static_cast<size_t>(std::max<int64_t>(rows - tally_.rows - 1, 0)) % inserts_.size();
        books_->Bind(&inserts_[table], first_id + tally_.rows);
        RunCounting(*db_, &inserts_[table], &tally_);
        ++tally_.rows;
      });
    }
  }

  void Update(int64_t rows, int64_t tx_rows, int64_t table_rows) {
    Random random(1);
    while (tally_.rows < rows) {
      Transaction(std::min(tx_rows, rows - tally_.rows), [&] {
        update_.Bind(1, tally_.rows);
        update_.Bind(2, books_->Body());
        update_.Bind(3, static_cast<int64_t>(1 + random.Below(static_cast<uint64_t>(table_rows))));
        RunCounting(*db_, &update_, &tally_);
        ++tally_.rows;
      });
    }
  }

  void InsertBlob(int64_t id, const std::string& bytes) {
    Transaction(1, [&] {
      books_->Bind(&inserts_[0], id);
      inserts_[0].Bind(5, change::ValueView::Blob(bytes));
      RunCounting(*db_, &inserts_[0], &tally_);
      ++tally_.rows;
    });
  }

  Tally& tally() { return tally_; }

 private:
  // Runs one transaction. One of a single row is a bare statement, the cheapest that an application
  // can do.
  void Transaction(int64_t rows, const std::function<void()>& write) {
    const int64_t start = NowNs();
    if (rows > 1) RunCounting(*db_, &begin_, &tally_);
    for (int64_t i = 0; i < rows; ++i) write();
    if (rows > 1) RunCounting(*db_, &commit_, &tally_);
    tally_.commit_ns.push_back(NowNs() - start);
    if (pause_ns_ > 0) SleepNs(pause_ns_);
  }

  sqlite::Connection* const db_;  // not owned
  Books* const books_;            // not owned
  sqlite::Statement begin_, commit_, update_;
  std::vector<sqlite::Statement> inserts_;  // Inserts into books, books2, ….
  int64_t pause_ns_;
  Tally tally_;
};

int Main(int argc, char** argv) {
  const Flags flags(argc, argv,
                    {{"db", ""},
                     {"mode", ""},
                     {"rows", "0"},
                     {"tx-rows", "1"},
                     {"seconds", "0"},
                     {"first-id", "1"},
                     {"table-rows", "1"},
                     {"bytes", "0"},
                     {"body-bytes", std::to_string(Books::kBodyBytes)},
                     {"tables", "1"},
                     {"pause-us", "0"},
                     {"busy-timeout", "60000"}});
  const std::string mode = flags.Text("mode");
  if (mode == "version") {
    std::printf("%s\n", sqlite::LibraryVersion().c_str());
    return 0;
  }
  auto db = OpenBooks(flags.Text("db"), static_cast<int>(flags.Int("busy-timeout")));
  Books books(static_cast<uint64_t>(flags.Int("first-id")),
              static_cast<size_t>(flags.Int("body-bytes")));
  AllowShortSleeps();
  const std::string blob = Noise(7, static_cast<size_t>(flags.Int("bytes")));
  Writer writer(&db, &books, std::max<int64_t>(flags.Int("tables"), 1),
                flags.Int("pause-us") * 1000);
  const int64_t tx_rows = std::max<int64_t>(flags.Int("tx-rows"), 1);

  const int64_t start = NowNs();
  if (mode == "insert") {
    const int64_t seconds = flags.Int("seconds");
    if (flags.Int("rows") == 0 && seconds == 0) Fail("--rows or --seconds is required");
    writer.Insert(flags.Int("first-id"), flags.Int("rows"), tx_rows,
                  seconds == 0 ? 0 : start + seconds * 1'000'000'000);
  } else if (mode == "update") {
    writer.Update(flags.Int("rows"), tx_rows, std::max<int64_t>(flags.Int("table-rows"), 1));
  } else if (mode == "blob") {
    writer.InsertBlob(flags.Int("first-id"), blob);
  } else {
    Fail("--mode: insert, update, blob or version");
  }
  const int64_t end = NowNs();

  Tally& tally = writer.tally();
  const size_t transactions = tally.commit_ns.size();
  std::printf(
      "%s\n",
      fmt::format(R"({{"rows":{},"transactions":{},"seconds":{:.6f},"start_ns":{},"end_ns":{},)"
                  R"("busy":{},"busy_spells":{},"longest_busy_us":{:.1f},"commit_us":{}}})",
                  tally.rows, transactions, static_cast<double>(end - start) / 1e9, start, end,
                  tally.busy, tally.busy_spells, static_cast<double>(tally.longest_busy_ns) / 1e3,
                  PercentilesJson(&tally.commit_ns))
          .c_str());
  return 0;
}

}  // namespace
}  // namespace harmonylite::bench

int main(int argc, char** argv) { return harmonylite::bench::Main(argc, argv); }
