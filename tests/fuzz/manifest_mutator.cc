// Tells libFuzzer how to change manifests: the checksum in the last line is corrected afterwards.
// All blind changes would end there.
#include <fmt/format.h>
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  constexpr std::string_view kCheck = "check ";
  std::minstd_rand random(seed);
  size = LLVMFuzzerMutate(data, size, max_size);
  if (random() % 8 == 0) return size;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = text.rfind(kCheck);
  if (line == std::string_view::npos) return size;
  const std::string right = fmt::format("{}{:016x}\n", kCheck, XXH3_64bits(data, line));
  if (line + right.size() > max_size) return size;
  std::memcpy(data + line, right.data(), right.size());
  return line + right.size();
}
