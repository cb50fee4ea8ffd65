#include "node/replication/attach_step.h"

namespace harmonylite::node {

std::function<bool()> StepEnd(const AttachStep& step, const Clock* clock) {
  return [step, clock, from = clock->MonotonicMs(), done = int64_t{0}]() mutable {
    return ++done >= step.most || clock->MonotonicMs() - from >= step.ms;
  };
}

}  // namespace harmonylite::node
