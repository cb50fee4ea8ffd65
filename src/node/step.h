// What a worker's Step() did: the same for a thread that drives it and for a simulation.
#pragma once

#include <cstdint>
#include <string>

namespace harmonylite::node {

struct StepResult {
  enum Kind {
    kProgress,  // did something: step again at once
    kIdle,      // nothing to do until something changes
    kBlocked,   // something to do, but it must wait: `why` says for what
  };
  Kind kind = kIdle;
  std::string why;

  static StepResult Progress() { return {kProgress, {}}; }
  static StepResult Idle() { return {kIdle, {}}; }
  static StepResult Blocked(std::string why) { return {kBlocked, std::move(why)}; }
};

}  // namespace harmonylite::node
