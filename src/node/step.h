// The result of a worker's Step(). A worker does one piece of work per step; its thread in
// production, and the simulator's seed in tests/sim, read this result to decide when to step again.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <string>

namespace harmonylite::node {

struct StepResult {
  enum Kind {
    kProgress,  // something was done: step again at once
    kIdle,      // there is nothing to do until something changes
    kBlocked,   // there is work, but it must wait; `why` says for what, for the operator
  };
  Kind kind = kIdle;
  std::string why;

  static StepResult Progress() { return {kProgress, {}}; }
  static StepResult Idle() { return {kIdle, {}}; }
  static StepResult Blocked(std::string why) { return {kBlocked, std::move(why)}; }
};

}  // namespace harmonylite::node
