#include "api/consumer_state.hpp"

#include <algorithm>
#include <exception>
#include <string>

#include "api/arguments.hpp"

namespace peerq::detail {

namespace {

constexpr std::uint32_t concurrency_max = 1'024;
constexpr auto receive_wait = std::chrono::seconds(20);
/// After a failed receive, before the next try.
constexpr auto receive_retry = std::chrono::milliseconds(100);
/// A lease is given up this part of its time before its end, at most 5 s (S65).
constexpr auto margin_max = std::chrono::milliseconds(5'000);

Milliseconds margin_of(Milliseconds visibility) {
  return std::min<Milliseconds>(visibility / 10, margin_max);
}

/// Errors after which a consumer can do nothing more.
bool is_final(errc code) {
  return code == errc::closed || code == errc::queue_deleted || code == errc::queue_not_found ||
         code == errc::node_failed || code == errc::corrupt || code == errc::forked ||
         code == errc::version_mismatch;
}

/// Runs `task` on the callback lane at `at`.
void call_at(NodeState& node, SteadyTime at, UniqueFunction<void(node::Request&)> task) {
  auto request = std::make_shared<node::CallAtRequest>();
  request->at = at;
  request->on_done = std::move(task);
  node.submit(std::move(request), limits::expiry_max, RunOn::callback_lane);
}

}  // namespace

ConsumerState::ConsumerState(const Queue& queue, ConsumerOptions options, Consumer::Handler handler)
    : queue_(queue),
      options_(std::move(options)),
      handler_(std::move(handler)),
      node_(Access::handle(queue)->node) {}

Error ConsumerState::check_options() const {
  if (options_.concurrency < 1 || options_.concurrency > concurrency_max) {
    return {errc::invalid_argument,
            "concurrency is " + std::to_string(options_.concurrency) + ", must be 1 to 1024"};
  }
  if (options_.prefetch > limits::receive_messages_max) {
    return {errc::invalid_argument,
            "prefetch is " + std::to_string(options_.prefetch) + ", must be 0 to 1000"};
  }
  return check_receive({.visibility_timeout = options_.visibility_timeout});
}

void ConsumerState::start() {
  if (ended_ = check_options(); ended_.code != errc::ok) return report(ended_);
  const auto parameters = queue_.options();
  visibility_ = options_.visibility_timeout.value_or(parameters ? parameters->visibility_timeout
                                                                : limits::visibility_timeout_default);
  node_->add(shared_from_this());
  if (!options_.executor) {
    for (std::uint32_t i = 0; i < options_.concurrency; ++i) threads_.emplace_back([this] { thread_main(); });
  }
  receive_more();
}

/// Under the lock: how many more messages may be received.
std::size_t ConsumerState::room() const {
  const std::size_t most = options_.concurrency + options_.prefetch;
  return held_.size() >= most ? 0 : most - held_.size();
}

void ConsumerState::receive_more() {
  ReceiveOptions options{.wait = receive_wait, .visibility_timeout = options_.visibility_timeout};
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || receiving_ || room() == 0) return;
    receiving_ = true;
    options.max_messages =
        static_cast<std::uint32_t>(std::min<std::size_t>(room(), limits::receive_messages_max));
    options.stop = stop_receive_.get_token();
  }
  queue_.receive_async(options, [self = shared_from_this()](Result<std::vector<Delivery>> result) {
    self->received(std::move(result));
  });
}

void ConsumerState::received(Result<std::vector<Delivery>> result) {
  bool again = true;
  {
    const std::lock_guard lock(mutex_);
    receiving_ = false;
    if (result) {
      for (auto& delivery : *result) {
        buffer_.push_back(std::make_shared<Held>(std::move(delivery)));
        held_.insert(buffer_.back());
      }
    } else {
      if (is_final(result.error().code)) ended_ = result.error();
      again = ended_.code == errc::ok && !stopping_;
    }
  }
  changed_.notify_all();
  if (!result && result.error().code != errc::cancelled) report(result.error());
  if (!result && again) {
    const SteadyTime at = node_->core().clock().steady() + receive_retry;
    return call_at(*node_, at, [self = shared_from_this()](node::Request&) { self->receive_more(); });
  }
  if (!result) return;
  bool late = false;
  {
    const std::lock_guard lock(mutex_);
    late = stopping_;
  }
  if (late) return release_buffer();
  arm_extension();
  dispatch();
  receive_more();
}

/// With a host's executor: one task for each message that may begin. Own threads take from the buffer
/// themselves.
void ConsumerState::dispatch() {
  if (!options_.executor) return;
  for (;;) {
    HeldPtr held;
    {
      const std::lock_guard lock(mutex_);
      if (buffer_.empty() || running_ >= options_.concurrency) return;
      held = std::move(buffer_.front());
      buffer_.pop_front();
      ++running_;
    }
    options_.executor([self = shared_from_this(), held] {
      self->run_one(held);
      self->dispatch();
    });
  }
}

void ConsumerState::thread_main() {
  for (;;) {
    HeldPtr held;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !buffer_.empty(); });
      if (stopping_) return;
      held = std::move(buffer_.front());
      buffer_.pop_front();
      ++running_;
    }
    run_one(held);
  }
}

void ConsumerState::run_one(const HeldPtr& held) {
  const Outcome outcome = handle(held);
  settle(held, outcome);
  {
    const std::lock_guard lock(mutex_);
    --running_;
    ++statistics_.handled;
    if (outcome.kind == Outcome::Kind::retry || outcome.kind == Outcome::Kind::reject) ++statistics_.failed;
  }
  changed_.notify_all();
  receive_more();
}

Outcome ConsumerState::handle(const HeldPtr& held) {
  try {
    return handler_(held->delivery, held->lost.get_token());
  } catch (const std::exception& error) {
    return retry(error.what());
  } catch (...) {
    return retry("an exception of unknown type");
  }
}

