#include "support/crash/tasks.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <map>

#include "support/crash/io_errors.hpp"
#include "support/crash/kill.hpp"
#include "support/crash/process.hpp"
#include "support/crash/recorded_workload.hpp"

namespace peerq::crash {

std::optional<int> run_task() {
  const auto task = task_of_this_process();
  if (!task) return std::nullopt;
  static const std::map<std::string, std::function<int(const Task&)>> tasks = {
      {"record", run_record_task},
      {"kill", run_kill_task},
      {"heal", run_heal_task},
      {"scenario", run_scenario_task}};
  const auto found = tasks.find(task->name);
  if (found == tasks.end()) return 2;
  try {
    return found->second(*task);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", task->name, error.what());
    return 1;
  }
}

}  // namespace peerq::crash
