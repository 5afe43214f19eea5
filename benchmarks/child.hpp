#pragma once
// Other processes: measurements that need one of their own, the compiler, strip.

#include <map>
#include <string>
#include <vector>

namespace peerq::bench {

/// How a process ended and what it took.
struct ChildEnd {
  std::string output = {};
  /// Exit status, or 128 + the signal that ended it.
  int status = 0;
  /// Of processor time, its own children among it.
  double cpu_seconds = 0;
};

/// Runs a program to its end. Its standard output is kept. **Errors** throws CannotMeasure when it cannot
/// start.
ChildEnd run_program(const std::vector<std::string>& arguments);

/// The lines "name number" that a child printed.
using Figures = std::map<std::string, double>;

/// A child's line for one figure.
void say(const std::string& name, double value);

/// Runs a program that must end with exit status 0, or be ended by SIGKILL when `killed`.
/// **Errors** throws CannotMeasure otherwise.
Figures run_for_figures(const std::vector<std::string>& arguments, bool killed = false);

/// This very program with other arguments.
std::vector<std::string> self_with(std::vector<std::string> arguments);

/// A figure that must be there. **Errors** throws CannotMeasure.
double need(const Figures& figures, const std::string& name);

}  // namespace peerq::bench
