// Node: receiving from several queues (S27).
//
// Queues of one shard are one request: the engine shares by the parts that this call is planned to give, so
// that the weights hold over many calls (receive_shares.hpp). Queues of several shards are one request each,
// made and collected here: first each shard in turn is asked for what is there, beginning with one that the
// weights choose; when nothing is there, all wait, and the first that gets something ends the others. What
// was won beyond `max_messages` and `max_bytes` is released, uncounted.

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "api/arguments.hpp"
#include "api/receive.hpp"

namespace peerq {

namespace {

using detail::Access;
using detail::HandlePointer;
using detail::NodeState;
using node::ReceiveRequest;
using Deliveries = std::vector<Delivery>;

/// The queues of one shard.
struct Part {
  ShardId shard;
  std::uint64_t weight = 0;
  std::vector<HandlePointer> queues;
  std::vector<engine::WeightedQueue> weighted;
  /// What this call may give of each.
  std::vector<engine::WeightedQueue> plan = {};
};

Error check(const NodeState& node, std::span<const WeightedQueue> queues, const ReceiveOptions& options) {
  if (queues.empty() || queues.size() > limits::receive_queues_max) {
    return {errc::invalid_argument,
            fmt::format("{} queues, must be 1 to {}", queues.size(), limits::receive_queues_max)};
  }
  for (const auto& [queue, weight] : queues) {
    if (weight < 1 || weight > limits::receive_weight_max) {
      return {errc::invalid_argument, fmt::format("weight of queue {} is {}, must be 1 to {}", queue.name(),
                                                  weight, limits::receive_weight_max)};
    }
    if (Access::handle(queue)->origin != engine::Origin{}) {
      return {
          errc::invalid_argument,
          fmt::format("queue {} is of a session's request; give the request in the options", queue.name())};
    }
    if (Access::handle(queue)->node.get() != &node)
      return {errc::invalid_argument, fmt::format("queue {} is of another node", queue.name())};
  }
  if (!options.attempt_id.empty())
    return {errc::invalid_argument, "attempt_id is given to a receive from several queues, which has none"};
  if (options.bind_to_session)
    return {errc::invalid_argument, "bind_to_session is not possible in a receive from several queues"};
  return detail::check_receive(options);
}

Result<std::vector<Part>> parts_of(std::span<const WeightedQueue> queues, const ReceiveOptions& options) {
  std::vector<Part> parts;
  for (const auto& [queue, weight] : queues) {
    const HandlePointer& handle = Access::handle(queue);
    const auto has_shard = [&](const Part& part) { return part.shard == handle->shard; };
    auto part = std::find_if(parts.begin(), parts.end(), has_shard);
    if (part == parts.end())
      part = parts.insert(part, Part{.shard = handle->shard, .queues = {}, .weighted = {}, .plan = {}});
    const auto is_it = [&](const HandlePointer& other) { return other->id == handle->id; };
    if (std::any_of(part->queues.begin(), part->queues.end(), is_it)) {
      return Error(errc::invalid_argument, fmt::format("queue {} is named twice", handle->name));
    }
    part->weight += weight;
    part->queues.push_back(handle);
    part->weighted.push_back({handle->id, weight});
  }
  if (parts.size() > 1 && options.request != RequestId{}) {
    return Error(errc::cross_shard, "a session's request from queues of different durability");
  }
  return parts;
}

std::shared_ptr<ReceiveRequest> make_request(const Part& part, const ReceiveOptions& options) {
  auto request = std::make_shared<ReceiveRequest>();
  request->queue = part.queues.front()->id;
  request->shard = part.shard;
  request->several = part.plan;
  request->origin = detail::origin_of(options.request);
  request->max_messages = options.max_messages;
  request->max_bytes = options.max_bytes;
  request->visibility_ms = options.visibility_timeout ? options.visibility_timeout->count() : 0;
  return request;
}

void plan(NodeState& node, std::vector<Part>& parts, std::uint32_t max_messages) {
  for (Part& part : parts) part.plan = node.shares().plan(part.weighted, max_messages);
}

/// The call has ended: what came otherwise than planned is put right.
void end_plan(NodeState& node, const Part& part, const Result<Deliveries>& got) {
  std::vector<std::uint32_t> given(part.plan.size());
  if (got) {
    for (const auto& delivery : *got) {
      const QueueId queue = Access::state(delivery)->queue->id;
      const auto is_it = [&](const engine::WeightedQueue& one) { return one.queue == queue; };
      const auto at = std::find_if(part.plan.begin(), part.plan.end(), is_it);
      if (at != part.plan.end()) ++given[static_cast<std::size_t>(at - part.plan.begin())];
    }
  }
  node.shares().ended(part.weighted, part.plan, given);
}

std::uint64_t counted_bytes(const NodeState& node, const Delivery& delivery) {
  const auto view = node.core().codec().read_message(Access::state(delivery)->message);
  return view ? port::counted_size({view->body, view->attributes, view->reply_to, view->correlation_id}) : 0;
}

/// How many of the first deliveries may be kept: at least one.
std::size_t within(const NodeState& node, const Deliveries& got, const ReceiveOptions& options) {
  std::uint64_t left = options.max_bytes;
  std::size_t count = 0;
  for (; count < std::min<std::size_t>(got.size(), options.max_messages); ++count) {
    const std::uint64_t bytes = counted_bytes(node, got[count]);
    if (bytes > left && count > 0) break;
    left -= std::min(bytes, left);
  }
  return count;
}

/// Nobody takes these: back to their queues, uncounted (S27).
void release(NodeState& node, std::span<const Delivery> deliveries) {
  for (const auto& delivery : deliveries) {
    const auto& state = *Access::state(delivery);
    auto request = std::make_shared<node::SettleRequest>();
    request->queue = state.queue->id;
    request->shard = state.queue->shard;
    request->verb = engine::Verb::release;
    request->items.push_back({.lease = state.lease, .value_ms = -1, .reason = {}, .result = {}});
    request->epochs.push_back(state.epoch);
    node.submit(std::move(request), limits::timeout_default, RunOn::any_thread);
  }
}

/// A receive from queues of several shards, until its answer.
/// **Thread** any: requests end on whatever thread.
class Shards : public std::enable_shared_from_this<Shards> {
 public:
  using Answer = UniqueFunction<void(Result<Deliveries>)>;

