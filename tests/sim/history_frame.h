// What histories with an application and checks of their own have in common: the world around the
// machines, and how a violation is noted.
//
// Threads: one, as simulation.h says.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>

#include "base/logger.h"
#include "sim/random.h"
#include "sim/sim_log.h"
#include "sim/sim_meta.h"
#include "sim/sim_node.h"
#include "sim/simulation.h"

namespace harmonylite::sim {

class HistoryFrame {
 protected:
  // `kind` tells apart the draws of two kinds of histories of one seed. Nothing is owned.
  HistoryFrame(const HistoryOptions& options, uint64_t kind, HistoryReport* report)
      : options_(options),
        report_(report),
        random_(SeedOf(~options.seed, kind)),
        logger_(options.verbose ? dup(STDERR_FILENO) : open("/dev/null", O_WRONLY | O_CLOEXEC),
                LogFormat::kConsole, options.verbose ? LogLevel::kDebug : LogLevel::kError),
        log_(&world_, &report->sometimes, kMaxPayload) {}
  ~HistoryFrame() = default;

  bool failed() const { return report_->violation.has_value(); }
  void Fail(const std::string& what) {
    if (!failed()) report_->violation = fmt::format("at {} ms: {}", world_.elapsed_ms, what);
  }
  void Trace(const std::string& what) {
    if (options_.verbose)
      std::fprintf(stderr, "[%6lld ms] %s\n", static_cast<long long>(world_.elapsed_ms),
                   what.c_str());
    report_->AddToTrace(what);
  }

  // The setup of machine `id` in this world.
  SimNode::Setup SetupOf(uint64_t id) {
    return {id,     options_.directory,  &world_,  &log_,
            &meta_, &report_->sometimes, &random_, &logger_};
  }
  // Starts a sidecar that is down. An application that holds the file keeps it from starting.
  void StartNode(SimNode* node) {
    if (node->running()) return;
    const Status started = node->Start();
    Trace(fmt::format("{} starts{}", node->id(),
                      started.ok() ? "" : " not: " + started.error().message()));
    if (!started.ok() && started.error().code() != ErrorCode::kRetryLater)
      Fail("unexpected error: " + started.error().message());
  }

  const HistoryOptions& options_;
  HistoryReport* report_;
  Random random_;
  Logger logger_;
  World world_;
  SimLog log_;
  SimMeta meta_;

 private:
  static constexpr size_t kMaxPayload = 1 << 20;
};

}  // namespace harmonylite::sim
