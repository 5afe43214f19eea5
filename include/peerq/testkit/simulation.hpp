#pragma once
// A simulated machine: one seed decides everything that happens on it.

#include <cstdint>
#include <memory>

#include "peerq/testkit/disk.hpp"
#include "peerq/testkit/entropy.hpp"
#include "peerq/testkit/executor.hpp"
#include "peerq/testkit/observer.hpp"
#include "peerq/testkit/scheduler.hpp"

namespace peerq::testkit {

struct SimulationOptions {
  std::uint64_t seed = 1;
  SimDiskOptions disk{};
  SimExecutorOptions executor{};
};

/// Clock, executor, entropy and disk of one simulated machine, on which one process after the other lives.
///
/// A process begins with `boot` and ends with `cut_power` or `kill`, or in peace. Whoever holds something of
/// the former process lets go of it after that, and before the next `boot`.
/// **Thread** one.
class Simulation {
 public:
  explicit Simulation(const SimulationOptions& options = {})
      : options_(options),
        scheduler_(options.seed),
        disk_(scheduler_, options.disk),
        entropy_(std::make_shared<SeededEntropy>(options.seed ^ 0x5eed)),
        observer_(std::make_shared<RecordingObserver>()) {
    boot();
  }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  SimScheduler& scheduler() noexcept { return scheduler_; }
  SimDisk& disk() noexcept { return disk_; }
  const std::shared_ptr<SimClock>& clock() const noexcept { return scheduler_.shared_clock(); }
  const std::shared_ptr<SimExecutor>& executor() const noexcept { return executor_; }
  const std::shared_ptr<SeededEntropy>& entropy() const noexcept { return entropy_; }
  const std::shared_ptr<RecordingObserver>& observer() const noexcept { return observer_; }

  /// A new process: nothing of the former one runs any more.
  void boot() {
    if (executor_ != nullptr) executor_->stop();
    executor_ = std::make_shared<SimExecutor>(scheduler_, options_.executor);
  }
  /// The machine loses power now. Nothing of the process runs any more.
  void cut_power() {
    disk_.cut_power();
    executor_->stop();
  }
  /// The process is killed now.
  void kill() {
    disk_.kill();
    executor_->stop();
  }

  void run_for(std::chrono::nanoseconds duration) { scheduler_.run_for(duration); }

 private:
  SimulationOptions options_;
  SimScheduler scheduler_;
  SimDisk disk_;
  std::shared_ptr<SeededEntropy> entropy_;
  std::shared_ptr<RecordingObserver> observer_;
  std::shared_ptr<SimExecutor> executor_;
};

}  // namespace peerq::testkit