  Shards(std::shared_ptr<NodeState> node, std::vector<Part> parts, const ReceiveOptions& options,
         Answer answer)
      : node_(std::move(node)),
        parts_(std::move(parts)),
        options_(options),
        wait_until_(detail::wait_until(*node_, options)),
        answer_(std::move(answer)) {}

  void start() {
    if (options_.stop.stop_possible()) {
      on_stop_.emplace(options_.stop, OnStop{weak_from_this()});
    }
    look(0);
  }

 private:
  struct OnStop {
    std::weak_ptr<Shards> weak;
    void operator()() const {
      if (const auto self = weak.lock()) self->stop();
    }
  };

  /// Asks shard after shard for what is there.
  void look(std::size_t index) {
    auto options = options_;
    options.max_messages -= static_cast<std::uint32_t>(got_.size());
    for (const auto& delivery : got_) options.max_bytes -= counted_bytes(*node_, delivery);
    auto request = make_request(parts_[index], options);
    {
      const std::lock_guard lock(mutex_);
      if (stopped_ && got_.empty()) error_ = errc::cancelled;
      running_.assign(1, request);
    }
    if (error_.code != errc::ok) return end();
    request->on_done = [self = shared_from_this(), index](node::Request& done) { self->looked(index, done); };
    node_->submit(std::move(request), detail::whole_timeout(options_), RunOn::any_thread);
  }

  void looked(std::size_t index, node::Request& done) {
    take(index, done);
    const bool full = is_full();
    if (full || (got_.empty() && error_.code != errc::ok)) return end();
    if (index + 1 < parts_.size()) return look(index + 1);
    if (got_.empty() && wait_until_ > node_->core().clock().steady()) return wait();
    end();
  }

  /// The first message may be larger than `max_bytes`.
  bool is_full() const {
    std::uint64_t bytes = 0;
    for (const auto& delivery : got_) bytes += counted_bytes(*node_, delivery);
    return got_.size() >= options_.max_messages || bytes >= options_.max_bytes;
  }

  /// Nothing was there: all wait.
  void wait() {
    std::vector<std::shared_ptr<ReceiveRequest>> requests;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      auto request = make_request(parts_[i], options_);
      request->wait_until = wait_until_;
      request->on_done = [self = shared_from_this(), i](node::Request& done) { self->waited(i, done); };
      requests.push_back(std::move(request));
    }
    bool stopped = false;
    {
      const std::lock_guard lock(mutex_);
      running_ = requests;
      waiting_ = requests.size();
      stopped = stopped_;
    }
    for (const auto& request : requests) {
      node_->submit(request, detail::whole_timeout(options_), RunOn::any_thread);
    }
    if (stopped) cancel_running();
  }

  void waited(std::size_t index, node::Request& done) {
    bool won = false;
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      take(index, done);
      won = !std::exchange(ending_, ending_ || !got_.empty() || error_.code != errc::ok) && ending_;
      last = --waiting_ == 0;
    }
    if (won && !last) cancel_running();
    if (last) end();
  }

