// A machine that somebody copied with everything on it, and started beside the first.
#include <fmt/format.h>

#include <string>

#include "sim/simulation.h"

namespace harmonylite::sim {

namespace {

constexpr int64_t kFirstLifeOfClone = 50;

}  // namespace

// Once in a history, as a file is restored.
void Simulation::Clone(Machine* machine) {
  if (!may_restore_ || machine->app->holds()) return;
  SimNode& node = *machine->node;
  auto original = node.Look();
  if (!original.ok()) return Fail(machine, original.error().message());
  auto copy = node.LookAt(node.disk().Copy());
  if (!copy.ok()) return Fail(machine, copy.error().message());
  if (CountsFurther(node.who(), *copy, **original)) return;
  Trace(fmt::format("{} is cloned", node.id()));
  machine->clone = std::make_unique<SimNode>(SimNode::Setup{node.id(), options_.directory, &world_, log_.get(),
                                                            &meta_, &report_->sometimes, &random_, &logger_,
                                                            mix_[Fault::kHideOrphans], "-clone", snapshots_});
  machine->clone_app =
      std::make_unique<App>(machine->clone.get(), &ledger_, &random_, &report_->sometimes, tables_,
                              mix_[Fault::kLazySync]);
  machine->clone->life = kFirstLifeOfClone;
  SetClockBehind(machine);
  machine->clone->log.faults = log_faults_;
  machine->clone->clock.offset_ms = node.clock.offset_ms;
  machine->clone->UseFiles(node.disk().Copy());
  // Of a virtual machine that is copied while it runs, the memory is copied too.
  if (random_.Chance(0.5)) machine->clone->sent_mark.mark = node.sent_mark.mark;
  machine->clone_until = report_->steps + random_.Between(20, 200);
  lives_[machine->clone.get()] = (*original)->self;
  Expect(machine, machine->clone_app->Open());
  machine->doubtful = (*original)->self;
  may_restore_ = false;
  went_back_ = true;
  machine->cloned = true;
  report_->sometimes.Note("machine cloned");
}

void Simulation::StepClone(Machine* machine) {
  SimNode& clone = *machine->clone;
  if (report_->steps > machine->clone_until || (clone.running() && clone.rivalled()))
    return EndClone(machine);
  const int64_t what = random_.Below(10);
  Trace(fmt::format("clone of {}: {}", clone.id(), what));
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
