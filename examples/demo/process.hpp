#pragma once
// A child process that runs this same program.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace demo {

class ChildProcess {
 public:
  /// Starts this program anew. Throws std::system_error.
  explicit ChildProcess(const std::vector<std::string>& arguments);
  /// Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Its exit status once it has ended (128 + the signal that ended it); none while it runs.
  std::optional<int> ended();
  /// SIGKILL, and waits until it is gone. Whether that is what ended it.
  bool kill();

 private:
  pid_t pid_ = -1;
  std::optional<int> status_ = {};
};

}  // namespace demo
