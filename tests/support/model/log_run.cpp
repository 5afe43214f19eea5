#include "support/model/log_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <map>
#include <set>
#include <sstream>
#include <variant>

#include "peerq/engine/tables.hpp"
#include "support/model/compare.hpp"
#include "support/model/dice.hpp"
#include "support/model/log_maker.hpp"
#include "support/model/reference_model.hpp"

namespace peerq::model {

namespace {

constexpr std::size_t genes_per_log = 400;
constexpr std::size_t commands_per_entry_max = 4;

class LogRun {
 public:
  LogRun(System& system, const LogOptions& options)
      : system_(system), options_(options), maker_(model_, system) {}

  LogResult run(const Genes& genes) {
    try {
      run_steps(genes);
    } catch (const engine::TablesFailure& failure) {
      fail("the tables failed: " + failure.error.text());
    } catch (const std::exception& error) {
      fail(std::string("exception: ") + error.what());
    }
    result_.trace = trace_.str();
    return std::move(result_);
  }

 private:
  void run_steps(const Genes& genes) {
    for (const std::uint64_t gene : genes) {
      step(gene);
      if (!result_.violation.empty()) return;
    }
    if (!maker_.empty()) flush();
    if (result_.violation.empty()) compare_states(7);
  }

  void step(std::uint64_t gene) {
    Dice dice(gene);
    const bool close =
        dice.chance(45) || maker_.commands().size() >= commands_per_entry_max || retention_was_configured();
    if (!maker_.empty() && close) {
      flush();
      if (result_.violation.empty()) disturb(dice);
    }
    if (!result_.violation.empty()) return;
    if (maker_.empty()) {
      maker_.begin(dice);
      // What expires may do so in an order that the semantics leave open: it gets an entry of its own.
      if (maker_.next_expiry() <= maker_.header().stamps.wall) apply(maker_.header(), {});
    }
    if (result_.violation.empty()) maker_.add(dice);
  }

  /// A new retention acts at the next entry at the latest; whether in the same one already is left open.
  bool retention_was_configured() const {
    if (maker_.empty()) return false;
    const auto* configure = std::get_if<engine::Configure>(&maker_.commands().back().body);
    return configure != nullptr && configure->config.options.retention;
  }

