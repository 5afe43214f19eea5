// Delivery: what is known of a received message.

#include "peerq/delivery.hpp"

#include "api/node_state.hpp"

namespace peerq {

std::string_view Delivery::body() const noexcept { return as_text(state_->body); }
Bytes Delivery::bytes() const noexcept { return state_->body; }

Attributes Delivery::attributes() const {
  Attributes out;
  const auto view = state_->queue->node->core().codec().read_message(state_->message);
  if (!view) return out;
  for (const auto& attribute : view->attributes) out.emplace(attribute.key, as_text(attribute.value));
  return out;
}

std::string Delivery::reply_to() const {
  const auto view = state_->queue->node->core().codec().read_message(state_->message);
  return view ? std::string(view->reply_to) : std::string();
}

std::string Delivery::correlation_id() const {
  const auto view = state_->queue->node->core().codec().read_message(state_->message);
  return view ? std::string(as_text(view->correlation_id)) : std::string();
}

MessageId Delivery::id() const noexcept { return state_->id; }
std::uint32_t Delivery::attempt() const noexcept { return state_->lease.attempt; }
std::uint32_t Delivery::receive_count() const noexcept { return state_->receive_count; }

std::chrono::system_clock::time_point Delivery::sent_at() const noexcept {
  return detail::to_time_point(state_->first_sent);
}

std::string Delivery::receipt() const {
  return state_->queue->node->sealer().seal(
      {.queue = state_->queue->id, .lease = state_->lease, .epoch = state_->epoch, .principal = {}});
}

std::string_view Delivery::group_id() const noexcept { return state_->group_id; }

int Delivery::priority() const noexcept { return state_->priority; }

const std::string& Delivery::queue_name() const noexcept { return state_->queue->name; }

std::chrono::milliseconds Delivery::lease_left() const noexcept {
  const SteadyTime deadline = state_->deadline();
  const SteadyTime now = state_->queue->node->core().clock().steady();
  return deadline <= now ? Milliseconds(0) : std::chrono::duration_cast<Milliseconds>(deadline - now);
}

const Failure& Delivery::failure() const noexcept { return state_->failure; }

}  // namespace peerq
