// Faults of a machine in the middle of a step: of its disk, memory, locks and power, and
// interrupted statements.
//
// PlanFault() draws a fault before the step, to happen after a number of writes, reads, allocations
// or statements. EndFault() withdraws it after the step, and carries out what it means if it has
// happened.
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
  // Most transactions have a few dozen writes. The exponent is drawn first, so that the earliest
  // writes are met as often as all the later ones together.
  const int64_t after = 1 + random_.Below(int64_t{1} << random_.Between(0, 6));
  machine->node->disk().PlanFault(fault, after,
                                  random_.Chance(0.5) ? random_.Between(1, 3) : kForEver);
}

// Plans a fault for the present step of the sidecar, or else of the application. Only the sidecar
// runs out of memory, is killed or interrupted, cannot read, or finds locks taken: such trouble of
// an application's own says nothing about the product. Writes and power fail for both.
void Simulation::PlanFault(Machine* machine, bool sidecar) {
  if (healed_ || !random_.Chance(kFaultyStep)) return;
  std::vector<Fault> choice;
  for (const Fault fault :
       {Fault::kPowerCut, Fault::kDiskError, Fault::kDiskFull, Fault::kUnreadable, Fault::kBusy,
        Fault::kMemory, Fault::kStatement, Fault::kSidecarKill}) {
    const bool of_disk =
        fault <= Fault::kPowerCut || fault == Fault::kDiskError || fault == Fault::kDiskFull;
    if (mix_[fault] && (sidecar || (of_disk && fault != Fault::kSidecarKill)))
      choice.push_back(fault);
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

// Checks that a node gives up a record only in histories that damage records (P7), and counts the
// records that could not be taken for a while.
void Simulation::NoteTaking(Machine* machine) {
  const node::AppliedState applied = machine->node->shared().applied();
  if (applied.dropped && !mix_[Fault::kDamage])
    Fail(machine, "a record that is not damaged was given up");
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
