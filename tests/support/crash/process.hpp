#pragma once
// Child processes of tests: this same program, started anew with a task in its environment.
//
// A program that starts workers calls `run_task` (tasks.hpp) first of all; the task's name and arguments come
// in PEERQ_TASK, not on the command line, so that test runners can be workers too.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace peerq::crash {

/// Name and arguments of a task: words without spaces or '='.
struct Task {
  std::string name;
  std::map<std::string, std::string> arguments;

  std::string text() const;
  static Task parse(const std::string& text);
  std::uint64_t number(const std::string& argument) const;
  const std::string& at(const std::string& argument) const { return arguments.at(argument); }
};

struct Launch {
  /// Library for LD_PRELOAD by its name in tests/preload; empty = none.
  std::string preload = {};
  std::map<std::string, std::string> environment = {};
  /// File that gets what the child says on stdout and stderr; empty = nowhere.
  std::string output = {};
};

/// How a child ended.
struct Ended {
  int status = 0;
  /// The signal that killed it, or 0.
  int signal = 0;
  bool clean() const noexcept { return status == 0 && signal == 0; }
  std::string text() const;
};

/// Where the task came from, if this process is a worker.
std::optional<Task> task_of_this_process();

/// Starts this program again with a task. Throws std::runtime_error.
pid_t start(const Task& task, const Launch& launch);
Ended wait_for(pid_t child);
/// None when it did not end in time; it goes on.
std::optional<Ended> wait_for(pid_t child, std::chrono::milliseconds time);
void kill_hard(pid_t child) noexcept;

/// Runs `work` in a fork of this process, which must have one thread; its result is the exit status.
pid_t start_fork(const std::function<int()>& work);

/// A directory that goes with its object, below $TMPDIR or where memory is the disk.
class ScratchDirectory {
 public:
  enum class Where : std::uint8_t { memory, disk };
  explicit ScratchDirectory(const std::string& name, Where where = Where::memory);
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const noexcept { return path_; }
  /// It stays, for somebody to look at; not what a planted bug did. Whether it does.
  bool keep() noexcept;

 private:
  std::string path_;
  bool keep_ = false;
};

}  // namespace peerq::crash
