// Measures how fast batches are written and read, in memory: rows of six columns and about 250
// bytes.
//
// `bench_codec [rows]` prints one line per codec, with rows per second and bytes per row. It is run
// by hand.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "change/codec.h"

namespace {

using namespace harmonylite;          // NOLINT: a program of one file
using namespace harmonylite::change;  // NOLINT

constexpr int kBodies = 1024;  // The texts differ, so that zstd has work to do.
constexpr int kRuns = 5;

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

std::vector<std::string> MakeBodies() {
  std::mt19937_64 random(1);
  std::vector<std::string> bodies(kBodies);
  for (std::string& body : bodies)
    while (body.size() < 200) body += fmt::format("word{} ", random() % 5000);
  return bodies;
}

Spool Encode(int64_t rows, bool compress, const std::vector<std::string>& bodies) {
  Spool spool("/tmp", size_t{4} << 30);
  BatchHeader header;
  header.covers = {{{}, Lseq(0), Lseq(rows)}};
  header.max_stamp = HlcFromMillis(1'700'000'000'000 + rows);
  BatchEncoder encoder = BatchEncoder::Begin(header, compress, &spool).value();
  TableShape shape{"books", {"id", "title", "author", "year", "price", "body"}, {0}, {"BINARY"}};
  if (!encoder.AddTable(shape).ok()) std::abort();
  ValueView values[6];
  RowView row;
  row.values = values;
  for (int64_t i = 1; i <= rows; ++i) {
    const std::string& body = bodies[static_cast<size_t>(i * 7) % kBodies];
    values[0] = ValueView::Integer(i);
    values[1] = ValueView::Text(std::string_view(body).substr(0, 20));
    values[2] = ValueView::Text(std::string_view(body).substr(20, 14));
    values[3] = ValueView::Integer(1900 + i % 120);
    values[4] = ValueView::Real(static_cast<double>(i % 1000) / 100);
    values[5] = ValueView::Text(body);
    row.stamp = HlcFromMillis(1'700'000'000'000 + i / 20);
    row.lseq = Lseq(i);
    if (!encoder.AddRow(row).ok()) std::abort();
  }
  if (!encoder.Finish().ok()) std::abort();
  return spool;
}

int64_t Decode(const Spool& spool) {
  BatchDecoder decoder = BatchDecoder::Begin(&spool).value();
  int64_t rows = 0;
  for (;;) {
    const BatchDecoder::Item item = decoder.Next().value();
    if (std::holds_alternative<BatchDecoder::End>(item)) return rows;
    if (std::holds_alternative<RowView>(item)) ++rows;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t rows = argc > 1 ? std::atoll(argv[1]) : 500'000;
  const std::vector<std::string> bodies = MakeBodies();
  for (const bool compress : {false, true}) {
    double encode = 1e9;
    double decode = 1e9;
    uint64_t bytes = 0;
    for (int run = 0; run < kRuns; ++run) {
      const auto start = std::chrono::steady_clock::now();
      const Spool spool = Encode(rows, compress, bodies);
      encode = std::min(encode, Seconds(start));
      const auto middle = std::chrono::steady_clock::now();
      if (Decode(spool) != rows) std::abort();
      decode = std::min(decode, Seconds(middle));
      bytes = spool.size();
    }
    const double millions = static_cast<double>(rows) / 1e6;
    fmt::print("{:7} encode {:6.2f} M rows/s  decode {:6.2f} M rows/s  {:6.1f} bytes/row\n",
               compress ? "zstd" : "stored", millions / encode, millions / decode,
               static_cast<double>(bytes) / static_cast<double>(rows));
  }
}
