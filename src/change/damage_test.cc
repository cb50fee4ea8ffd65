// Tests that damaged, forged and random batches give an error, never a crash, and never take much
// memory.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zstd.h>

#include <random>

#include "change/batch_grammar.h"
#include "change/batch_source.h"
#include "change/batch_test_util.h"
#include "support/result_matchers.h"

namespace harmonylite::change {
namespace {

std::string Bytes(const PlainBatch& batch, bool compress) {
  Spool spool = MakeSpool();
  HL_CHECK(Encode(batch, compress, &spool).ok());
  return BytesOf(spool);
}

// A batch that is long enough to be compressed.
PlainBatch LongerBatch() {
  PlainBatch batch = SmallBatch();
  for (int i = 0; i < 40; ++i)
    batch.items.emplace_back(
        PlainRow{0,
                 0,
                 Hlc(900 + i),
                 Lseq(11),
                 false,
                 {Value(ValueView::Integer(i * 1000)), Value(ValueView::Text("some text of a row")),
                  Value(ValueView::Real(i / 7.0))}});
  return batch;
}

// The message of the kCorruption that decoding `bytes` gives.
std::string Problem(std::string_view bytes) {
  const Result<PlainBatch> batch = Decode(SpoolOf(bytes), /*keep=*/false);
  if (batch.ok()) return "it was read";
  if (batch.error().code() != ErrorCode::kCorruption) return ErrorCodeName(batch.error().code());
  return batch.error().message();
}

bool Has(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

#define EXPECT_PROBLEM(expr, part)                                 \
  do {                                                             \
    const std::string problem = (expr);                            \
    EXPECT_TRUE(Has(problem, part)) << problem << " / " << (part); \
  } while (false)

struct Forged {
  std::string_view hex;
  std::string_view problem;
};

// The message for a stored batch of SmallBatch's header and these items.
std::string ProblemOfItems(std::string_view hex) {
  PlainBatch empty = SmallBatch();
  empty.items.clear();
  std::string bytes = Bytes(empty, false);
  bytes.resize(bytes.size() - 2);  // Removes the end mark.
  return Problem(bytes + Unhex(hex));
}

std::string ProblemOfHeader(std::string_view hex) { return Problem(Unhex("0200") + Unhex(hex)); }

constexpr std::string_view kTable = "01 6174 82 6161 6162 81 00 81 6142";

std::string WithTable(std::string_view hex) { return std::string(kTable) + std::string(hex); }

TEST(Damage, EveryTruncationIsFound) {
  for (const bool compress : {false, true}) {
    const std::string bytes = Bytes(LongerBatch(), compress);
    ASSERT_EQ(bytes[1], compress ? kCodecZstd : kCodecStored);
    for (size_t length = 0; length < bytes.size(); ++length)
      EXPECT_PROBLEM(Problem(bytes.substr(0, length)), "ends early");
  }
}

TEST(Damage, BytesAfterTheEndAreFound) {
  for (const bool compress : {false, true}) {
    const std::string bytes = Bytes(LongerBatch(), compress);
    EXPECT_PROBLEM(Problem(bytes + '\0'), "follows its end");
    EXPECT_PROBLEM(Problem(bytes + bytes), "follows its end");
    EXPECT_PROBLEM(Problem(bytes + bytes.substr(kBatchPrefix)), "follows its end");
    EXPECT_PROBLEM(Problem(bytes + std::string(BatchSource::kChunk, 'x')), "follows its end");
  }
}

TEST(Damage, ANewerFormatIsHeldAndAnUnknownCodecIsNot) {
  std::string bytes = Bytes(SmallBatch(), false);
  bytes[0] = 3;
  const Result<PlainBatch> newer = Decode(SpoolOf(bytes));
  ASSERT_FALSE(newer.ok());
  EXPECT_EQ(newer.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(newer.error().message().find("newer version"), std::string::npos);
  bytes[0] = 1;
  EXPECT_PROBLEM(Problem(bytes), "not a batch");
  bytes[0] = 2;
  bytes[1] = 2;
  EXPECT_PROBLEM(Problem(bytes), "codec 2");
}

TEST(Damage, HeadersThatBreakARule) {
  ASSERT_VALUE(const PlainBatch good,
               Decode(SpoolOf(Unhex("0200 850107 05 81 8401070a0c 80 0000"))));
  EXPECT_EQ(good.header.max_stamp, Hlc(5));
  for (const Forged& forged : std::vector<Forged>{
           {"840107 05 81 8401070a0c 0000", "array is too short"},
           {"870107 05 81 8401070a0c 80 80 00 0000", "array is too long"},
           {"860107 05 81 8401070a0c 80 00 0000", "array is missing"},
           {"860107 05 81 8401070a0c 80 80 0000", "list of retirements is empty"},
           {"860107 05 81 8401070a0c 80 81 8609040301070d 0000", "outside of the covered changes"},
           {"860107 05 81 8401070a0c 80 81 8609040301070a 0000", "outside of the covered changes"},
           {"860107 05 81 8401070a0c 80 81 8609040001070c 0000", "no changes"},
           {"860107 05 81 8401070a0c 80 81 8601070301070c 0000", "retires itself"},
           {"860107 05 81 8401070a0c 80 82 8609040301070c 8609040301070c 0000", "not in order"},
           {"860107 05 81 8401070a0c 80 9a00010001", "array is too long"},
           {"850107 05 80 80 0000", "covers nothing"},
           {"850107 05 81 8401070c0a 80 0000", "ends before it starts"},
           {"850107 05 81 840107200c 80 0000", "negative lseq"},
           {"850107 05 82 8401070a0c 8401070c0d 80 0000", "covered twice"},
           {"850107 05 81 8301070a 80 0000", "array is too short"},
           {"850107 05 81 84011b00000001000000000a0c 80 0000", "number is too large"},
           {"850107 05 81 8401070a0c 81 83010720 0000", "progress is negative"},
           {"850107 05 81 8401070a0c 82 83010701 83010702 0000", "not in order"},
           {"850107 05 81 8401070a0c 82 83010801 83010702 0000", "not in order"},
           {"850107 05 9a00010001", "array is too long"},
           {"850107 05 9bffffffffffffffff", "array is too long"},
           {"850107 05 81 8401070a0c 9a00010001", "array is too long"},
           {"850107 f5 81 8401070a0c 80 0000", "type that is not used"},
           {"850107 40 81 8401070a0c 80 0000", "number is missing"},
           {"850120 05 81 8401070a0c 80 0000", "number is missing"},
           {"85011807 05 81 8401070a0c 80 0000", "longer than it needs to be"},
           {"9f0107 05 81 8401070a0c 80 ff 0000", "type that is not used"},
           {"c0850107 05 81 8401070a0c 80 0000", "type that is not used"},
           {"850107 05 a1 8401070a0c 80 0000", "type that is not used"},
       })
    EXPECT_PROBLEM(ProblemOfHeader(forged.hex), forged.problem);
}

TEST(Damage, TablesThatBreakARule) {
  for (const Forged& forged : std::vector<Forged>{
           {"01 6174 80 80 80 0000", "no columns"},
           {"01 6174 81 6161 80 80 0000", "no key"},
           {"01 6174 81 6161 81 01 81 6142 0000", "column that is not there"},
           {"01 6174 82 6161 6162 82 00 00 82 6142 6142 0000", "a column twice"},
           {"01 6174 81 6161 82 00 00 82 6142 6142 0000", "array is too long"},
           {"01 6174 81 6161 81 00 80 0000", "not one a column"},
           {"01 6174 81 6161 81 00 82 6142 6142 0000", "array is too long"},
           {"01 4174 81 6161 81 00 81 6142 0000", "text is missing"},
           {"04 60 6174 81 6161 81 00 81 6142 0000", "empty identity"},
           {"04 4174 6174 81 6161 81 00 81 6142 0000", "text is missing"},
           {"01 7f6174ff 81 6161 81 00 81 6142 0000", "type that is not used"},
           {"01 6174 998000 6161", "array is too long"},
           {"01 7a3b9aca00 6161", "string is too long"},
       })
    EXPECT_PROBLEM(ProblemOfItems(forged.hex), forged.problem);
}

TEST(Damage, RowsThatBreakARule) {
  for (const Forged& forged : std::vector<Forged>{
           {"02 01 00 00 01 01 02 0001", "table that is not there"},
           {"02 1a7fffffff 00 00 01 01 02 0001", "table that is not there"},
           {"02 00 02 00 01 01 02 0001", "cover that is not there"},
           {"02 00 00 01 01 01 02 0001", "stamp is greater"},
           {"02 00 00 00 2a 01 02 0001", "lseq is negative"},
           {"02 00 00 00 1b7fffffffffffffff 01 02 0001", "lseq is negative"},
           // The end mark's 0 is taken for a value.
           {"02 00 00 00 01 01 0001", "ends early"},
           {"02 00 00 00 01 01 02 05 0001", "unknown kind"},
           {"03 00 00 00 01 01 05 0001", "unknown kind"},
           {"05 00 00 00 01 01 02 0001", "unknown kind"},
           {"20 00 00 00 01 01 02 0001", "number is missing"},
           {"02 00 00 00 01 01 02 0002", "ends after 1 rows, not 2"},
           {"02 00 00 00 01 01 02 0000", "ends after 1 rows, not 0"},
           {"02 00 00 00 01 01 f93c00 0001", "type that is not used"},
           {"02 00 00 00 01 01 fa3f800000 0001", "type that is not used"},
           {"02 00 00 00 01 01 f7 0001", "type that is not used"},
           {"02 00 00 00 01 01 80 0001", "value is missing"},
           {"02 00 00 00 01 01 1b8000000000000000 0001", "number is too large"},
           {"02 00 00 00 01 01 3b8000000000000000 0001", "number is too large"},
           {"02 00 00 00 01 01 1800 0001", "longer than it needs to be"},
           {"02 00 00 00 01 01 5800 0001", "longer than it needs to be"},
           {"02 00 00 00 01 01 5f4101ff 0001", "type that is not used"},
           {"02 00 00 00 01 01 5a3b9aca01 0001", "string is too long"},
           // The sum over the row is too long.
           {"02 00 00 00 01 4101 5a3b9aca00 0001", "string is too long"},
           // libcbor's sum of the length and its head wraps around.
           {"02 00 00 00 01 01 7bffffffffffffffff 0001", "string is too long"},
           {"02 00 00 00 01 01 7bfffffffffffffff7 0001", "string is too long"},
           {"02 00 00 00 01 01 1c 0001", "not CBOR"},
       })
    EXPECT_PROBLEM(ProblemOfItems(WithTable(forged.hex)), forged.problem);
}

TEST(Damage, AFixedRowAndTableAreGood) {
  PlainBatch empty = SmallBatch();
  empty.items.clear();
  std::string bytes = Bytes(empty, false);
  bytes.resize(bytes.size() - 2);
  bytes += Unhex(WithTable("02 00 00 00 01 01 02 0001"));
  ASSERT_OK(Decode(SpoolOf(bytes)));
}

TEST(Damage, ALargeWindowIsRefused) {
  // Random bytes are repeated at a distance that is larger than a decoder's window allows.
  std::string plain(1 << 20, '\0');
  std::mt19937_64 random(5);
  for (char& c : plain) c = static_cast<char>(random());
  plain += std::string(8 << 20, 'x') + plain;
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kMaxWindowLog + 1);
  packed.resize(ZSTD_compress2(context, packed.data(), packed.size(), plain.data(), plain.size()));
  ZSTD_freeCCtx(context);
  EXPECT_PROBLEM(Problem(Unhex("0201") + packed), "too much memory");
}

// A claimed length of a gigabyte must take no memory before the bytes arrive.
TEST(Damage, ClaimsTakeNoMemory) {
  const Spool spool = SpoolOf(Unhex("0200 5a3b9aca00") + std::string(1000, 'x'));
  ASSERT_VALUE(BatchSource source, BatchSource::Open(&spool));
  while (source.window().size() < 1005u) ASSERT_OK(source.Fill(1'000'000'000));
  EXPECT_EQ(source.window().size(), 1005u);
  EXPECT_LE(source.capacity(), BatchSource::kChunk);
  const Status more = source.Fill(999'999'000);
  ASSERT_FALSE(more.ok());
  EXPECT_EQ(more.error().code(), ErrorCode::kCorruption);
  EXPECT_LE(source.capacity(), BatchSource::kChunk);
}

TEST(Damage, TheWindowGrowsAtMostTwofold) {
  const Spool spool = SpoolOf(Unhex("0200") + std::string(3 << 20, 'x'));
  ASSERT_VALUE(BatchSource source, BatchSource::Open(&spool));
  while (source.window().size() < (3u << 20)) {
    const size_t had = source.window().size();
    ASSERT_OK(source.Fill(1'000'000'000));
    EXPECT_LE(source.capacity(), std::max(BatchSource::kChunk, 2 * had));
  }
}

// Sanitizers keep freed memory for a while, so memory cannot be measured with them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

int64_t PeakKib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// Flips, cuts, repeats or overwrites bytes. Most results are errors when decoded; none may crash.
std::string Mutate(std::string bytes, std::mt19937_64& random) {
  const uint64_t changes = 1 + random() % 4;
  for (uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
    const size_t at = random() % bytes.size();
    switch (random() % 6) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        break;
      case 1:
        bytes[at] = static_cast<char>(random());
        break;
      case 2:
        bytes.erase(at, 1 + random() % 9);
        break;
      case 3:
        bytes.insert(at, bytes.substr(random() % bytes.size(), 1 + random() % 20));
        break;
      case 4:  // Writes a head that claims the longest string.
        bytes.replace(at, 9, Unhex("5b000000003b9aca00"));
        break;
      default:
        bytes.replace(at, 5, Unhex("9affffffff"));
    }
  }
  return bytes;
}

TEST(Damage, RandomMutationsNeverCrash) {
  constexpr int kMutations = 4000;
  constexpr int64_t kMostGrowthKib = 64 << 10;
  std::mt19937_64 random(20240501);
  for (const bool compress : {false, true}) {
    const std::string bytes = Bytes(LongerBatch(), compress);
    ASSERT_OK(Decode(SpoolOf(bytes), false));
    const int64_t before = PeakKib();
    int refused = 0;
    for (int i = 0; i < kMutations; ++i) {
      const std::string mutated = Mutate(bytes, random);
      if (!Decode(SpoolOf(mutated), false).ok()) ++refused;
    }
    EXPECT_GT(refused, kMutations / 2);
    if (!kSanitized) {
      EXPECT_LT(PeakKib() - before, kMostGrowthKib);
    }
  }
}

}  // namespace
}  // namespace harmonylite::change
