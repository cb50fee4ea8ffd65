#include "snapshot/manifest.h"

#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace harmonylite::snapshot {
namespace {

Manifest Example() {
  Manifest m;
  m.maker = {NodeId(18446744073709551615u), Incarnation(4294967295u)};
  m.made_ms = 1'795'792'162'123;
  m.size = 1 << 20;
  m.packed = 12345;
  m.sha256 = std::string(64, 'a');
  m.hash = 7;
  m.schema = 18446744073709551615u;
  m.cursor = 99;
  m.log_created = -5;
  m.progress.Advance({NodeId(1), Incarnation(2)}, Lseq(3));
  m.progress.Advance(m.maker, Lseq(INT64_MAX));
  m.collected.Advance({NodeId(1), Incarnation(2)}, Lseq(2));
  return m;
}

TEST(Manifest, ReadsWhatItWrote) {
  ASSERT_VALUE(const Manifest read, DecodeManifest(EncodeManifest(Example())));
  EXPECT_EQ(read, Example());
}

TEST(Manifest, RefusesEveryTextThatWasCutOrAltered) {
  const std::string text = EncodeManifest(Example());
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(DecodeManifest(text.substr(0, i)).ok()) << "cut at " << i;
    std::string altered = text;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_FALSE(DecodeManifest(altered).ok()) << "altered at " << i;
    EXPECT_FALSE(DecodeManifest(text.substr(0, i) + "\n" + text.substr(i)).ok()) << "at " << i;
  }
  EXPECT_FALSE(DecodeManifest(text + text).ok());
  EXPECT_FALSE(DecodeManifest(text + "size 512\n").ok());
}

TEST(Manifest, RefusesWhatNoMakerWrites) {
  Manifest m = Example();
  m.size = 1000;  // not a multiple of a page
  EXPECT_EQ(DecodeManifest(EncodeManifest(m)).error().code(), ErrorCode::kCorruption);
  m = Example();
  m.size = uint64_t{1} << 60;
  EXPECT_FALSE(DecodeManifest(EncodeManifest(m)).ok());
  m = Example();
  m.packed = 0;
  EXPECT_FALSE(DecodeManifest(EncodeManifest(m)).ok());
  m = Example();
  m.sha256 = "../../etc/passwd";
  EXPECT_FALSE(DecodeManifest(EncodeManifest(m)).ok());
}

TEST(Manifest, NamesSortByAge) {
  EXPECT_EQ(SnapshotName(0, NodeId(7)), "19700101T000000000Z-7");
  EXPECT_LT(SnapshotName(999, NodeId(9)), SnapshotName(1000, NodeId(1)));
  EXPECT_EQ(SnapshotTime(SnapshotName(1'795'792'162'123, NodeId(3))), 1'795'792'162'123);
  for (const char* other :
       {"", "x", "19700101T000000000Z-", "19700101T000000000Z", "19700101T000000000Z-7a",
        "19701301T000000000Z-7", "19700101T240000000Z-7", "19700101-000000000Z-7",
        "19700101T000000000Z-07", "19700101T000000000Z-99999999999999999999999"})
    EXPECT_FALSE(IsSnapshotName(other)) << other;
}

}  // namespace
}  // namespace harmonylite::snapshot