  /// What one request brought. That it was cancelled for another's sake is no error.
  void take(std::size_t index, node::Request& done) {
    auto result = detail::deliveries_of(static_cast<ReceiveRequest&>(done), parts_[index].queues);
    if (result) {
      for (auto& delivery : *result) got_.push_back(std::move(delivery));
    } else if (error_.code == errc::ok && !ending_) {
      error_ = result.error();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    cancel_running();
  }

  void cancel_running() {
    std::vector<std::shared_ptr<ReceiveRequest>> requests;
    {
      const std::lock_guard lock(mutex_);
      requests = running_;
    }
    for (auto& request : requests) node_->cancel(std::move(request));
  }

  void end() {
    on_stop_.reset();
    {
      const std::lock_guard lock(mutex_);
      running_.clear();
    }
    const std::size_t kept = within(*node_, got_, options_);
    release(*node_, std::span(got_).subspan(kept));
    got_.erase(got_.begin() + static_cast<std::ptrdiff_t>(kept), got_.end());
    Result<Deliveries> result = got_.empty() && error_.code != errc::ok
                                    ? Result<Deliveries>(std::move(error_))
                                    : Result<Deliveries>(std::move(got_));
    for (const Part& part : parts_) end_plan(*node_, part, result);
    answer_(std::move(result));
  }

  const std::shared_ptr<NodeState> node_;
  const std::vector<Part> parts_;
  const ReceiveOptions options_;
  const SteadyTime wait_until_;
  Answer answer_;
  std::optional<std::stop_callback<OnStop>> on_stop_;
  /// Guards what follows while several requests are under way; never held while calling anything that may end
  /// one.
  std::mutex mutex_;
  std::vector<std::shared_ptr<ReceiveRequest>> running_;
  std::size_t waiting_ = 0;
  bool stopped_ = false;
  /// One has got something, or failed: the others only have to end.
  bool ending_ = false;
  Deliveries got_;
  Error error_;
};

/// The shard to begin with: each as often as its weight says.
void turn(NodeState& node, std::vector<Part>& parts) {
  std::vector<engine::WeightedQueue> shards;
  for (const auto& part : parts)
    shards.push_back({part.queues.front()->id, static_cast<std::uint32_t>(part.weight)});
  const QueueId chosen = node.shares().plan(shards, 1).front().queue;
  const auto is_it = [&](const Part& part) { return part.queues.front()->id == chosen; };
  std::rotate(parts.begin(), std::find_if(parts.begin(), parts.end(), is_it), parts.end());
}

}  // namespace

Result<Deliveries> Node::receive_from(std::span<const WeightedQueue> queues, const ReceiveOptions& options) {
  if (Error error = check(*state_, queues, options); error.code != errc::ok) return error;
  auto parts = parts_of(queues, options);
  if (!parts) return std::move(parts).error();
  if (options.stop.stop_requested()) return errc::cancelled;
  plan(*state_, *parts, options.max_messages);
  if (parts->size() == 1) {
    const auto request = make_request(parts->front(), options);
    request->wait_until = detail::wait_until(*state_, options);
    detail::call_receive(*state_, request, options);
    auto got = detail::deliveries_of(*request, parts->front().queues);
    end_plan(*state_, parts->front(), got);
    return got;
  }
  turn(*state_, *parts);
  struct Ended {
    std::atomic<std::uint32_t> word{0};
    Result<Deliveries> result{Deliveries()};
  };
  const auto ended = std::make_shared<Ended>();
  const auto answer = [ended, state = state_](Result<Deliveries> result) {
    ended->result = std::move(result);
    ended->word.store(1, std::memory_order_release);
    state->core().executor().wake(ended->word);
  };
  std::make_shared<Shards>(state_, std::move(*parts), options, answer)->start();
  state_->core().await_word(ended->word);
  return std::move(ended->result);
}

void Node::receive_from_async(std::span<const WeightedQueue> queues, const ReceiveOptions& options,
                              UniqueFunction<void(Result<Deliveries>)> answer, RunOn where) {
  Error error = check(*state_, queues, options);
  auto parts =
      error.code == errc::ok ? parts_of(queues, options) : Result<std::vector<Part>>(std::move(error));
  if (!parts) return state_->refuse(std::move(answer), std::move(parts).error(), where);
  if (options.stop.stop_requested()) return state_->refuse(std::move(answer), Error(errc::cancelled), where);
  plan(*state_, *parts, options.max_messages);
  if (parts->size() == 1) {
    Part& part = parts->front();
    const auto request = make_request(part, options);
    request->wait_until = detail::wait_until(*state_, options);
    const auto handles = part.queues;
    auto ended = [state = state_, part = std::move(part),
                  answer = std::move(answer)](Result<Deliveries> got) mutable {
      end_plan(*state, part, got);
      answer(std::move(got));
    };
    return detail::submit_receive(state_, request, handles, options, std::move(ended), where);
  }
  turn(*state_, *parts);
  auto hand_over = [state = state_, answer = std::move(answer), where](Result<Deliveries> result) mutable {
    if (where == RunOn::any_thread) return answer(std::move(result));
    auto later = [answer = std::move(answer), result = std::move(result)](node::Request&) mutable {
      answer(std::move(result));
    };
    state->call_at(SteadyTime{}, std::move(later), where);
  };
  std::make_shared<Shards>(state_, std::move(*parts), options, std::move(hand_over))->start();
}

}  // namespace peerq
