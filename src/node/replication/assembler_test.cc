#include "node/replication/assembler.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace harmonylite::node {
namespace {

using change::FrameHeader;
using ports::LogRecord;
using ports::LogSeq;

constexpr Origin kOne{NodeId(1), Incarnation(1)};
constexpr Origin kTwo{NodeId(2), Incarnation(1)};

class AssemblerTest : public testing::Test {
 protected:
  // The records of one attempt to send a batch, with `slice` bytes of the batch in each.
  std::vector<LogRecord> Slices(const std::string& bytes, size_t slice, Origin sender = kOne,
                                uint64_t attempt = 1) {
    Spool spool(dir_.path());
    HL_CHECK(spool.Append(bytes).ok());
    FrameHeader header;
    header.sender = sender;
    header.attempt = attempt;
    header.count = static_cast<uint32_t>((bytes.size() + slice - 1) / slice);
    header.to = Lseq(9);
    header.batch_bytes = bytes.size();
    header.batch_checksum = spool.Checksum().value();
    std::vector<LogRecord> out;
    for (; header.index < header.count; ++header.index)
      out.push_back({LogSeq(++next_), sender,
                     change::EncodeFrame(
                         header, std::string_view(bytes).substr(header.index * slice, slice))});
    return out;
  }
  std::optional<ArrivedBatch> Add(const LogRecord& record) {
    auto added = assembler_.Add(record);
    EXPECT_OK(added);
    return added.ok() ? std::move(*added) : std::nullopt;
  }
  static std::string BytesOf(const ArrivedBatch& batch) {
    std::string out;
    HL_CHECK(batch.bytes.ReadAt(0, batch.bytes.size(), &out).ok());
    return out;
  }
  ErrorCode Refusal(const LogRecord& record) {
    const auto added = assembler_.Add(record);
    EXPECT_FALSE(added.ok());
    return added.ok() ? ErrorCode::kNotFound : added.error().code();
  }

