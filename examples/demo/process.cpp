#include "process.hpp"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system_error>

namespace demo {

namespace {

int status_of(int raw) { return WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw); }

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments) {
  std::string self = "/proc/self/exe";
  std::vector<std::string> copies = arguments;
  std::vector<char*> pointers{self.data()};
  for (auto& argument : copies) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const int error = ::posix_spawn(&pid_, self.c_str(), nullptr, nullptr, pointers.data(), environ);
  if (error != 0) throw std::system_error(error, std::generic_category(), "cannot start the worker");
}

ChildProcess::~ChildProcess() { kill(); }

std::optional<int> ChildProcess::ended() {
  int raw = 0;
  if (!status_ && ::waitpid(pid_, &raw, WNOHANG) == pid_) status_ = status_of(raw);
  return status_;
}

bool ChildProcess::kill() {
  if (ended()) return false;
  ::kill(pid_, SIGKILL);
  int raw = 0;
  while (::waitpid(pid_, &raw, 0) != pid_ && errno == EINTR) {
  }
  status_ = status_of(raw);
  return *status_ == 128 + SIGKILL;
}

}  // namespace demo
