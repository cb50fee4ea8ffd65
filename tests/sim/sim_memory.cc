#include "sim/sim_memory.h"

#include <malloc.h>
#include <sqlite3.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "base/result.h"

namespace harmonylite::sim {

namespace {

// Every block has its rounded size in a header in front of it. Blocks that are given back are kept
// in lists, one list for each class of sizes, and are taken from there again: there is one thread,
// and SQLite asks for the same sizes again and again. Larger blocks come from malloc, as do all
// blocks in a build with a sanitizer, which would not see the use of a block that was given back to
// a list.
constexpr size_t kHeader = 8;
constexpr size_t kSmallStep = 16;
constexpr size_t kSmallClasses = 64;  // multiples of 16 bytes, up to 1 KiB
constexpr size_t kLargeClasses = 8;   // powers of two, from 2 KiB to 256 KiB
constexpr size_t kLargest = kSmallStep * kSmallClasses << kLargeClasses;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kKeep = false;
#else
constexpr bool kKeep = true;
#endif

// The free blocks of each class. The lists are kept beside the blocks, not inside them, so that the
// next free block is found without touching memory that has left the cache.
std::vector<void*> g_free[kSmallClasses + kLargeClasses];

constexpr size_t kArena = 16 << 20;
constexpr size_t kHugePage = 2 << 20;
char* g_arena = nullptr;
size_t g_arena_left = 0;

size_t RoundUp(size_t size) {
  if (size > kLargest) return (size + kSmallStep - 1) / kSmallStep * kSmallStep;
  if (size <= kSmallStep * kSmallClasses)
    return std::max<size_t>((size + kSmallStep - 1) / kSmallStep, 1) * kSmallStep;
  return std::bit_ceil(size);
}

size_t ClassOf(size_t rounded) {
  if (rounded <= kSmallStep * kSmallClasses) return rounded / kSmallStep - 1;
  return kSmallClasses +
         static_cast<size_t>(std::bit_width(rounded / (kSmallStep * kSmallClasses))) - 2;
}

uint64_t& SizeOf(void* memory) {
  return *reinterpret_cast<uint64_t*>(static_cast<char*>(memory) - kHeader);
}

// Takes `size` bytes and a header from the present arena, or from malloc.
void* New(size_t size) {
  if (!kKeep || size > kLargest) return std::malloc(size + kHeader);
  if (g_arena_left < size + kHeader) {
    void* fresh = std::aligned_alloc(kHugePage, kArena);
    if (fresh == nullptr) return nullptr;
    madvise(fresh, kArena, MADV_HUGEPAGE);
    g_arena = static_cast<char*>(fresh);
    g_arena_left = kArena;
  }
  char* block = std::exchange(g_arena, g_arena + size + kHeader);
  g_arena_left -= size + kHeader;
  return block;
}

void* Take(int wanted) {
  const size_t size = RoundUp(static_cast<size_t>(wanted));
  if (kKeep && size <= kLargest) {
    std::vector<void*>& free = g_free[ClassOf(size)];
    if (!free.empty()) {
      void* memory = free.back();
      free.pop_back();
      return memory;
    }
  }
  auto* block = static_cast<char*>(New(size));
  if (block == nullptr) return nullptr;
  SizeOf(block + kHeader) = size;
  return block + kHeader;
}

void GiveBack(void* memory) {
  if (memory == nullptr) return;
  const size_t size = SizeOf(memory);
  if (!kKeep || size > kLargest) return std::free(static_cast<char*>(memory) - kHeader);
  g_free[ClassOf(size)].push_back(memory);
}

int64_t g_until_fault = -1;  // allocations until the fault begins; negative: none is planned
int64_t g_fault_calls = 0;   // allocations that still fail once it has begun
bool g_failed = false;       // an allocation has failed since the plan was made

// Counts one allocation. Returns true if it fails.
bool MustFail() {
  if (g_until_fault < 0) return false;
  if (g_until_fault > 0 && --g_until_fault > 0) return false;
  if (--g_fault_calls < 0) return false;
  return g_failed = true;
}

void* Allocate(int size) { return MustFail() ? nullptr : Take(size); }

void* Resize(void* memory, int size) {
  if (MustFail()) return nullptr;
  const size_t now = SizeOf(memory);
  if (now == RoundUp(static_cast<size_t>(size))) return memory;
  void* moved = Take(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(now, static_cast<size_t>(size)));
  GiveBack(memory);
  return moved;
}

int Size(void* memory) { return memory == nullptr ? 0 : static_cast<int>(SizeOf(memory)); }
int Rounded(int size) { return static_cast<int>(RoundUp(static_cast<size_t>(size))); }
int Init(void*) { return SQLITE_OK; }
void Shutdown(void*) {}

}  // namespace

void UseSimMemory() {
  static bool done = false;
  if (done) return;
  done = true;
  // malloc gives no memory back to the system between histories.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  HL_CHECK(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
  HL_CHECK(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
  static sqlite3_mem_methods methods = {Allocate, GiveBack, Resize,   Size,
                                        Rounded,  Init,     Shutdown, nullptr};
  HL_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
}

void PlanMemoryFault(int64_t after, int64_t calls) {
  g_until_fault = after;
  g_fault_calls = calls;
  g_failed = false;
}

bool ForgetMemoryFault() {
  g_until_fault = -1;
  return g_failed;
}

}  // namespace harmonylite::sim
