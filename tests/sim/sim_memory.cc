#include "sim/sim_memory.h"

#include <sqlite3.h>

#include "base/result.h"

namespace harmonylite::sim {

namespace {

sqlite3_mem_methods g_real;
int64_t g_until_fault = -1;  // allocations; negative: no plan
int64_t g_fault_calls = 0;
bool g_failed = false;

bool MustFail() {
  if (g_until_fault < 0) return false;
  if (g_until_fault > 0 && --g_until_fault > 0) return false;
  if (--g_fault_calls < 0) return false;
  return g_failed = true;
}

void* Allocate(int size) { return MustFail() ? nullptr : g_real.xMalloc(size); }
void* Resize(void* memory, int size) { return MustFail() ? nullptr : g_real.xRealloc(memory, size); }

}  // namespace

void UseSimMemory() {
  static bool done = false;
  if (done) return;
  done = true;
  HL_CHECK(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
  HL_CHECK(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
  HL_CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &g_real) == SQLITE_OK);
  static sqlite3_mem_methods methods = g_real;
  methods.xMalloc = Allocate;
  methods.xRealloc = Resize;
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
