#include "api/consumer_state.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <new>
#include <string>
#include <system_error>

#include "api/arguments.hpp"

namespace peerq::detail {

namespace {

constexpr std::uint32_t concurrency_max = 1'024;
constexpr auto receive_wait = std::chrono::seconds(20);
/// After a failed receive, before the next try.
constexpr auto receive_retry = std::chrono::milliseconds(100);
/// A lease is given up this part of its time before its end, at most 5 s (S65).
constexpr auto margin_max = std::chrono::milliseconds(5'000);

constexpr auto margin_part = 10;
/// After a failed extension the next try comes after this part of the lease.
constexpr auto retry_part = 8;
/// Leases are looked at once in this time at least, so that nothing of a consumer that went stays for hours.
constexpr auto longest_look = std::chrono::minutes(1);

Milliseconds margin_of(Milliseconds lease) { return std::min<Milliseconds>(lease / margin_part, margin_max); }

Milliseconds length_of(const Delivery& delivery) { return Access::state(delivery)->lease_length; }

SteadyTime deadline_of(const Delivery& delivery) { return Access::state(delivery)->deadline(); }

SteadyTime before(SteadyTime time, std::chrono::nanoseconds duration) { return {time.ns - duration.count()}; }

/// Errors after which a consumer can do nothing more.
bool is_final(errc code) {
  return code == errc::closed || code == errc::queue_deleted || code == errc::queue_not_found ||
         code == errc::node_failed || code == errc::corrupt || code == errc::forked ||
         code == errc::version_mismatch;
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
  if (Access::handle(queue_)->origin != engine::Origin{}) {
    return {errc::invalid_argument, "a consumer makes many requests, this handle is for one of a session"};
  }
  return check_receive({.visibility_timeout = options_.visibility_timeout});
}

void ConsumerState::start() {
  if (ended_ = check_options(); ended_.code != errc::ok) return report(ended_);
  if (node_->forked()) return report(ended_ = Error(errc::forked));
  if (!options_.executor) {
    Error error = start_threads();
    if (threads_.empty()) ended_ = error;
    if (error.code != errc::ok) report(error);
    if (threads_.empty()) return;
  }
  node_->add(shared_from_this());
  receive_more();
}

/// As many as the system gives.
Error ConsumerState::start_threads() {
  threads_.reserve(options_.concurrency);
  try {
    while (threads_.size() < options_.concurrency) threads_.emplace_back([this] { thread_main(); });
  } catch (const std::system_error& error) {
    return {errc::limit_exceeded, "threads: " + std::to_string(threads_.size()) + " of " +
                                      std::to_string(options_.concurrency) + ", then: " + error.what()};
  }
  return {};
}

/// Under the lock: how many more messages may be received.
std::size_t ConsumerState::room() const {
  const std::size_t most = options_.concurrency + options_.prefetch;
  return held_.size() >= most ? 0 : most - held_.size();
}

/// Under the lock: how many of them the next receive asks for. It may bring one group only, on which one
/// handler works: a place is kept for each other handler that has no group.
std::size_t ConsumerState::wanted() const {
  const std::size_t most = std::min<std::size_t>(room(), limits::receive_messages_max);
  if (!Access::handle(queue_)->fifo || turns_.groups() >= options_.concurrency) return most;
  const std::size_t kept = options_.concurrency - turns_.groups() - 1;
  return most > kept ? most - kept : std::min<std::size_t>(most, 1);
}

void ConsumerState::receive_more() {
  ReceiveOptions options{.wait = receive_wait, .visibility_timeout = options_.visibility_timeout};
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || receiving_ || room() == 0) return;
    receiving_ = true;
    options.max_messages = static_cast<std::uint32_t>(wanted());
    options.stop = stop_receive_.get_token();
  }
  queue_.receive_async(options, [self = shared_from_this()](Result<std::vector<Delivery>> result) {
    self->received(std::move(result));
  });
}

void ConsumerState::received(Result<std::vector<Delivery>> result) {
  bool again = true;
  SteadyTime look = SteadyTime::never();
  {
    const std::lock_guard lock(mutex_);
    receiving_ = false;
    if (result) {
      for (auto& delivery : *result) {
        auto held = std::make_shared<Held>(std::move(delivery));
        held_.insert(held);
        turns_.add(held);
        look = std::min(look, looks_of(*held).next());
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
    const auto retry = [self = shared_from_this()](node::Request&) { self->receive_more(); };
    return node_->call_at(at, retry, RunOn::callback_lane);
  }
  if (!result) return;
  bool late = false;
  {
    const std::lock_guard lock(mutex_);
    late = stopping_;
  }
  if (late) return release_unbegun();
  arm_look(look);
  dispatch();
  receive_more();
}

/// With a host's executor: one task for each message that may begin. Own threads take theirs themselves.
void ConsumerState::dispatch() {
  if (!options_.executor) return;
  for (;;) {
    HeldPtr held;
    {
      const std::lock_guard lock(mutex_);
      if (turns_.empty() || running_ >= options_.concurrency) return;
      held = turns_.take();
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
      changed_.wait(lock, [this] { return stopping_ || !turns_.empty(); });
      if (stopping_) return;
      held = turns_.take();
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
  const bool returns = outcome.kind == Outcome::Kind::retry || outcome.kind == Outcome::Kind::release;
  HeldPtr behind;
  {
    const std::lock_guard lock(mutex_);
    held->settled = true;
    ++settling_;
    // They return with it, uncounted (S44).
    if (const auto dropped = returns ? drop_lease_of(*held) : std::vector<HeldPtr>(); !dropped.empty()) {
      behind = dropped.front();
    }
  }
  const auto deleted = [self = shared_from_this(), held](const Result<Deleted>& result) {
    self->settled(held, result ? Error() : result.error(), nullptr, result && result->already_gone);
  };
  const auto returned = [self = shared_from_this(), held, behind](const Result<Returned>& result) {
    self->settled(held, result ? Error() : result.error(), behind, false);
  };
  switch (outcome.kind) {
    case Outcome::Kind::done:
      if (!outcome.result.empty()) return queue_.done_async(held->delivery, outcome.result, {}, deleted);
      return queue_.erase_async(held->delivery, deleted);
    case Outcome::Kind::retry: {
      NackOptions options{.delay = {}, .reason = outcome.reason};
      if (outcome.delay >= Milliseconds(0)) options.delay = outcome.delay;
      return queue_.nack_async(held->delivery, options, returned);
    }
    case Outcome::Kind::reject: return queue_.reject_async(held->delivery, outcome.reason, deleted);
    case Outcome::Kind::release: return queue_.release_async(held->delivery, returned);
  }
}

/// `behind` is the first of its group that was dropped with it. What failed to be settled, or was another's
/// to delete, comes again, and before those behind it.
void ConsumerState::settled(const HeldPtr& held, const Error& error, HeldPtr behind, bool was_gone) {
  const bool failed = error.code != errc::ok;
  const bool over = was_gone && deadline_of(held->delivery) <= node_->core().clock().steady();
  {
    const std::lock_guard lock(mutex_);
    held_.erase(held);
    --settling_;
    if (failed || over) {
      if (const auto dropped = drop_lease_of(*held); !dropped.empty()) behind = dropped.front();
    }
    turns_.left(*held);
  }
  if ((failed || over) && behind != nullptr) give_back(behind);
  turn_came();
  if (failed) report(error);
  receive_more();
}

/// Under the lock: what shares the lease and was not begun is not held any more.
std::vector<HeldPtr> ConsumerState::drop_lease_of(const Held& held) {
  auto dropped = turns_.drop_lease_of(held);
  for (const auto& one : dropped) held_.erase(one);
  return dropped;
}

/// To its queue, and with it those behind it in its group (S44). Nothing is lost if the lease has ended.
void ConsumerState::give_back(const HeldPtr& held) {
  {
    const std::lock_guard lock(mutex_);
    ++settling_;
  }
  queue_.release_async(held->delivery, [self = shared_from_this()](const Result<Returned>&) {
    {
      const std::lock_guard lock(self->mutex_);
      --self->settling_;
    }
    self->changed_.notify_all();
  });
}

void ConsumerState::turn_came() {
  changed_.notify_all();
  dispatch();
}

/// Under the lock.
ConsumerState::Looks ConsumerState::looks_of(const Held& held) const {
  return held.settled ? Looks() : looks_of_lease(held);
}

/// Under the lock: also when others share the lease of a message that was settled.
ConsumerState::Looks ConsumerState::looks_of_lease(const Held& held) const {
  Looks looks;
  const SteadyTime deadline = deadline_of(held.delivery);
  const Milliseconds length = length_of(held.delivery);
  if (options_.extend && !held.care().extending) {
    looks.extend = std::max(before(deadline, length / 2), held.care().extend_after);
  }
  if (!held.lost.stop_requested()) looks.lose = before(deadline, margin_of(length));
  return looks;
}

/// Calls cannot be taken back: one that an earlier one overtook does nothing.
void ConsumerState::arm_look(SteadyTime at) {
  if (at == SteadyTime::never()) return;
  at = std::min(at, node_->core().clock().steady() + longest_look);
  {
    const std::lock_guard lock(mutex_);
    if (at >= armed_at_) return;
    armed_at_ = at;
  }
  const auto look = [weak = weak_from_this(), at](node::Request& request) {
    const auto self = weak.lock();
    if (self == nullptr || request.error.code != errc::ok) return;
    {
      const std::lock_guard lock(self->mutex_);
      if (self->armed_at_ != at) return;
      self->armed_at_ = SteadyTime::never();
    }
    self->look_after_leases();
  };
  node_->call_at(at, look, RunOn::callback_lane);
}

void ConsumerState::look_after_leases() {
  std::vector<HeldPtr> extend_now;
  std::vector<HeldPtr> lost;
  const SteadyTime now = node_->core().clock().steady();
  SteadyTime next = SteadyTime::never();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& held : held_) {
      Looks looks = looks_of(*held);
      if (looks.lose <= now) {
        lost.push_back(held);
        looks.lose = SteadyTime::never();
      }
      if (looks.extend <= now) {
        held->care().extending = true;
        extend_now.push_back(held);
        looks.extend = SteadyTime::never();
      }
      next = std::min(next, looks.next());
    }
  }
  for (const auto& held : lost) lose(held);
  for (const auto& held : extend_now) extend(held);
  arm_look(next);
}

void ConsumerState::extend(const HeldPtr& held) {
  queue_.extend_async(
      held->delivery, length_of(held->delivery),
      [self = shared_from_this(), held](const Result<Extended>& result) { self->extended(held, result); });
}

void ConsumerState::extended(const HeldPtr& held, const Result<Extended>& result) {
  const Milliseconds length = length_of(held->delivery);
  SteadyTime next;
  bool settled = false;
  {
    const std::lock_guard lock(mutex_);
    LeaseCare& care = held->care();
    care.extending = false;
    settled = held->settled;
    if (settled && held->group_lease() == nullptr) return;
    if (!result) {
      care.extend_after = node_->core().clock().steady() + std::max(length / retry_part, Milliseconds(1));
    } else if (result->granted < length) {
      care.extend_after = SteadyTime::never();
    }
    next = looks_of_lease(*held).next();
  }
  const errc code = result ? errc::ok : result.error().code;
  const bool lost = code == errc::lease_expired || code == errc::stale_receipt ||
                    code == errc::message_not_found || is_final(code);
  if (lost && !settled) return lose(held);
  arm_look(next);
}

/// With those who share its lease (S44): who works on it is told, who waits behind is not handled.
void ConsumerState::lose(const HeldPtr& held) {
  if (held->lost.stop_requested()) return;
  std::vector<HeldPtr> lost;
  HeldPtr first;
  {
    const std::lock_guard lock(mutex_);
    lost = sharers_of(held);
    if (const auto dropped = drop_lease_of(*held); !dropped.empty()) first = dropped.front();
  }
  const auto tell = [](const HeldPtr& one) { return one->lost.request_stop(); };
  const auto told = std::count_if(lost.begin(), lost.end(), tell);
  {
    const std::lock_guard lock(mutex_);
    statistics_.leases_lost += static_cast<std::uint64_t>(told);
  }
  if (first == nullptr) return;
  give_back(first);
  turn_came();
  receive_more();
}

/// Under the lock: itself too.
std::vector<HeldPtr> ConsumerState::sharers_of(const HeldPtr& held) const {
  if (held->group_lease() == nullptr) return {held};
  std::vector<HeldPtr> out;
  std::copy_if(held_.begin(), held_.end(), std::back_inserter(out), [&](const HeldPtr& one) {
    return !one->settled && one->group_lease() == held->group_lease();
  });
  return out;
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
  release_unbegun();
}

/// What was received and not begun goes back at once, uncounted; those of a group with the first of them.
void ConsumerState::release_unbegun() {
  std::vector<HeldPtr> first;
  {
    const std::lock_guard lock(mutex_);
    std::unordered_set<const GroupLease*> seen;
    for (auto& held : turns_.drop_all()) {
      const GroupLease* lease = held->group_lease();
      if (lease == nullptr || seen.insert(lease).second) {
        first.push_back(std::move(held));
      } else {
        held_.erase(held);
      }
    }
  }
  for (const auto& held : first) settle(held, release);
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
  if (node_->forked()) return;
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
  // All in one entry; closing the core waits for it as long as there is time.
  for (const auto& held : unfinished) {
    queue_.release_async(
        held->delivery, [](const Result<Returned>&) {}, RunOn::any_thread);
  }
}

void ConsumerState::destroy(std::shared_ptr<ConsumerState> consumer) {
  if (consumer == nullptr) return;
  if (consumer->node_->forked()) {
    // Its threads are the parent's, its locks may be taken for ever: what cannot be ended is left alone.
    new (std::nothrow) std::shared_ptr<ConsumerState>(std::move(consumer));
    return;
  }
  consumer->begin_stop();
  consumer->stop_tokens();
  consumer->wait_for_handlers(SteadyTime::never());
  consumer->join();
}

Result<void> ConsumerState::status() const {
  if (node_->forked()) return errc::forked;
  const std::lock_guard lock(mutex_);
  return ended_.code == errc::ok ? Result<void>() : Result<void>(ended_);
}

ConsumerStatistics ConsumerState::statistics() const {
  if (node_->forked()) return {};
  const std::lock_guard lock(mutex_);
  return statistics_;
}

}  // namespace peerq::detail
