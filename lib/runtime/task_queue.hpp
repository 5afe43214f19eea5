#pragma once
// Where tasks of one lane wait: any thread adds, one takes them out in the order they came.

#include <atomic>
#include <utility>

#include "peerq/base/time.hpp"
#include "peerq/base/unique_function.hpp"

namespace peerq::runtime {

/// A lock-free stack that is taken whole and turned round; every step on it is sequentially consistent, so
/// that one who adds and then looks for a sleeper and one who goes to sleep and then looks here cannot miss
/// each other.
/// **Thread** `push`, `empty` and `discard_incoming` any, the rest one at a time.
class TaskQueue {
 public:
  TaskQueue() = default;
  TaskQueue(const TaskQueue&) = delete;
  TaskQueue& operator=(const TaskQueue&) = delete;
  ~TaskQueue() { clear(); }

  void push(Task task) {
    auto* node = new Node{std::move(task), incoming_.load(std::memory_order_relaxed)};
    while (!incoming_.compare_exchange_weak(node->next, node)) {
    }
  }

  /// The oldest task, or an empty one.
  Task pop() {
    if (ready_ == nullptr) ready_ = reversed(incoming_.exchange(nullptr));
    if (ready_ == nullptr) return {};
    Node* const node = std::exchange(ready_, ready_->next);
    Task task = std::move(node->task);
    delete node;
    return task;
  }

  /// Whether nothing was pushed since the last `pop` that found nothing.
  bool empty() const noexcept { return incoming_.load() == nullptr; }

  /// Whether `pop` has tasks at hand that `empty` does not see.
  bool has_taken() const noexcept { return ready_ != nullptr; }

  /// Destroys what waits. Destructors of tasks may push again.
  void clear() {
    while (pop()) {
    }
  }

  /// Destroys what was pushed and not looked at yet. **Thread** any.
  void discard_incoming() {
    for (Node* node = incoming_.exchange(nullptr); node != nullptr;) delete std::exchange(node, node->next);
  }

 private:
  struct Node {
    Task task;
    Node* next;
  };

  static Node* reversed(Node* newest) noexcept {
    Node* oldest = nullptr;
    while (newest != nullptr) {
      Node* const older = std::exchange(newest->next, oldest);
      oldest = std::exchange(newest, older);
    }
    return oldest;
  }

  std::atomic<Node*> incoming_{nullptr};
  Node* ready_ = nullptr;
};

struct Timer {
  SteadyTime at = SteadyTime::never();
  Task task;
};

/// The newest timer that was set and not seen yet. **Thread** `put` any, `take` one at a time.
class TimerSlot {
 public:
  TimerSlot() = default;
  TimerSlot(const TimerSlot&) = delete;
  TimerSlot& operator=(const TimerSlot&) = delete;
  ~TimerSlot() { delete slot_.load(); }

  /// Replaces one that was not taken yet.
  void put(Timer timer) { delete slot_.exchange(new Timer(std::move(timer))); }
  bool empty() const noexcept { return slot_.load() == nullptr; }

  /// Replaces `current` if a newer one was put.
  void take(Timer& current) {
    if (empty()) return;
    Timer* const newer = slot_.exchange(nullptr);
    if (newer == nullptr) return;
    current = std::move(*newer);
    delete newer;
  }

 private:
  std::atomic<Timer*> slot_{nullptr};
};

}  // namespace peerq::runtime
