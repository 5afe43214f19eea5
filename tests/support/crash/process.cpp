#include "support/crash/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "support/paths.hpp"

namespace peerq::crash {

namespace {

constexpr const char* task_variable = "PEERQ_TASK";

Ended ended(int raw) {
  Ended out;
  if (WIFSIGNALED(raw)) out.signal = WTERMSIG(raw);
  if (WIFEXITED(raw)) out.status = WEXITSTATUS(raw);
  return out;
}

/// The environment of a child: this one's, with the changes of the launch.
std::vector<std::string> environment_of(const Task& task, const Launch& launch) {
  std::map<std::string, std::string> changes = launch.environment;
  changes[task_variable] = task.text();
  if (!launch.preload.empty()) {
    changes["LD_PRELOAD"] = fmt::format("{}libpreload_{}.so", test::program_dir(), launch.preload);
    const char* options = std::getenv("ASAN_OPTIONS");  // the sanitizer need not be the first library
    changes["ASAN_OPTIONS"] = fmt::format("{}:verify_asan_link_order=0", options != nullptr ? options : "");
  }
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!changes.contains(text.substr(0, text.find('=')))) out.push_back(text);
  }
  for (const auto& [name, value] : changes) out.push_back(name + "=" + value);
  return out;
}

[[noreturn]] void become(const std::vector<std::string>& environment, const std::string& output) {
  const int file = ::open(output.empty() ? "/dev/null" : output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (file >= 0) {
    dup2(file, 1);
    dup2(file, 2);
  }
  std::vector<char*> variables;
  for (const auto& entry : environment) variables.push_back(const_cast<char*>(entry.c_str()));
  variables.push_back(nullptr);
  // For test runners: the test case that is the worker (tests/integration/kill_worker.cpp).
  std::string program = "worker";
  std::string test = "[crash_worker]";
  char* arguments[] = {program.data(), test.data(), nullptr};
  execve("/proc/self/exe", arguments, variables.data());
  _exit(127);
}

}  // namespace

std::string Task::text() const {
  std::string out = name;
  for (const auto& [key, value] : arguments) out += " " + key + "=" + value;
  return out;
}

Task Task::parse(const std::string& text) {
  Task task;
  std::istringstream words(text);
  words >> task.name;
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals != word.npos) task.arguments[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return task;
}

std::uint64_t Task::number(const std::string& argument) const { return std::stoull(arguments.at(argument)); }

std::string Ended::text() const {
  if (signal != 0) return fmt::format("signal {} ({})", signal, strsignal(signal));
  return fmt::format("exit status {}", status);
}

std::optional<Task> task_of_this_process() {
  const char* text = std::getenv(task_variable);
  if (text == nullptr) return std::nullopt;
  return Task::parse(text);
}

pid_t start(const Task& task, const Launch& launch) {
  const auto environment = environment_of(task, launch);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  become(environment, launch.output);
}

pid_t start_fork(const std::function<int()>& work) {
  const pid_t parent = getpid();
  std::fflush(nullptr);  // or the child would write it again
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  int status = 126;
  try {
    status = work();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
  }
  std::fflush(nullptr);
  _exit(status);
}

Ended wait_for(pid_t child) {
  int raw = 0;
  while (waitpid(child, &raw, 0) < 0 && errno == EINTR) {
  }
  return ended(raw);
}

std::optional<Ended> wait_for(pid_t child, std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  auto pause = std::chrono::microseconds(200);
  for (;;) {
    int raw = 0;
    const pid_t found = waitpid(child, &raw, WNOHANG);
    if (found == child) return ended(raw);
    if (found < 0 && errno != EINTR)
      throw std::runtime_error(std::string("waitpid: ") + std::strerror(errno));
    if (std::chrono::steady_clock::now() >= until) return std::nullopt;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(5'000));
  }
}

void kill_hard(pid_t child) noexcept { kill(child, SIGKILL); }

ScratchDirectory::ScratchDirectory(const std::string& name, Where where) {
  const char* chosen = std::getenv("TMPDIR");
  std::string base = chosen != nullptr ? chosen : "/tmp";
  if (where == Where::memory && access("/dev/shm", W_OK) == 0) base = "/dev/shm";
  std::string pattern = base + "/peerq-" + name + "-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error(pattern + ": " + std::strerror(errno));
  path_ = pattern;
}

bool ScratchDirectory::keep() noexcept {
  const char* plant = std::getenv("PEERQ_PLANT");
  keep_ = plant == nullptr || *plant == '\0';
  return keep_;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  if (!keep_) std::filesystem::remove_all(path_, ignored);
}

}  // namespace peerq::crash
