// Deliberate bugs, which prove that the tests would find them (docs/testing.md, "Mutants").
//
// HL_MUTANT(name) is the constant false, except in a build with HARMONYLITE_MUTANTS. There it is
// true if the environment variable HARMONYLITE_MUTANT holds `name`. Every mutant is listed in
// tests/mutants/catalog.py. Threads: any.
#pragma once

#ifdef HARMONYLITE_MUTANTS

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace harmonylite {

inline bool MutantIsOn(std::string_view name) {
  const char* wanted = std::getenv("HARMONYLITE_MUTANT");
  if (wanted == nullptr || name != wanted) return false;
  std::fprintf(stderr, "mutant %s is met\n", wanted);
  return true;
}

}  // namespace harmonylite

#define HL_MUTANT(name)                                         \
  ([] {                                                         \
    static const bool is_on = ::harmonylite::MutantIsOn(#name); \
    return is_on;                                               \
  }())
#else
#define HL_MUTANT(name) false
#endif
