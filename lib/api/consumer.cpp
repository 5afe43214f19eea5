// Consumer: the handle.

#include "peerq/consumer.hpp"

#include "api/consumer_state.hpp"
#include "api/deadline.hpp"

namespace peerq {

Consumer::Consumer(Adapted, const Queue& queue, ConsumerOptions options, Handler handler) {
  state_ = std::make_shared<detail::ConsumerState>(queue, std::move(options), std::move(handler));
  state_->start();
}

Consumer::Consumer(Consumer&&) noexcept = default;

Consumer& Consumer::operator=(Consumer&& other) noexcept {
  if (this != &other) {
    detail::ConsumerState::destroy(std::move(state_));
    state_ = std::move(other.state_);
  }
  return *this;
}

Consumer::~Consumer() { detail::ConsumerState::destroy(std::move(state_)); }

void Consumer::stop(Milliseconds grace) { state_->stop(detail::deadline_after(state_->now(), grace)); }

Result<void> Consumer::status() const { return state_->status(); }

ConsumerStatistics Consumer::statistics() const { return state_->statistics(); }

}  // namespace peerq
