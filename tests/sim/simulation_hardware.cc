// Faults of a machine in the middle of a step: its disk, its memory, its locks.
#include <fmt/format.h>

#include <vector>

#include "sim/sim_memory.h"
#include "sim/simulation.h"

namespace harmonylite::sim {

namespace {

constexpr double kFaultyStep = 0.05;
constexpr int64_t kForEver = INT64_MAX / 2;

}  // namespace

void Simulation::PlanDiskFault(Machine* machine, DiskFault fault) {
  // Most transactions are a few dozen writes; the first ones deserve as much as all the others together.
  const int64_t after = 1 + random_.Below(int64_t{1} << random_.Between(0, 6));
  machine->node->disk().PlanFault(fault, after,
                                  random_.Chance(0.5) ? random_.Between(1, 3) : kForEver);
}

// Only the sidecar is short of memory, interrupted, or finds locks taken: an application's own trouble of that kind
// tells nothing. Its disk may fail like everybody's.
void Simulation::PlanFault(Machine* machine, bool sidecar) {
  if (healed_ || !random_.Chance(kFaultyStep)) return;
  std::vector<Fault> choice;
  for (const Fault fault :
       {Fault::kPowerCut, Fault::kDiskError, Fault::kDiskFull, Fault::kUnreadable, Fault::kBusy,
        Fault::kMemory, Fault::kStatement, Fault::kSidecarKill}) {
    const bool of_disk = fault <= Fault::kPowerCut || fault == Fault::kDiskError ||
                         fault == Fault::kDiskFull;
    if (mix_[fault] && (sidecar || (of_disk && fault != Fault::kSidecarKill))) choice.push_back(fault);
  }
  if (choice.empty()) return;
  planned_ = choice[random_.Below(static_cast<int64_t>(choice.size()))];
  switch (*planned_) {
    case Fault::kPowerCut:
      return PlanDiskFault(machine, DiskFault::kPowerLoss);
    case Fault::kDiskFull:
      return PlanDiskFault(machine, DiskFault::kFull);
    case Fault::kUnreadable:
      return PlanDiskFault(machine, DiskFault::kUnreadable);
    case Fault::kBusy:
      return PlanDiskFault(machine, DiskFault::kBusy);
    case Fault::kMemory:
      return PlanMemoryFault(1 + random_.Below(int64_t{1} << random_.Between(0, 13)),
                             random_.Chance(0.7) ? 1 : kForEver);
    case Fault::kStatement:
      return machine->node->PlanInterrupt(1 + random_.Below(int64_t{1} << random_.Between(0, 7)));
    default:
      return PlanDiskFault(machine, DiskFault::kError);
  }
}

// Only damage makes a record unreadable for good.
void Simulation::NoteTaking(Machine* machine) {
  const node::AppliedState applied = machine->node->shared().applied();
  if (applied.dropped && !mix_[Fault::kDamage]) Fail(machine, "a record that is not damaged was given up");
  if (!applied.stalled.empty()) report_->sometimes.Note("a record could not be taken");
}

void Simulation::EndFault(Machine* machine) {
  if (!planned_) return;
  const Fault fault = *planned_;
  planned_.reset();
  SimDisk& disk = machine->node->disk();
  const bool happened = fault == Fault::kMemory      ? ForgetMemoryFault()
                        : fault == Fault::kStatement ? machine->node->ForgetInterrupt()
                                                     : disk.faulted();
  if (happened) {
    Trace(fmt::format("{} met {}", machine->node->id(), FaultMix::Name(fault)));
    report_->sometimes.Note(fmt::format("in a step: {}", FaultMix::Name(fault)));
    if (disk.dead()) return CutPower(machine);
    if (fault == Fault::kSidecarKill) {
      machine->node->Crash();
      machine->join.reset();
    }
  }
  disk.ForgetFault();
}

}  // namespace harmonylite::sim
