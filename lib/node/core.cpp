// The token, the steps under it, and what the log writer brings back.

#include "node/core.hpp"

#include <thread>
#include <utility>

#include "peerq/base/assert.hpp"

namespace peerq::node {

namespace {

/// Steps that one holder makes before it passes the token on, so that a caller is not held for others' work.
constexpr int steps_max = 8;
/// Commits that a blocking caller makes in a row while its own request is not finished.
constexpr int caller_commits_max = 4;
constexpr auto write_retry = std::chrono::milliseconds(100);

std::uint64_t bytes_of(const std::vector<port::LogWrite>& writes) {
  std::uint64_t bytes = 0;
  for (const auto& write : writes) {
    for (const auto& record : write.records) bytes += record.body.size();
  }
  return bytes;
}

}  // namespace

/// Carries the token to the core lane. If the lane was stopped, the token is given up in an orderly way.
class Core::TokenTask {
 public:
  explicit TokenTask(std::shared_ptr<Core> core) noexcept : core_(std::move(core)) {}
  TokenTask(TokenTask&&) noexcept = default;
  TokenTask& operator=(TokenTask&&) = delete;
  ~TokenTask() {
    if (core_ != nullptr) core_->hold(Runner::stopped);
  }
  void operator()() {
    const auto core = std::move(core_);
    core->run_held(Runner::core_lane);
  }

 private:
  std::shared_ptr<Core> core_;
};

/// Runs completion handlers; if their lane was stopped, the thread that stops it runs them: each runs exactly
/// once.
class Core::CallbackTask {
 public:
  explicit CallbackTask(Done requests) noexcept : requests_(std::move(requests)) {}
  CallbackTask(CallbackTask&&) noexcept = default;
  CallbackTask& operator=(CallbackTask&&) = delete;
  ~CallbackTask() { run(); }
  void operator()() { run(); }

 private:
  void run() {
    for (auto& request : std::exchange(requests_, {})) {
      auto on_done = std::move(request->on_done);
      request->done.store(Request::ended, std::memory_order_release);
      on_done(*request);
    }
  }