  test::TempDir dir_;
  uint64_t next_ = 0;
  Assembler assembler_{dir_.path()};
};

TEST_F(AssemblerTest, OneFrame) {
  const auto records = Slices("abc", 10);
  const auto batch = Add(records[0]);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(BytesOf(*batch), "abc");
  EXPECT_EQ(batch->sender, kOne);
  EXPECT_EQ(batch->first, LogSeq(1));
  EXPECT_EQ(batch->last, LogSeq(1));
  EXPECT_EQ(assembler_.oldest_open(), std::nullopt);
}

TEST_F(AssemblerTest, SlicesOfTwoOriginsMixed) {
  const auto one = Slices("abcdef", 2, kOne);
  const auto two = Slices("uvwxyz", 3, kTwo);
  EXPECT_FALSE(Add(one[0]));
  EXPECT_FALSE(Add(two[0]));
  EXPECT_EQ(assembler_.oldest_open(), LogSeq(1));
  EXPECT_FALSE(Add(one[1]));
  const auto first = Add(one[2]);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(BytesOf(*first), "abcdef");
  EXPECT_EQ(first->first, LogSeq(1));
  EXPECT_EQ(first->last, LogSeq(3));
  EXPECT_EQ(assembler_.oldest_open(), LogSeq(4));
  const auto second = Add(two[1]);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(BytesOf(*second), "uvwxyz");
}

TEST_F(AssemblerTest, TheSameSliceTwice) {
  const auto records = Slices("abcdef", 2);
  EXPECT_FALSE(Add(records[0]));
  EXPECT_FALSE(Add(records[0]));
  EXPECT_FALSE(Add(records[1]));
  EXPECT_FALSE(Add(records[1]));
  const auto batch = Add(records[2]);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(BytesOf(*batch), "abcdef");
  EXPECT_FALSE(Add(records[2]));
}

TEST_F(AssemblerTest, ANewAttemptReplacesTheOld) {
  const auto old = Slices("abcdef", 2, kOne, 1);
  const auto fresh = Slices("ABCDEFGH", 4, kOne, 2);
  EXPECT_FALSE(Add(old[0]));
  EXPECT_FALSE(Add(old[1]));
  EXPECT_FALSE(Add(fresh[0]));
  const auto batch = Add(fresh[1]);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(BytesOf(*batch), "ABCDEFGH");
  EXPECT_FALSE(Add(old[2]));  // a late slice of the old attempt is ignored
  EXPECT_EQ(assembler_.oldest_open(), std::nullopt);
}

TEST_F(AssemblerTest, AMissingSliceDropsTheBatch) {
  const auto records = Slices("abcdef", 2);
  EXPECT_FALSE(Add(records[1]));
  EXPECT_FALSE(Add(records[0]));
  EXPECT_FALSE(Add(records[2]));
  EXPECT_EQ(assembler_.oldest_open(), std::nullopt);
  // A batch whose slices arrive out of order is dropped; sent once more in order, it arrives.
  for (const LogRecord& record : {records[0], records[1]}) EXPECT_FALSE(Add(record));
  EXPECT_TRUE(Add(records[2]).has_value());
}

TEST_F(AssemblerTest, SlicesOfTwoAttemptsNeverMix) {
  const auto a = Slices("abcdef", 2, kOne, 1);
  const auto b = Slices("ABCDEF", 2, kOne, 2);
  EXPECT_FALSE(Add(a[0]));
  EXPECT_FALSE(Add(b[1]));
  EXPECT_FALSE(Add(a[2]));
}

TEST_F(AssemblerTest, ForeignAndDamagedRecords) {
  auto records = Slices("abc", 10);
  LogRecord foreign = records[0];
  foreign.subject = kTwo;
  EXPECT_EQ(Refusal(foreign), ErrorCode::kCorruption);
  LogRecord damaged = records[0];
  damaged.payload.back() = static_cast<char>(damaged.payload.back() ^ 1);
  EXPECT_EQ(Refusal(damaged), ErrorCode::kCorruption);
  EXPECT_EQ(Refusal({LogSeq(5), kOne, ""}), ErrorCode::kCorruption);
  EXPECT_TRUE(Add(records[0]).has_value());
}

TEST_F(AssemblerTest, SlicesThatDoNotAddUp) {
  Spool spool(dir_.path());
  HL_CHECK(spool.Append("abcd").ok());
  FrameHeader header;
  header.sender = kOne;
  header.count = 2;
  header.batch_checksum = spool.Checksum().value();
  const auto frame = [&](uint32_t index, std::string_view body) {
    header.index = index;
    return LogRecord{LogSeq(++next_), kOne, change::EncodeFrame(header, body)};
  };
  header.batch_bytes = 5;
  EXPECT_FALSE(Add(frame(0, "ab")));
  EXPECT_EQ(Refusal(frame(1, "cd")), ErrorCode::kCorruption) << "too short";
  header.batch_bytes = 4;
  EXPECT_FALSE(Add(frame(0, "ab")));
  EXPECT_EQ(Refusal(frame(1, "ce")), ErrorCode::kCorruption) << "other bytes";
  EXPECT_FALSE(Add(frame(0, "ab")));
  EXPECT_TRUE(Add(frame(1, "cd")).has_value());
}

TEST_F(AssemblerTest, ClearForgets) {
  const auto records = Slices("abcdef", 3);
  EXPECT_FALSE(Add(records[0]));
  assembler_.Clear();
  EXPECT_EQ(assembler_.oldest_open(), std::nullopt);
  EXPECT_FALSE(Add(records[1]));
}

TEST_F(AssemblerTest, ASliceThatTheDiskRefusesIsTakenLater) {
  const std::string folder = dir_.File("later");
  Assembler assembler(folder, /*spool_memory=*/4);
  const auto records = Slices("abcdefgh", 3);
  ASSERT_OK(assembler.Add(records[0]));
  for (int i = 0; i < 2; ++i) {
    const auto refused = assembler.Add(records[1]);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), ErrorCode::kRetryLater);
    EXPECT_EQ(assembler.first_open(kOne), LogSeq(1)) << "what was here still is";
  }
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  ASSERT_OK(assembler.Add(records[1]));
  ASSERT_VALUE(const auto batch, assembler.Add(records[2]));
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(BytesOf(*batch), "abcdefgh");
}

TEST_F(AssemblerTest, TheFirstSliceMayBeRefusedToo) {
  const std::string folder = dir_.File("later");
  Assembler assembler(folder, /*spool_memory=*/0);
  const auto records = Slices("abc", 10);
  EXPECT_FALSE(assembler.Add(records[0]).ok());
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  ASSERT_VALUE(const auto batch, assembler.Add(records[0]));
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(BytesOf(*batch), "abc");
}

}  // namespace
}  // namespace harmonylite::node
