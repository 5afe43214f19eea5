#include "child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "session.hpp"

extern char** environ;

namespace peerq::bench {

namespace {

/// Starts the program with its standard output going to `output`.
pid_t start(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> words;
  words.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t child = 0;
  const int code = posix_spawnp(&child, words.front(), &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) throw CannotMeasure("cannot start " + arguments.front());
  return child;
}

std::string read_all(int input) {
  std::string out;
  char part[4096];
  for (ssize_t count = 0; (count = read(input, part, sizeof part)) > 0;) {
    out.append(part, static_cast<std::size_t>(count));
  }
  return out;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ChildEnd run_program(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw CannotMeasure("no pipe");
  const pid_t child = start(arguments, ends[1]);
  close(ends[1]);
  ChildEnd end;
  end.output = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child) throw CannotMeasure("lost " + arguments.front());
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  end.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  return end;
}

Figures run_for_figures(const std::vector<std::string>& arguments, bool killed) {
  const ChildEnd end = run_program(arguments);
  if (end.status != (killed ? 128 + SIGKILL : 0)) {
    throw CannotMeasure(fmt::format("{} ended with {}", fmt::join(arguments, " "), end.status));
  }
  Figures out;
  std::istringstream lines(end.output);
  std::string name;
  for (double value = 0; lines >> name >> value;) out[name] = value;
  return out;
}

std::vector<std::string> self_with(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::filesystem::read_symlink("/proc/self/exe").string());
  return arguments;
}

double need(const Figures& figures, const std::string& name) {
  const auto at = figures.find(name);
  if (at == figures.end()) throw CannotMeasure("a child did not say " + name);
  return at->second;
}

void say(const std::string& name, double value) { fmt::print("{} {:.6f}\n", name, value); }

}  // namespace peerq::bench
