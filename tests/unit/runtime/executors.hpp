#pragma once
// What every Executor promises, as checks that its implementations' tests run.

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "peerq/port/executor.hpp"
#include "peerq/port/host_executor.hpp"

namespace peerq::test {

/// A host with a pool of threads and a timer, as applications have them.
class PoolHost final : public HostExecutor {
 public:
  explicit PoolHost(std::size_t threads);
  ~PoolHost() override;

  void post(Task task) override;
  void post_blocking(Task task) override { post(std::move(task)); }
  void post_after(std::chrono::nanoseconds delay, Task task) override;

 private:
  struct State;
  void run();

  std::unique_ptr<State> state_;
  std::vector<std::thread> threads_;
};

/// An executor and what it stands on.
struct ExecutorUnderTest {
  std::unique_ptr<PoolHost> host;
  std::unique_ptr<port::Executor> executor;
};

struct ExecutorKind {
  std::string name;
  std::function<ExecutorUnderTest()> make;
};

/// Those with real threads.
std::vector<ExecutorKind> threaded_executors();

}  // namespace peerq::test