  void disturb(Dice& dice) {
    if (dice.chance(10)) ask(dice);
    if (dice.below(1000) < options_.checkpoints && system_.checkpoint())
      note("checkpoint", Situation::checkpointed);
    if (dice.below(1000) < options_.restores && system_.restore(dice.pick<std::size_t>({1, 500, 60'000}))) {
      note("restore", Situation::restored);
      if (!maker_.header().expiry_halted) compare_states(1 + dice.below(5));
    } else if (dice.below(1000) < options_.restarts && system_.restart()) {
      note("restart", Situation::restarted);
      // A halt ends with a restart (S64): what the time has passed for is then hidden again.
      if (!maker_.header().expiry_halted) compare_states(1 + dice.below(5));
    } else if (dice.chance(3)) {
      compare_states(1 + dice.below(5));
    }
  }

  void note(const char* what, Situation situation) {
    met(situation);
    if (options_.trace) trace_ << what << "\n";
  }

  void flush() {
    const engine::Effects effects = apply(maker_.header(), maker_.commands());
    maker_.finish(effects);
  }

  engine::Effects apply(const engine::EntryHeader& header, std::span<const engine::Command> commands) {
    if (options_.trace) trace_ << show(header, commands) << "\n";
    engine::EntryView view;
    view.header = header;
    view.commands = commands;
    aim(commands);
    engine::Effects expected = model_.apply(view);
    const engine::Effects actual = system_.apply(header, commands);
    ++result_.entries;
    result_.steps += std::max<std::size_t>(1, commands.size());
    if (options_.trace) {
      for (const auto& reply : expected.replies) trace_ << "    -> " << show(reply) << "\n";
    }
    count(expected, commands);
    fail(difference(expected, actual, commands));
    if (result_.violation.empty()) adopt();
    if (result_.violation.empty()) check_counters();
    if (result_.violation.empty()) check_due();
    return expected;
  }

  void adopt() {
    std::map<QueueId, std::vector<engine::MessageInfo>> answers;
    std::set<QueueId> moving;
    for (const auto& question : model_.open) {
      met(question.kind == OpenQuestion::retry ? Situation::retry_with_jitter : Situation::order_left_open);
      if (question.kind == OpenQuestion::transfer) {
        moving.insert(question.queue);
        continue;
      }
      auto& list = answers[question.queue];
      if (auto info = system_.get(question.queue, question.id, maker_.header().stamps)) list.push_back(*info);
    }
    for (const auto& [queue, infos] : answers) fail(model::adopt(model_, queue, infos));
    for (const QueueId queue : moving) fail(model::adopt(model_, queue, system_.moving(queue, 1000)));
  }

  void check_counters() {
    for (const auto& [queue, state] : model_.queues) {
      const auto facts = system_.facts(queue, maker_.header().stamps);
      if (!facts) return fail("facts: " + facts.error().text());
      const auto& c = facts->counters;
      const auto gone =
          c.deleted + c.expired + c.dead_lettered + c.purged + c.cancelled + c.dropped + c.redriven;
      if (c.sent + c.arrived != c.live() + gone) return fail("the counters do not add up: " + show(*facts));
      const auto mine = model_.facts(queue);
      if (!same(mine.counters, c) || !oldest_allowed(queue, mine, *facts) || mine.paused != facts->paused ||
          mine.at_in_flight_cap != facts->at_in_flight_cap) {
        return fail("facts:\n    model  " + show(mine) + "\n    system " + show(*facts));
      }
      check_deliverable(queue, state);
    }
  }

  /// Exact without groups; else there is something to get when, and only when, the model has something.
  void check_deliverable(QueueId queue, const ModelQueue& state) {
    const std::uint64_t mine = model_.deliverable(queue);
    const std::uint64_t other = system_.deliverable(queue);
    const auto& o = state.config.options;
    const bool exact = state.groups.empty() && o.rate.per_second_thousandths == 0;
    if (exact ? mine == other : (mine > 0) == (other > 0)) return;
    fail(fmt::format("deliverable of q{}: model {}, system {}", queue.value & 0xffffffff, mine, other));
  }

  /// The oldest: by place or by first send, which differ where messages were dead-lettered. Unclear while
  /// some wait to be swept.
  bool oldest_allowed(QueueId queue, const engine::QueueFacts& mine, const engine::QueueFacts& other) const {
    if (mine.oldest == other.oldest || model_.next_due().wall <= model_.now.wall) return true;
    if (!mine.oldest || !other.oldest) return false;
    WallTime least = WallTime::never();
    for (const auto& message : model_.list(queue)) {
      if (message.state == engine::MessageState::ready || mine.counters.ready == 0) {
        least = std::min(least, message.first_sent);
      }
    }
    return *other.oldest >= least && *other.oldest <= *mine.oldest;
  }

  static bool same(engine::QueueRow mine, const engine::QueueRow& other) {
    mine.retention_timer = other.retention_timer;
    mine.last_attempt_token = other.last_attempt_token;
    mine.receipt_epoch = other.receipt_epoch;
    mine.next_group = other.next_group;
    mine.turn = other.turn;
    mine.purged_turn = other.purged_turn;
    mine.purges = other.purges;
    mine.credits = other.credits;
    mine.bucket = other.bucket;
    mine.timer = other.timer;
    return mine == other;
  }

  /// A timer may be early, never late; the lease timer is exact.
  void check_due() {
    const auto mine = model_.next_due();
    const auto other = system_.next_due();
    const bool rated = std::any_of(model_.queues.begin(), model_.queues.end(), [](const auto& queue) {
      const auto& o = queue.second.config.options;
      return o.rate.per_second_thousandths > 0 || o.group_rate.per_second_thousandths > 0;
    });
    const bool redriven = std::any_of(model_.queues.begin(), model_.queues.end(),
                                      [](const auto& queue) { return queue.second.redrive.has_value(); });
    const bool early =
        other.lease < mine.lease && (rated || had_rates_ || redriven || !model_.sessions.empty());
    had_rates_ = had_rates_ || rated;
    if (mine.lease != other.lease && !other.more && !early) fail("the next lease deadline is wrong");
    if (other.lease > model_.next_token() && !other.more) fail("the next token is later than it is there");
    const WallTime latest = std::max(mine.wall, maker_.header().stamps.wall);
    if (latest < other.wall && !other.more && !maker_.header().expiry_halted) {
      fail("the next due time is later than what is due");
    }
  }

  void compare_states(std::size_t page) {
    met(Situation::compared);
    fail(first_difference(dump(model_), dump(system_, maker_.header().stamps, page)));
    for (const auto& [id, outcome] : model_.outcomes) awaited_.insert(id);
    // Who waits for what was purged is told when its space is freed.
    if (!system_.next_due().more)
      fail(first_difference(outcomes(awaited_, model_), outcomes(awaited_, system_)));
    for (const auto& [id, queue] : model_.queues) count_tasks(queue);
  }

  void count_tasks(const ModelQueue& queue) {
    if (const auto& redrive = queue.redrive) {
      if (redrive->skipped > 0) met(Situation::redrive_skipped);
      if (redrive->failed > 0) met(Situation::redrive_failed);
      if (redrive->moved > 0) met(Situation::redriven);
      if (redrive->moved > 0 && !redrive->finished) met(Situation::redrive_waits);
    }
    for (const auto& [name, schedule] : queue.schedules) {
      if (schedule.sent > 0) met(Situation::run_sent);
      if (schedule.lost > 0) met(Situation::run_lost);
      if (schedule.missed_runs > 0) met(Situation::run_missed);
      if (schedule.caught_up > 0) met(Situation::runs_caught_up);
    }
  }

  /// Why a message waits, and what the groups are.
  void ask(Dice& dice) {
    const Stamps now = maker_.header().stamps;
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [position, message] : queue.messages) {
        if (!dice.chance(20)) continue;
        const auto answer = system_.explain(id, message.id, now);
        if (!answer && answer.error() == errc::not_supported) return;
        const std::string mine = show(model_.explain(id, position));
        const std::string other = answer ? show(*answer) : std::string(name_of(answer.error().code));
        met(Situation::explained);
        if (mine != other)
          fail("explain " +
               fmt::format("q{} {:x}", message.id.incarnation.value & 0xffffffff, message.id.sequence.value) +
               ":\n    model  " + mine + "\n    system " + other);
      }
      compare_groups(id, 1 + dice.below(3));
    }
  }

  void compare_groups(QueueId queue, std::size_t page) {
    std::string mine;
    std::string other;
    for (const auto& group : model_.groups(queue)) mine += "  " + show(group) + "\n";
    for (std::string after;;) {
      const auto answer = system_.groups(queue, after, page);
      if (!answer && answer.error() == errc::not_supported) return;
      if (!answer) return fail("groups: " + answer.error().text());
      for (const auto& group : answer->groups) other += "  " + show(group) + "\n";
      if (!answer->next) break;
      after = *answer->next;
    }
    fail(first_difference(mine, other));
  }

  void fail(const std::string& what) {
    if (result_.violation.empty() && !what.empty()) result_.violation = what;
  }

  void met(Situation situation) { ++result_.met[static_cast<std::size_t>(situation)]; }

  /// What a command finds, seen before it is applied.
  void aim(std::span<const engine::Command> commands) {
    for (const auto& command : commands) {
      if (const auto* close = std::get_if<engine::CloseSession>(&command.body)) count_bound(close->session);
      const auto session = model_.sessions.find(command.origin.session);
      const bool known = session != model_.sessions.end();
      if (known && session->second.replies.contains(command.origin.sequence))
        met(Situation::session_replayed);
      aim_between_shards(command);
    }
    if (commands.empty()) return;
    const auto* settle = std::get_if<engine::Settle>(&commands[0].body);
    if (settle == nullptr || settle->items.empty()) return;
    const auto& lease = settle->items[0].lease;
    const auto* message = model_.message(settle->queue, lease.sequence);
    if (message == nullptr || message->attempt != lease.attempt || lease.attempt == 0) return;
    const bool leased = message->state == engine::MessageState::in_flight;
    if (!leased && settle->verb == engine::Verb::erase) met(Situation::late_erase);
    if (!leased && settle->verb == engine::Verb::reject) met(Situation::late_reject);
    const auto most = model_.config(settle->queue)->options.max_receives;
    if (leased && settle->verb == engine::Verb::nack && most > 0 && message->receive_count >= most) {
      met(Situation::nack_last_attempt);
    }
  }

  void aim_between_shards(const engine::Command& command) {
    if (const auto* moved = std::get_if<engine::Moved>(&command.body)) {
      const bool moves = model_.moving.contains({moved->queue, moved->target, moved->transfer});
      if (moves && moved->refused != errc::ok) met(Situation::came_back);
    }
    if (const auto* stop = std::get_if<engine::StopRedrive>(&command.body)) {
      const auto queue = model_.queues.find(stop->queue);
      const bool known = queue != model_.queues.end() && queue->second.redrive.has_value();
      if (known && !queue->second.redrive->finished) met(Situation::redrive_stopped);
    }
    if (const auto* arrive = std::get_if<engine::Arrive>(&command.body)) {
      const auto queue = model_.queues.find(arrive->queue);
      const bool came = queue != model_.queues.end() && queue->second.came.contains(arrive->from);
      if (came && arrive->transfer <= queue->second.came.at(arrive->from)) met(Situation::arrived_again);
    }
  }

  void count_bound(SessionId session) {
    for (const auto& [id, queue] : model_.queues) {
      for (const auto& [position, message] : queue.messages)
        if (message.bound == session) met(Situation::session_ended_lease);
    }
  }

  void count(const engine::Effects& effects, std::span<const engine::Command> commands) {
    for (const auto& event : effects.events) {
      switch (event.kind) {
        case engine::EventKind::expired: met(Situation::expired); break;
        case engine::EventKind::dead_lettered: met(Situation::dead_lettered); break;
        case engine::EventKind::parked:
          met(Situation::parked);
          if (model_.config(event.queue) && model_.config(event.queue)->dead_letter.value != 0) {
            met(Situation::dead_letter_missing);
          }
          break;
        case engine::EventKind::lease_lapsed: met(Situation::lease_lapsed); break;
        case engine::EventKind::dropped: met(Situation::dropped); break;
      }
    }
    if (!effects.moving.empty()) met(Situation::moved_away);
    if (!effects.outcomes.empty()) met(Situation::outcome_told);
    if (maker_.header().expiry_halted) met(Situation::expiry_halted);
    if (maker_.header().expiry_halted && model_.next_due().wall <= maker_.header().stamps.wall) {
      met(Situation::expired_while_halted);
    }
    if (last_lease_due_ == maker_.header().stamps.lease) met(Situation::lapsed_exactly);
    last_lease_due_ = model_.next_due().lease;
    for (std::size_t i = 0; i < commands.size(); ++i) count_command(commands[i], effects.replies[i]);
  }

  void count_command(const engine::Command& command, const engine::Reply& reply) {
    if (reply.code == errc::queue_deleted) met(Situation::queue_deleted);
    if (const auto* send = std::get_if<engine::Send>(&command.body)) count_send(*send, reply);
    if (const auto* receive = std::get_if<engine::Receive>(&command.body)) count_receive(*receive, reply);
    if (const auto* settle = std::get_if<engine::Settle>(&command.body)) count_settle(*settle, reply);
    if (reply.code == errc::session_expired) met(Situation::session_expired);
    if (reply.code == errc::outcome_unknown) met(Situation::outcome_unknown);
    if (std::holds_alternative<engine::Transact>(command.body))
      met(reply.code == errc::ok ? Situation::transacted : Situation::transaction_refused);
    if (std::holds_alternative<engine::ReceiveSeveral>(command.body) && !reply.grants.empty())
      met(Situation::received_from_several);
    for (const auto& item : reply.items) {
      if (item.deduplicated) met(Situation::deduplicated);
      if (item.requester_gone) met(Situation::requester_gone);
    }
    if (std::holds_alternative<engine::Arrive>(command.body))
      met(reply.code == errc::ok ? Situation::arrived : Situation::arrival_refused);
    if (std::holds_alternative<engine::Kick>(command.body) && reply.count > 0) met(Situation::kicked);
    if (std::holds_alternative<engine::Purge>(command.body) && reply.count > 0) met(Situation::purged);
    if (const auto* configure = std::get_if<engine::Configure>(&command.body)) {
      const auto* now = model_.config(configure->config.id);
      met(configure->removed                            ? Situation::removed
          : now != nullptr && *now == configure->config ? Situation::configured
                                                        : Situation::old_configure);
    }
  }

  void count_send(const engine::Send& send, const engine::Reply& reply) {
    if (send.atomic) met(reply.code == errc::ok ? Situation::send_atomic : Situation::send_atomic_refused);
    count_code(reply.code, Situation::send_invalid);
    if (reply.items.size() != send.items.size()) return;  // refused, or the reply to another request
    for (std::size_t i = 0; i < reply.items.size(); ++i) {
      const auto code = reply.items[i].code;
      count_code(code, Situation::send_invalid);
      if (code != errc::ok) continue;
      met(Situation::sent);
      if (send.items[i].due > maker_.header().stamps.wall) met(Situation::sent_delayed);
      if (send.items[i].time_to_live_ms > 0) met(Situation::sent_with_time_to_live);
    }
  }

  void count_code(errc code, Situation invalid) {
    if (code == errc::queue_full) met(Situation::queue_full);
    if (code == errc::message_too_large) met(Situation::message_too_large);
    if (code == errc::invalid_argument) met(invalid);
    if (code == errc::stale_receipt) met(Situation::stale_receipt);
    if (code == errc::message_not_found) met(Situation::message_not_found);
    if (code == errc::lease_expired) met(Situation::lease_expired);
  }

  void count_receive(const engine::Receive& receive, const engine::Reply& reply) {
    count_code(reply.code, Situation::receive_invalid);
    const auto* config = model_.config(receive.queue);
    if (reply.code != errc::ok || config == nullptr) return;
    if (reply.grants.empty()) {
      met(Situation::received_nothing);
      if (config->paused) met(Situation::paused);
      if (model_.facts(receive.queue).at_in_flight_cap) met(Situation::at_in_flight_cap);
      return;
    }
    if (receive.erase) met(Situation::receive_erase);
    if (receive.max_bytes < 100 && reply.grants.size() < receive.max_messages)
      met(Situation::receive_cut_by_bytes);
    if (!receive.attempt_id.empty()) {
      met(reply.grants[0].deadline < maker_.header().stamps.lease + Milliseconds(1) ||
                  given_.contains({receive.queue, reply.grants[0].lease})
              ? Situation::attempt_id_repeated
              : Situation::receive_with_attempt_id);
    }
    for (const auto& grant : reply.grants) {
      met(grant.lease.attempt > 1 ? Situation::redelivered : Situation::received);
      if (grant.source.value != 0) met(Situation::receive_dead_lettered);
      given_[{receive.queue, grant.lease}] = true;
    }
  }

  void count_settle(const engine::Settle& settle, const engine::Reply& reply) {
    if (reply.items.size() != settle.items.size()) return;
    for (std::size_t i = 0; i < reply.items.size(); ++i) {
      const auto& item = reply.items[i];
      count_code(item.code, Situation::settle_invalid);
      if (item.already_gone) met(Situation::already_gone);
      if (item.already_returned) met(Situation::already_returned);
      if (item.code != errc::ok || item.already_gone || item.already_returned) continue;
      switch (settle.verb) {
        case engine::Verb::erase: met(Situation::erased); break;
        case engine::Verb::extend:
          met(settle.items[i].value_ms == 0                ? Situation::extend_zero
              : item.granted_ms < settle.items[i].value_ms ? Situation::extend_clamped
                                                           : Situation::extended);
          break;
        case engine::Verb::nack: met(Situation::nacked); break;
        case engine::Verb::release: met(Situation::released); break;
        case engine::Verb::reject: met(Situation::rejected); break;
      }
    }
  }

  System& system_;
  LogOptions options_;
  ReferenceModel model_;
  LogMaker maker_;
  LogResult result_;
  std::ostringstream trace_;
  LeaseTime last_lease_due_;
  bool had_rates_ = false;
  std::set<MessageId> awaited_;
  std::map<std::pair<QueueId, engine::LeaseRef>, bool> given_;
};

}  // namespace

std::string_view name_of(Situation situation) noexcept {
  constexpr std::string_view names[] = {
#define PEERQ_X(name) #name,
      PEERQ_MODEL_SITUATIONS(PEERQ_X)
#undef PEERQ_X
  };
  return names[static_cast<std::size_t>(situation)];
}

void LogResult::add(const LogResult& other) {
  steps += other.steps;
  entries += other.entries;
  if (violation.empty()) violation = other.violation;
  for (std::size_t i = 0; i < met.size(); ++i) met[i] += other.met[i];
}

LogResult run_log(System& system, const Genes& genes, const LogOptions& options) {
  return LogRun(system, options).run(genes);
}

Genes make_genes(std::uint64_t seed, std::size_t count) {
  Dice dice(seed);
  Genes genes(count);
  for (auto& gene : genes) gene = dice.next();
  return genes;
}

Genes shrink(const Genes& genes, const std::function<bool(const Genes&)>& fails, std::size_t runs) {
  Genes best = genes;
  for (std::size_t chunk = best.size() / 2; chunk > 0 && runs > 0;) {
    bool smaller = false;
    for (std::size_t at = 0; at < best.size() && runs > 0;) {
      Genes tried = best;
      const auto begin = tried.begin() + static_cast<std::ptrdiff_t>(at);
      tried.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(chunk, tried.size() - at)));
      --runs;
      if (fails(tried)) {
        best = std::move(tried);
        smaller = true;
      } else {
        at += chunk;
      }
    }
    if (!smaller || chunk > 1) chunk = chunk == 1 ? 0 : chunk / 2;
  }
  return best;
}

LogResult run_logs(const SystemFactory& make, std::uint64_t seed, std::uint64_t steps,
                   const LogOptions& options, const std::function<void(std::uint64_t)>& progress) {
  LogResult all;
  Dice dice(seed);
  while (all.steps < steps && all.violation.empty()) {
    const Genes genes = make_genes(dice.next(), genes_per_log);
    const auto system = make();
    const LogResult one = run_log(*system, genes, options);
    all.add(one);
    if (progress) progress(all.steps);
    if (one.violation.empty()) continue;
    const auto fails = [&](const Genes& tried) {
      return !run_log(*make(), tried, options).violation.empty();
    };
    LogOptions traced = options;
    traced.trace = true;
    const LogResult least = run_log(*make(), shrink(genes, fails), traced);
    all.violation = least.trace + "  VIOLATION " + least.violation;
  }
  return all;
}

}  // namespace peerq::model
