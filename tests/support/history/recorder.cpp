#include "support/history/recorder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <system_error>

namespace peerq::history {

namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

std::int64_t monotonic_us() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

Recorder::Recorder(const std::string& path, std::uint32_t process) : process_(process) {
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) fail("history: cannot open the file");
  append("\n");  // ends a line that a killed writer left torn
}

Recorder::~Recorder() { ::close(file_); }

Operation Recorder::begin(Operation operation) {
  operation.process = process_;
  operation.number = next_.fetch_add(1);
  operation.part = 0;
  operation.outcome = Outcome::info;
  operation.end_us.reset();
  operation.start_us = monotonic_us();
  append(to_text(operation) + "\n");
  return operation;
}

void Recorder::end(const Operation& begun, std::span<Operation> parts) {
  const std::int64_t now = monotonic_us();
  std::string text;
  std::uint32_t part = 0;
  for (auto& operation : parts) {
    operation.process = begun.process;
    operation.number = begun.number;
    operation.part = part++;
    operation.kind = begun.kind;
    operation.start_us = begun.start_us;
    operation.end_us = now;
    text += to_text(operation) + "\n";
  }
  append(std::move(text));
}

void Recorder::write(const Operation& operation) {
  Operation named = operation;
  named.process = process_;
  named.number = next_.fetch_add(1);
  append(to_text(named) + "\n");
}

void Recorder::append(std::string text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(file_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("history: cannot write");
    done += static_cast<std::size_t>(written);
  }
}

}  // namespace peerq::history
