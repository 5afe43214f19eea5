#pragma once
// Requests on their way into the core: many producers, one consumer, first in first out.

#include <atomic>
#include <memory>
#include <utility>

#include "node/request.hpp"

namespace peerq::node {

/// Lock-free. **Thread** `push` any; `take` under the core's token. A producer's requests keep their order.
class Mailbox {
 public:
  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() {
    for (auto request = take(); request != nullptr;) request = follow(*request);
  }

  void push(std::shared_ptr<Request> request) noexcept {
    Request* raw = request.get();
    raw->self = std::move(request);
    raw->next = head_.load(std::memory_order_relaxed);
    while (
        !head_.compare_exchange_weak(raw->next, raw, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }

  bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }

  /// All of them, oldest first; go on with `follow`.
  std::shared_ptr<Request> take() noexcept {
    Request* newest = head_.exchange(nullptr, std::memory_order_acquire);
    Request* oldest = nullptr;
    while (newest != nullptr) {
      Request* older = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = older;
    }
    return oldest == nullptr ? nullptr : std::move(oldest->self);
  }

  /// The one after `request` in what `take` returned.
  static std::shared_ptr<Request> follow(Request& request) noexcept {
    Request* after = std::exchange(request.next, nullptr);
    return after == nullptr ? nullptr : std::move(after->self);
  }

 private:
  std::atomic<Request*> head_{nullptr};
};

}  // namespace peerq::node
