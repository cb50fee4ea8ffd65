#include <xxhash.h>

#include <cstring>

#include "change/cbor_reader.h"
#include "change/cbor_writer.h"
#include "change/codec.h"

namespace harmonylite::change {

namespace {

// The first byte is not ASCII and cannot begin UTF-8 text. The layout is in docs/formats/batch.md.
constexpr std::string_view kMagic = "\x89HLF";
constexpr size_t kFormatSize = 4;
constexpr size_t kLengthSize = 1;
constexpr size_t kChecksumSize = 8;
constexpr size_t kPreludeSize = kMagic.size() + kFormatSize + kLengthSize;
// The parts that every later format keeps: magic and format number in front, the checksum at the
// end.
constexpr size_t kLeastFrame = kMagic.size() + kFormatSize + kChecksumSize;

constexpr uint64_t kFields = 9;
constexpr size_t kMaxHeader = (1 + kFields) * kMaxCborHead;
static_assert(kMaxHeader <= 255, "its length is one byte");
static_assert(kPreludeSize + kMaxHeader + kChecksumSize <= kMaxFrameOverhead);

// Numbers outside of CBOR are little-endian: PutNumber writes them, GetNumber reads them.
void PutNumber(uint64_t number, size_t bytes, char* out) {
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>(number >> (8 * i));
}

uint64_t GetNumber(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    number |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return number;
}

// What is wrong between a frame's header and its body; null if they agree.
const char* FrameProblem(const FrameHeader& header, size_t body) {
  if (header.index >= header.count) return "its index is not below its count";
  if (header.to < Lseq(0)) return "its lseq is negative";
  const uint64_t others = header.count - 1;  // Each of the other slices holds at least one byte.
  if (others == 0 && body != header.batch_bytes) return "it is not as long as its batch";
  if (others > 0 && body == 0) return "it is empty";
  if (others > header.batch_bytes || body > header.batch_bytes - others)
    return "it is longer than its batch";
  return nullptr;
}

size_t WriteHeader(const FrameHeader& header, char* out) {
  CborWriter writer(out);
  writer.Array(kFields);
  writer.Uint(header.sender.node.value);
  writer.Uint(header.sender.incarnation.value);
  writer.Uint(header.attempt);
  writer.Uint(header.index);
  writer.Uint(header.count);
  writer.Int(header.to.value);
  writer.Int(header.to_stamp.value);
  writer.Uint(header.batch_bytes);
  writer.Uint(header.batch_checksum);
  return writer.written();
}

bool ReadHeader(CborReader* in, FrameHeader* header) {
  uint64_t fields = 0;
  return in->Array(kFields, &fields) && (fields == kFields || in->Fail("an array is too short")) &&
         in->Uint(&header->sender.node.value) && in->Uint32(&header->sender.incarnation.value) &&
         in->Uint(&header->attempt) && in->Uint32(&header->index) && in->Uint32(&header->count) &&
         in->Int(&header->to.value) && in->Int(&header->to_stamp.value) &&
         in->Uint(&header->batch_bytes) && in->Uint(&header->batch_checksum);
}

Error Damaged(const char* problem) {
  return MakeError(ErrorCode::kCorruption, "a frame is damaged: {}", problem);
}

}  // namespace

std::string EncodeFrame(const FrameHeader& header, std::string_view body) {
  HL_CHECK(FrameProblem(header, body.size()) == nullptr);
  char head[kPreludeSize + kMaxHeader];
  std::memcpy(head, kMagic.data(), kMagic.size());
  PutNumber(kWireFormat, kFormatSize, head + kMagic.size());
  const size_t length = WriteHeader(header, head + kPreludeSize);
  PutNumber(length, kLengthSize, head + kPreludeSize - kLengthSize);

  std::string frame;
  frame.reserve(kPreludeSize + length + body.size() + kChecksumSize);
  frame.append(head, kPreludeSize + length);
  frame.append(body);
  char checksum[kChecksumSize];
  PutNumber(XXH3_64bits(frame.data(), frame.size()), kChecksumSize, checksum);
  frame.append(checksum, kChecksumSize);
  return frame;
}

Result<FrameView> DecodeFrame(std::string_view record) {
  if (record.size() < kLeastFrame || !record.starts_with(kMagic))
    return Error(ErrorCode::kCorruption, "not a frame");
  // The checksum is verified before the format number is believed, so that a flipped bit cannot
  // look like a newer version.
  const std::string_view checked = record.substr(0, record.size() - kChecksumSize);
  if (XXH3_64bits(checked.data(), checked.size()) != GetNumber(record.substr(checked.size())))
    return Damaged("its checksum is wrong");
  const uint64_t format = GetNumber(checked.substr(kMagic.size(), kFormatSize));
  if (format > kWireFormat)
    return MakeError(ErrorCode::kInvalidArgument,
                     "a newer version of HarmonyLite wrote this frame: its format is {}, this "
                     "version reads {}",
                     format, kWireFormat);
  if (format != kWireFormat) return Damaged("its format number was never used");

  if (checked.size() < kPreludeSize) return Damaged("it ends early");
  const size_t length = GetNumber(checked.substr(kPreludeSize - kLengthSize, kLengthSize));
  const std::string_view rest = checked.substr(kPreludeSize);
  if (length > rest.size()) return Damaged("it ends early");
  CborReader reader(rest.substr(0, length), 0);
  FrameView frame;
  if (!ReadHeader(&reader, &frame.header))
    return Damaged(reader.missing() > 0 ? "its header ends early" : reader.fault());
  if (reader.consumed() != length) return Damaged("its header is too long");
  frame.body = rest.substr(length);
  if (const char* problem = FrameProblem(frame.header, frame.body.size())) return Damaged(problem);
  return frame;
}

}  // namespace harmonylite::change
