// Clones: a machine is copied with everything on it, and the copy is started beside it.
#include <fmt/format.h>

#include <string>

#include "sim/simulation.h"

namespace harmonylite::sim {

namespace {

constexpr int64_t kFirstLifeOfClone = 50;  // far from the numbers of the original's lives
// Heartbeats within which one of two processes with one node id must end, if they hear each other.
constexpr int kBeatsUntilAlone = 12;
// Heartbeats, the one in which the first process ends included, in which the other must not end.
constexpr int kBeatsAfterwards = 4;

}  // namespace

// Clones a machine. A history restores a file or clones a machine, and does so once.
void Simulation::Clone(Machine* machine) {
  if (!may_restore_ || machine->app->holds()) return;
  SimNode& node = *machine->node;
  auto original = node.Look();
  if (!original.ok()) return Fail(machine, original.error().message());
  auto copy = node.LookAt(node.disk().Copy());
  if (!copy.ok()) return Fail(machine, copy.error().message());
  if (CountsFurther(node.who(), *copy, **original)) return;
  Trace(fmt::format("{} is cloned", node.id()));
  machine->clone = std::make_unique<SimNode>(SimNode::Setup{
      node.id(), options_.directory, &world_, log_.get(), &meta_, &report_->sometimes, &random_,
      &logger_, mix_[Fault::kHideOrphans], mix_[Fault::kFollow], "-clone", snapshots_, id_layout_});
  machine->clone_app = std::make_unique<App>(machine->clone.get(), &ledger_, &random_,
                                             &report_->sometimes, tables_, mix_[Fault::kLazySync]);
  machine->clone->life = kFirstLifeOfClone;
  SetClockBehind(machine);
  machine->clone->log.faults = log_faults_;
  machine->clone->clock.offset_ms = node.clock.offset_ms;
  machine->clone->UseFiles(node.disk().Copy());
  // If a virtual machine is copied while it runs, its memory is copied too, and with it the sent
  // mark. Then only the log tells the two machines apart. The product names this limit (P9), so the
  // memory is copied only in histories in which the log loses nothing that either has sent.
  const bool log_goes_back = mix_[Fault::kWipe] || mix_[Fault::kOlderLog] ||
                             mix_[Fault::kServerHere] || mix_[Fault::kTrim];
  if (!log_goes_back && random_.Chance(0.5)) machine->clone->sent_mark.mark = node.sent_mark.mark;
  machine->clone_until = report_->steps + random_.Between(20, 200);
  lives_[machine->clone.get()] = (*original)->self;
  Expect(machine, machine->clone_app->Open());
  machine->doubtful = (*original)->self;
  may_restore_ = false;
  went_back_ = true;
  machine->cloned = true;
  machine->had_rival = true;
  report_->sometimes.Note("machine cloned");
}

void Simulation::StepClone(Machine* machine) {
  SimNode& clone = *machine->clone;
  if (report_->steps > machine->clone_until || (clone.running() && clone.rivalled()))
    return EndClone(machine);
  const int64_t what = random_.Below(10);
  Trace(fmt::format("clone of {}: {}", clone.id(), what));
  machine->clone_app->SetDoubtful(true);
  if (what < 3) return Expect(machine, machine->clone_app->Step(/*may_hold=*/false));
  if (!clone.running()) {
    const Status started = clone.Start();
    if (!started.ok() && started.error().code() != ErrorCode::kRetryLater) Expect(machine, started);
    return;
  }
  if (what < 6)
    clone.StepPublisher();
  else if (what < 9)
    clone.StepConsumer();
  else
    clone.StepKeeper();
  auto picture = clone.Look();
  if (!picture.ok()) return Fail(machine, picture.error().message());
  NoteNewLife(clone, **picture);
  Check(machine, CheckOwnWrites(**picture, ledger_, clone.who()));
}

// Ends a sidecar that gives way to another process with its node id. It is a violation if there was
// no such process since it started.
void Simulation::EndIfRivalled(Machine* machine) {
  SimNode& node = *machine->node;
  if (!node.running() || !node.rivalled()) return;
  Trace(fmt::format("{} gives way to its namesake", node.id()));
  report_->sometimes.Note("gave way to a namesake");
  if (!machine->had_rival)
    Fail(machine, "the sidecar ends for another process with its id, and there is none");
  node.Crash();
}

// Heals a machine that still has a clone. The two processes now hear each other, and exactly one of
// them must end, within kBeatsUntilAlone heartbeats (docs/testing.md). Afterwards the clone ends in
// any case.
void Simulation::MeetNamesake(Machine* machine) {
  SimNode& original = *machine->node;
  SimNode& clone = *machine->clone;
  if (clone.running() && clone.rivalled()) return EndClone(machine);
  clone.log.faults = {};
  for (SimNode* node : {&original, &clone})
    if (!node->running()) Expect(machine, node->Start());
  if (failed()) return;
  int ended = 0;
  for (int beat = 0, left = kBeatsUntilAlone; beat < left; ++beat) {
    for (int64_t i = 0, first = random_.Below(2); i < 2; ++i) {
      SimNode& node = (first + i) % 2 == 0 ? original : clone;
      world_.Advance(random_.Below(20));
      if (!node.running() || node.rivalled()) continue;
      node.StepKeeper();
      if (node.rivalled() && ++ended == 1) left = beat + kBeatsAfterwards;
    }
    world_.Advance(node::kHeartbeatMs);
  }
  if (ended != 1) Fail(machine, fmt::format("of two processes with its id {} end", ended));
  report_->sometimes.Note(original.rivalled() ? "the original gave way to its clone"
                                              : "a clone gave way to its original");
  EndIfRivalled(machine);
  EndClone(machine);
}

// Ends the clone with its file. What only the clone has written may be lost from now on.
void Simulation::EndClone(Machine* machine) {
  Trace(fmt::format("the clone of {} ends", machine->clone->id()));
  if (machine->clone->running() && machine->clone->rivalled())
    report_->sometimes.Note("gave way to a namesake");
  MarkLost(machine->clone->who(), {});
  machine->clone->Crash();
  machine->clone_app.reset();
  lives_.erase(machine->clone.get());
  machine->clone.reset();
}

}  // namespace harmonylite::sim
