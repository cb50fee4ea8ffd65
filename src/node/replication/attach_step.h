// How much of attaching is done in one write transaction.
//
// Threads: values and pure functions.
#pragma once

#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "node/options.h"

namespace harmonylite::node {

// A step that ends only when nothing is left.
constexpr AttachStep kOneStep{INT64_MAX, INT64_MAX};

// What is to be written is read before the write lock is taken, and the application may change the
// schema in between. After so many times in a row it is read behind the lock.
constexpr int kMostOutdatedPlans = 3;

// Returns a function that is asked after each table or object, and says whether the step that
// begins now is over. `clock` is not owned.
std::function<bool()> StepEnd(const AttachStep& step, const Clock* clock);

}  // namespace harmonylite::node
