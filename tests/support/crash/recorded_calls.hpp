#pragma once
// The calls of a queue, recorded in a history.

#include <cstdint>
#include <string>
#include <vector>

#include "peerq/queue.hpp"
#include "support/history/recorder.hpp"

namespace peerq::crash {

/// Makes calls on one queue and records them. **Thread** any; a tag is used once.
class RecordedCalls {
 public:
  RecordedCalls(Queue queue, history::Recorder& recorder, Milliseconds visibility_timeout)
      : queue_(std::move(queue)), recorder_(&recorder), visibility_timeout_(visibility_timeout) {}

  const Queue& queue() const noexcept { return queue_; }

  bool send(history::BodyTag tag, std::size_t size, const SendOptions& options = {});
  void send_batch(const std::vector<history::BodyTag>& tags, std::size_t size, bool atomic);
  std::vector<Delivery> receive(const ReceiveOptions& options);
  void receive_and_delete(std::uint32_t max_messages);
  void erase(const Delivery& delivery);
  void erase(const std::vector<Delivery>& deliveries);
  void nack(const Delivery& delivery, Milliseconds delay);
  void release(const Delivery& delivery);
  void reject(const Delivery& delivery);
  void extend(const Delivery& delivery, Milliseconds duration);
  void purge();
  void kick(const MessageId& id);
  /// Says that the queue is drained.
  void drained();
  /// Records where a message is in a state dump.
  void state(const MessageId& id, std::string_view body, std::uint32_t dump);

 private:
  history::Operation operation(history::Kind kind) const;
  history::Operation operation(history::Kind kind, const Delivery& delivery) const;
  /// One call about a delivery; `note` writes what a success tells.
  template <class Call, class Note>
  void settle(history::Operation operation, Call&& call, Note&& note);

  Queue queue_;
  history::Recorder* recorder_;
  Milliseconds visibility_timeout_;
};

}  // namespace peerq::crash