void ConsumerState::settle(const HeldPtr& held, const Outcome& outcome) {
  {
    const std::lock_guard lock(mutex_);
    held->settled = true;
    ++settling_;
  }
  const auto ended = [self = shared_from_this(), held](const auto& result) {
    self->settled(held, result ? Error() : result.error());
  };
  switch (outcome.kind) {
    case Outcome::Kind::done: return queue_.erase_async(held->delivery, ended);
    case Outcome::Kind::retry: {
      NackOptions options{.delay = {}, .reason = outcome.reason};
      if (outcome.delay >= Milliseconds(0)) options.delay = outcome.delay;
      return queue_.nack_async(held->delivery, options, ended);
    }
    case Outcome::Kind::reject: return queue_.reject_async(held->delivery, outcome.reason, ended);
    case Outcome::Kind::release: return queue_.release_async(held->delivery, ended);
  }
}

void ConsumerState::settled(const HeldPtr& held, const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    held_.erase(held);
    --settling_;
  }
  changed_.notify_all();
  if (error.code != errc::ok) report(error);
  receive_more();
}

/// One timed call at a time looks after all leases.
void ConsumerState::arm_extension() {
  if (!options_.extend) return;
  {
    const std::lock_guard lock(mutex_);
    if (armed_ || held_.empty()) return;
    armed_ = true;
  }
  const SteadyTime at = node_->core().clock().steady() +
                        std::max<std::chrono::nanoseconds>(visibility_ / 8, std::chrono::milliseconds(1));
  call_at(*node_, at, [weak = weak_from_this()](node::Request& request) {
    const auto self = weak.lock();
    if (self == nullptr || request.error.code != errc::ok) return;
    {
      const std::lock_guard lock(self->mutex_);
      self->armed_ = false;
    }
    self->extend_due();
    self->arm_extension();
  });
}

void ConsumerState::extend_due() {
  std::vector<HeldPtr> extend_now;
  std::vector<HeldPtr> lost;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& held : held_) {
      if (held->settled) continue;
      const Milliseconds left = held->delivery.lease_left();
      if (left <= margin_of(visibility_)) lost.push_back(held);
      if (left > visibility_ / 2 || held->extending) continue;
      held->extending = true;
      extend_now.push_back(held);
    }
  }
  for (const auto& held : lost) lose(held);
  for (const auto& held : extend_now) extend(held);
}

void ConsumerState::extend(const HeldPtr& held) {
  queue_.extend_async(
      held->delivery, visibility_,
      [self = shared_from_this(), held](const Result<Extended>& result) { self->extended(held, result); });
}

void ConsumerState::extended(const HeldPtr& held, const Result<Extended>& result) {
  {
    const std::lock_guard lock(mutex_);
    held->extending = false;
    if (held->settled) return;
  }
  if (result) return;
  const errc code = result.error().code;
  if (code == errc::lease_expired || code == errc::stale_receipt || code == errc::message_not_found ||
      is_final(code)) {
    lose(held);
  }
}

void ConsumerState::lose(const HeldPtr& held) {
  if (!held->lost.request_stop()) return;
  const std::lock_guard lock(mutex_);
  ++statistics_.leases_lost;
}

void ConsumerState::report(const Error& error) {
  if (!options_.on_error) return;
  const std::lock_guard lock(report_mutex_);
  options_.on_error(error);
}

void ConsumerState::begin_stop() {
  std::stop_source stop;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    stop = stop_receive_;
  }
  stop.request_stop();
  changed_.notify_all();
  release_buffer();
}

/// What was received and not begun goes back at once, uncounted.
void ConsumerState::release_buffer() {
  std::deque<HeldPtr> unused;
  {
    const std::lock_guard lock(mutex_);
    unused.swap(buffer_);
  }
  for (const auto& held : unused) settle(held, release);
}

bool ConsumerState::wait_for_handlers(SteadyTime until) {
  std::unique_lock lock(mutex_);
  const auto idle = [this] { return running_ == 0 && settling_ == 0 && !receiving_; };
  if (until == SteadyTime::never()) {
    changed_.wait(lock, idle);
    return true;
  }
  const auto left = until - node_->core().clock().steady();
  return changed_.wait_for(lock, std::max(left, std::chrono::nanoseconds(0)), idle);
}

void ConsumerState::stop_tokens() {
  std::vector<HeldPtr> held;
  {
    const std::lock_guard lock(mutex_);
    held.assign(held_.begin(), held_.end());
  }
  for (const auto& one : held) one->lost.request_stop();
}

void ConsumerState::join() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
  for (auto& thread : threads) thread.join();
}

void ConsumerState::stop(SteadyTime until) {
  begin_stop();
  if (!wait_for_handlers(until)) {
    stop_tokens();
    wait_for_handlers(SteadyTime::never());
  }
  join();
}

void ConsumerState::end_for_node(SteadyTime until) {
  if (wait_for_handlers(until)) return;
  stop_tokens();
  std::vector<HeldPtr> unfinished;
  {
    const std::lock_guard lock(mutex_);
    std::copy_if(held_.begin(), held_.end(), std::back_inserter(unfinished),
                 [](const HeldPtr& held) { return !held->settled; });
  }
  for (const auto& held : unfinished) (void)held->delivery.release();
}

void ConsumerState::destroy() {
  begin_stop();
  stop_tokens();
  wait_for_handlers(SteadyTime::never());
  join();
}

Result<void> ConsumerState::status() const {
  const std::lock_guard lock(mutex_);
  return ended_.code == errc::ok ? Result<void>() : Result<void>(ended_);
}

ConsumerStatistics ConsumerState::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

}  // namespace peerq::detail