  Done requests_;
};

Core::Core(CoreParts parts) : parts_(std::move(parts)), writer_(parts_.store->log()) {
  static constexpr std::array<const char*, shard_count> names{"catalog", "data", "interval", "memory"};
  static constexpr std::array keeps{Keep::durable, Keep::durable, Keep::interval, Keep::memory};
  for (std::uint32_t i = 0; i < shard_count; ++i) {
    Shard& shard = shards_[i];
    shard.id = ShardId(i);
    shard.keep = keeps[i];
    shard.name = names[i];
    shard.replicator = std::move(parts_.replicators[i]);
    shard.decoder = parts_.codec->make_decoder();
    if (shard.id == catalog_shard) {
      shard.machine = &parts_.store->catalog();
    } else {
      shard.queues = &parts_.store->queues(shard.id);
      shard.machine = shard.queues;
    }
  }
}

Core::~Core() = default;

void Core::submit(std::shared_ptr<Request> request) {
  mailbox_.push(std::move(request));
  run(Runner::submitter, nullptr);
}

void Core::call(const std::shared_ptr<Request>& request) {
  mailbox_.push(request);
  run(Runner::caller, request.get());
  for (;;) {
    std::uint32_t seen = Request::open;
    request->done.compare_exchange_strong(seen, Request::awaited, std::memory_order_acq_rel);
    if (seen == Request::ended) return;
    parts_.executor->wait(request->done, Request::awaited, SteadyTime::never());
    // Not finished: the executor was stopped, and whoever looks next ends everything with `closed`.
    if (!request->finished()) run(Runner::caller, request.get());
  }
}

void Core::await_word(std::atomic<std::uint32_t>& word) {
  while (word.load(std::memory_order_acquire) == 0) {
    parts_.executor->wait(word, 0, SteadyTime::never());
    // As in `call`: when the executor was stopped, whoever looks next ends everything.
    if (word.load(std::memory_order_acquire) == 0) run(Runner::caller, nullptr);
  }
}

void Core::cancel(std::shared_ptr<Request> target) {
  auto request = std::make_shared<CancelRequest>();
  request->target = std::move(target);
  submit(std::move(request));
}

void Core::confirm_clock() {
  confirm_clock_.store(true, std::memory_order_relaxed);
  run(Runner::submitter, nullptr);
}

void Core::report_damage(ShardId shard, Error damage) {
  auto request = std::make_shared<DamageRequest>();
  request->shard = shard;
  request->damage = std::move(damage);
  submit(std::move(request));
}

void Core::run(Runner runner, const Request* own) {
  bool write = enter(runner);
  for (int commits = 0; write; ++commits) {
    const bool own_open = own != nullptr && !own->finished() && commits < caller_commits_max;
    if (runner != Runner::writer_lane && !own_open) {
      post_writer();
      return;
    }
    write = commit_and_enter(runner);
  }
}

void Core::run_held(Runner runner) {
  if (hold(runner)) post_writer();
}

bool Core::commit_and_enter(Runner runner) {
  writer_.commit();
  return enter(runner);
}

void Core::post_writer() {
  parts_.executor->post(port::Lane::writer, [self = shared_from_this()] {
    while (self->commit_and_enter(Runner::writer_lane)) {
    }
  });
}

bool Core::enter(Runner runner) {
  if (work_.fetch_add(1, std::memory_order_acq_rel) != 0) return false;
  const bool outsider = runner == Runner::caller || runner == Runner::submitter;
  if (outsider && !parts_.executor->callers_may_run()) {
    pass_token();
    return false;
  }
  return hold(runner);
}

void Core::pass_token() { parts_.executor->post(port::Lane::core, TokenTask(shared_from_this())); }

bool Core::hold(Runner runner) {
  Done done;
  std::uint32_t seen = work_.load(std::memory_order_acquire);
  for (int steps = 1;; ++steps) {
    step(runner == Runner::stopped);
    for (auto& request : done_) done.push_back(std::move(request));
    done_.clear();
    const bool write = std::exchange(writer_appointed_, false);
    if (work_.compare_exchange_strong(seen, 0, std::memory_order_acq_rel)) {
      complete(done);
      return write;
    }
    if (runner != Runner::stopped && (write || steps >= steps_max)) {
      pass_token();
      complete(done);
      return write;
    }
  }
}

void Core::step(bool stopped) {
  now_ = parts_.clock->steady();
  if (stopped && !shut_) shut_down();
  if (shut_) return refuse_everything();
  if (timer_fired_.exchange(false, std::memory_order_relaxed)) armed_at_ = SteadyTime::never();
  take_written();
  take_checkpoint();
  drain_mailbox();
  expire_deadlines();
  run_calls();
  consider_ticks();
  resolve_calendars();
  carry_moves();
  for (bool again = true; again;) {
    again = false;
    for (auto& shard : shards_) again = pump(shard) || again;
    if (again) resolve_calendars(), carry_moves();
  }
  for (auto& shard : shards_) has_stopped(shard);
  consider_checkpoints();
  if (closing_.load(std::memory_order_relaxed)) advance_closing();
  start_writer();
  arm_timer();
}

void Core::drain_mailbox() {
  for (auto request = mailbox_.take(); request != nullptr;) {
    auto after = Mailbox::follow(*request);
    admit(request);
    request = std::move(after);
  }
}

void Core::finish(const std::shared_ptr<Request>& request, Error error) {
  if (request == nullptr || request->stage == Stage::finished) return;
  if (request->kind == Kind::send) {
    auto& send = static_cast<SendRequest&>(*request);
    // One that is under way stays counted until its entry is applied.
    if (request->stage == Stage::pending) left_entry(shard(request->shard), send);
    error = join_parts(send, std::move(error));
  }
  request->stage = Stage::finished;
  request->error = std::move(error);
  if (request->kind == Kind::configure && request->error.code != errc::ok)
    creator_failed(static_cast<const ConfigureRequest&>(*request).parent, request->error);
  if (request->kind == Kind::set_window) window_ended(static_cast<const CalendarRequest&>(*request));
  if (request->kind == Kind::move && request->error.code != errc::ok) {
    retry_moves(static_cast<const MoveRequest&>(*request));
  }
  if (request->kind == Kind::moved) move_ended(shard(request->shard));
  done_.push_back(request);
}

void Core::complete(Done& done) {
  Done callbacks;
  for (auto& request : done) {
    if (request->on_done && !request->inline_done) {
      callbacks.push_back(std::move(request));
      continue;
    }
    // The callback is taken off first: it may hold the request, and a blocked caller may go on at once.
    auto on_done = std::move(request->on_done);
    if (request->done.exchange(Request::ended, std::memory_order_acq_rel) == Request::awaited) {
      parts_.executor->wake(request->done);
    }
    if (on_done) on_done(*request);
  }
  done.clear();
  if (!callbacks.empty()) parts_.executor->post(port::Lane::callback, CallbackTask(std::move(callbacks)));
}

void Core::start_writer() {
  if (!writer_.idle() || !writer_.has_work() || is_failed() || abandoned_) return;
  if (retry_write_at_ != SteadyTime::never()) {
    if (now_ < retry_write_at_) return;
    retry_write_at_ = SteadyTime::never();
  }
  Shard& interval = shard(interval_shard);
  if (!writer_.urgent() && now_ < interval.write_by) return;
  interval.write_by = SteadyTime::never();
  writer_.start();
  writer_appointed_ = true;
}

void Core::take_written() {
  auto outcome = writer_.take_outcome();
  if (!outcome) return;
  progress_.fetch_add(1, std::memory_order_release);
  parts_.executor->wake(progress_);
  if (!outcome->result) return write_failed(outcome->result.error(), std::move(outcome->writes));
  parts_.observer->counter("log.commits", 1);
  parts_.observer->counter("log.bytes", bytes_of(outcome->writes));
  for (const auto& write : outcome->writes) {
    if (write.records.empty()) continue;
    Shard& shard = this->shard(write.shard);
    shard.durable = std::max(shard.durable, write.records.back().index);
    port::ReplicatorUpdate update;
    shard.replicator->persisted(shard.durable, update);
    carry_out(shard, std::move(update), 0);
  }
  refresh_usage();
}

void Core::write_failed(const Error& error, std::vector<port::LogWrite>&& writes) {
  if (error.code == errc::storage_full) {
    // Nothing happened: the batch is kept until there is room again.
    writer_.requeue(std::move(writes));
    retry_write_at_ = now_ + write_retry;
    set_accepts_sends(false);
    return;
  }
  fail_node("log", error);
}

/// A write or sync failed: it is not tried again, because the kernel may take the pages for clean now.
void Core::fail_node(const std::string& file, const Error& error) {
  if (is_failed()) return;  // written once: others read it without the token
  failed_ = Error(errc::node_failed, file + ": " + error.detail);
  failed_outside_.store(true, std::memory_order_release);
  parts_.observer->log(LogLevel::error, failed_.text());
  parts_.observer->event(NodeEvent::node_failed, file, 1);
  for (auto& shard : shards_) stop_shard(shard, failed_);
}

void Core::refresh_usage() {
  const auto usage = parts_.store->usage();
  send_room_ = usage.send_room;
  set_accepts_sends(usage.accepts_sends);
}

/// Whether `bytes` of new data may come in (S54).
Error Core::check_room(const Shard& shard, std::size_t bytes) const {
  const bool fits = shard.keep == Keep::memory || (accepts_sends() && bytes <= send_room_);
  return fits ? Error() : Error(errc::storage_full);
}

void Core::set_accepts_sends(bool accepts) {
  if (accepts_sends_.exchange(accepts, std::memory_order_relaxed) == accepts) return;
  parts_.observer->event(accepts ? NodeEvent::storage_freed : NodeEvent::storage_full, "", 1);
}

}  // namespace peerq::node
