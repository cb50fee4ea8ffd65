#include <gtest/gtest.h>
#include <xxhash.h>

#include "change/batch_test_util.h"
#include "change/codec.h"
#include "support/result_matchers.h"

namespace harmonylite::change {
namespace {

constexpr std::string_view kGoldenFrame =
    "89484c46 02000000 1e"
    "89 01 07 1b0123456789abcdef 01 03 0c 1903e8 19012c 1bfedcba9876543210"
    "626f6479 656f51e96fc5092c";

FrameHeader SmallHeader() {
  FrameHeader header;
  header.sender = {NodeId(1), Incarnation(7)};
  header.attempt = 0x0123456789abcdef;
  header.index = 1;
  header.count = 3;
  header.to = Lseq(12);
  header.to_stamp = Hlc(1000);
  header.batch_bytes = 300;
  header.batch_checksum = 0xfedcba9876543210;
  return header;
}

// Gives a changed frame a correct checksum again, so that only its content can be wrong.
std::string Resealed(std::string frame) {
  frame.resize(frame.size() - 8);
  const uint64_t sum = XXH3_64bits(frame.data(), frame.size());
  for (int i = 0; i < 8; ++i) frame += static_cast<char>(sum >> (8 * i));
  return frame;
}

ErrorCode CodeOf(std::string_view record) {
  const Result<FrameView> frame = DecodeFrame(record);
  HL_CHECK(!frame.ok());
  return frame.error().code();
}

TEST(Frame, BytesAreGolden) {
  EXPECT_EQ(Hex(EncodeFrame(SmallHeader(), "body")), Hex(Unhex(kGoldenFrame)));
  const std::string record = Unhex(kGoldenFrame);
  ASSERT_VALUE(const FrameView frame, DecodeFrame(record));
  EXPECT_EQ(frame.header, SmallHeader());
  EXPECT_EQ(frame.body, "body");
}

TEST(Frame, OverheadIsBelowItsLimit) {
  FrameHeader header;
  header.sender = {NodeId(UINT64_MAX), Incarnation(UINT32_MAX)};
  header.attempt = UINT64_MAX;
  header.index = UINT32_MAX - 1;
  header.count = UINT32_MAX;
  header.to = Lseq(INT64_MAX);
  header.to_stamp = Hlc(INT64_MIN);
  header.batch_bytes = UINT64_MAX;
  header.batch_checksum = UINT64_MAX;
  const std::string body(1000, 'x');
  const std::string record = EncodeFrame(header, body);
  EXPECT_LE(record.size(), body.size() + kMaxFrameOverhead);
  ASSERT_VALUE(const FrameView frame, DecodeFrame(record));
  EXPECT_EQ(frame.header, header);
  EXPECT_EQ(frame.body, body);
}

TEST(Frame, EveryFlipIsFound) {
  const std::string record = EncodeFrame(SmallHeader(), "some body");
  for (size_t at = 0; at < record.size(); ++at)
    for (int flip = 1; flip < 256; ++flip) {
      std::string damaged = record;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      ASSERT_EQ(CodeOf(damaged), ErrorCode::kCorruption) << at << " " << flip;
    }
}

TEST(Frame, EveryTruncationAndExtensionIsFound) {
  const std::string record = EncodeFrame(SmallHeader(), "some body");
  for (size_t length = 0; length < record.size(); ++length)
    ASSERT_EQ(CodeOf(record.substr(0, length)), ErrorCode::kCorruption) << length;
  EXPECT_EQ(CodeOf(record + '\0'), ErrorCode::kCorruption);
}

TEST(Frame, ANewerFormatIsHeld) {
  std::string record = EncodeFrame(SmallHeader(), "some body");
  record[4] = 3;
  const std::string newer = Resealed(record);
  const Result<FrameView> frame = DecodeFrame(newer);
  ASSERT_FALSE(frame.ok());
  EXPECT_EQ(frame.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(frame.error().message().find("newer version"), std::string::npos);
  record[4] = 1;
  EXPECT_EQ(CodeOf(Resealed(record)), ErrorCode::kCorruption);
  // Later formats need to keep only the number and the checksum.
  EXPECT_EQ(CodeOf(Resealed(Unhex("89484c46 03000000 0000000000000000"))),
            ErrorCode::kInvalidArgument);
}

TEST(Frame, SealedNonsenseIsFound) {
  const auto sealed = [](std::string_view header_hex, std::string_view body) {
    const std::string header = Unhex(header_hex);
    return Resealed(Unhex("89484c46 02000000") + static_cast<char>(header.size()) + header +
                    std::string(body) + std::string(8, '\0'));
  };
  const std::string good = sealed("89 01 07 05 00 01 0c 19 03e8 04 00", "body");
  ASSERT_OK(DecodeFrame(good));
  for (const std::string& record : {
           sealed("89 01 07 05 01 01 0c 19 03e8 04 00", "body"),  // The index equals the count.
           sealed("89 01 07 05 00 00 0c 19 03e8 04 00", "body"),  // The count is 0.
           sealed("89 01 07 05 00 01 20 19 03e8 04 00", "body"),  // `to` is -1.
           sealed("89 01 07 05 00 01 0c 19 03e8 05 00", "body"),  // The only slice is too short.
           // Nothing is left for the other slice.
           sealed("89 01 07 05 00 02 0c 19 03e8 04 00", "body"),
           sealed("89 01 07 05 00 02 0c 19 03e8 04 00", ""),         // A slice is empty.
           sealed("88 01 07 05 00 01 0c 19 03e8 04", "body"),        // A field is missing.
           sealed("89 01 07 05 00 01 0c 19 03e8 04", "body"),        // The header ends early.
           sealed("89 01 07 05 00 01 0c 19 03e8 04 00 00", "body"),  // The header is too long.
           sealed("89 01 1b0000000100000000 05 00 01 0c 19 03e8 04 00", "body"),
           sealed("89 01 07 05 00 01 0c f9 3c00 04 00", "body"),  // A number is a half float.
           sealed("", ""),
           // The header's length is missing.
           Resealed(Unhex("89484c46 02000000 0000000000000000")),
           // The header is longer than the frame.
           Resealed(Unhex("89484c46 02000000 ff 0000000000000000")),
       })
    EXPECT_EQ(CodeOf(record), ErrorCode::kCorruption) << Hex(record);
}

TEST(Frame, SlicesOfOneBatch) {
  FrameHeader header = SmallHeader();
  header.count = 1;
  header.index = 0;
  header.batch_bytes = 0;
  ASSERT_OK(DecodeFrame(EncodeFrame(header, "")));
  header.count = 2;
  header.batch_bytes = 5;
  const std::string record = EncodeFrame(header, "body");
  ASSERT_VALUE(const FrameView frame, DecodeFrame(record));
  EXPECT_EQ(frame.body, "body");
  EXPECT_DEATH(EncodeFrame(header, "bodys"), "check");
}

}  // namespace
}  // namespace harmonylite::change
