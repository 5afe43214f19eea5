#pragma once
// Deletes and sends that happen together or not at all (S76).

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peerq/queue.hpp"

namespace peerq {

/// What `Node::transact` is to do: finished work is deleted and what follows from it is sent, in one step of
/// the log. All queues must have the same durability. Filled by one thread; using it changes nothing in it.
class Transaction {
 public:
  /// Deletes a delivery, whose lease must still live.
  Transaction& erase(Delivery delivery) {
    erases_.push_back(std::move(delivery));
    return *this;
  }
  /// Sends a message; `options.timeout` counts for nothing here.
  Transaction& send(Queue queue, std::string body, SendOptions options = {}) {
    sends_.push_back({std::move(queue), {std::move(body), std::move(options)}});
    return *this;
  }
  std::size_t size() const noexcept { return erases_.size() + sends_.size(); }

 private:
  friend struct detail::Access;
  struct Send {
    Queue queue;
    Message message;
  };

  std::vector<Delivery> erases_;
  std::vector<Send> sends_;
};

struct TransactOptions {
  /// Makes it once, however often it is asked for (S18).
  RequestId request = {};
  /// At least 1 ms.
  Milliseconds timeout = limits::timeout_default;
};

}  // namespace peerq
