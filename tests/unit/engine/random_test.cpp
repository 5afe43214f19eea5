// Random commands: what must always hold holds after every entry, and an engine that forgets everything
// derived before each entry (as after a crash) answers exactly as one that never forgot.

#include <array>
#include <random>

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

/// A reply as text, to compare two engines.
std::string text_of(const Effects& effects, const std::vector<Reply>& replies) {
  std::string out;
  const auto add = [&](auto... numbers) { ((out += std::to_string(numbers) + ' '), ...); };
  for (const Reply& reply : replies) {
    add(static_cast<int>(reply.code), reply.count, reply.skipped);
    out += reply.detail;
    for (const ItemReply& item : reply.items) {
      add(static_cast<int>(item.code), item.id.sequence.value, item.granted_ms, item.already_gone,
          item.already_returned);
    }
    for (const Grant& grant : reply.grants) {
      add(grant.lease.sequence.value, grant.lease.attempt, grant.receive_count, grant.deadline.us,
          grant.id.incarnation.value, grant.id.sequence.value);
      out += body_of(grant) + grant.note;
    }
  }
  for (const QueueId queue : effects.ready) add(queue.value);
  for (const QueueId queue : effects.deleted) add(queue.value);
  for (const Event& event : effects.events) add(static_cast<int>(event.kind), event.queue.value, event.count);
  add(effects.more_due);
  return out;
}

/// Makes the same random command for both shards.
class Script {
 public:
  explicit Script(std::uint32_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  QueueConfig config(std::size_t slot, std::uint64_t version) {
    QueueConfig out;
    out.id = queues_[slot];
    out.version = version;
    out.name = "q" + std::to_string(out.id.value);
    out.options.visibility_timeout = Milliseconds(1 + below(2'000));
    out.options.max_lease_time = Milliseconds(2'000 + below(3'000));
    out.options.max_receives = static_cast<std::uint32_t>(below(4));
    out.options.max_in_flight = below(3) == 0 ? static_cast<std::uint32_t>(1 + below(5)) : 0;
    out.options.dead_letter_expired = below(2) == 0;
    if (below(2) == 0) out.options.retention = Milliseconds(1'000 + below(4'000));
    if (below(3) == 0) out.options.time_to_live = Milliseconds(1 + below(4'000));
    if (below(3) == 0) out.options.delay = Milliseconds(below(1'000));
    if (below(3) == 0) out.options.max_messages = below(40);
    out.options.retry.base = Milliseconds(below(2) * 300);
    if (slot > 0 && below(3) != 0) out.dead_letter = queues_[slot - 1];
    out.paused = below(10) == 0;
    return out;
  }

  CommandBody command(Shard& shard, std::vector<std::pair<QueueId, LeaseRef>>& leases) {
    const std::size_t slot = below(queues_.size());
    const QueueId queue = queues_[slot];
    switch (below(16)) {
      case 0:
      case 1:
      case 2: return send(shard, queue);
      case 3:
      case 4:
      case 5: return receive(queue);
      case 6:
      case 7:
      case 8:
      case 9:
      case 10:
      case 11: return settle(leases);
      case 12: return Kick{queue, {}, static_cast<std::uint32_t>(below(4))};
      case 13: return below(6) == 0 ? CommandBody(Purge{queue}) : CommandBody(Tick{});
      case 14: return kick(shard, queue);
      default: break;
    }
    if (below(4) != 0) return Tick{};
    const Configure configure{config(slot, ++version_), below(12) == 0};
    if (configure.removed) queues_[slot] = QueueId{++newest_};  // an id is never used again
    return configure;
  }

 private:
  Send send(Shard& shard, QueueId queue) {
    items_.clear();
    for (std::uint64_t n = 1 + below(6); n > 0; --n) {
      SendItem item = shard.item(std::string(below(9), 'x'));
      if (below(3) == 0) item.due = shard.now.wall + Milliseconds(below(2'000));
      if (below(3) == 0) item.time_to_live_ms = static_cast<std::int64_t>(below(3'000)) - 1;
      items_.push_back(item);
    }
    return Send{queue, below(3) == 0, items_};
  }
  Receive receive(QueueId queue) {
    static const std::string ids = "abc";
    Receive out;
    out.queue = queue;
    out.max_messages = static_cast<std::uint32_t>(1 + below(6));
    out.max_bytes = 1 + below(30);
    out.visibility_ms = static_cast<std::int64_t>(below(2) * (1 + below(1'500)));
    out.erase = below(8) == 0;
    if (below(3) == 0) out.attempt_id = as_bytes(ids).subspan(below(3), 1);
    return out;
  }
  CommandBody settle(std::vector<std::pair<QueueId, LeaseRef>>& leases) {
    if (leases.empty()) return Tick{};
    settles_.clear();
    QueueId queue;
    for (std::uint64_t n = 1 + below(3); n > 0; --n) {
      const auto& [of, lease] = leases[leases.size() - 1 - below(std::min<std::size_t>(leases.size(), 40))];
      if (!settles_.empty() && of != queue) continue;
      queue = of;
      const std::int64_t value = below(3) == 0 ? -1 : static_cast<std::int64_t>(below(1'000));
      settles_.push_back({lease, value, below(2) == 0 ? as_bytes("reason") : Bytes{}});
    }
    return Settle{queue, static_cast<Verb>(below(5)), settles_};
  }
  Kick kick(Shard& shard, QueueId queue) {
    ids_.clear();
    for (const auto& [key, row] : shard.tables.rows<MessageRow>()) {
      if (key.queue == queue && below(4) == 0 && ids_.size() < 5) ids_.push_back(row.id(key));
    }
    return Kick{queue, ids_, 0};
  }

  std::mt19937 random_;
  std::array<QueueId, 4> queues_{QueueId{1}, QueueId{2}, QueueId{3}, QueueId{4}};
  std::uint64_t newest_ = 4;
  std::uint64_t version_ = 10;
  std::vector<SendItem> items_;
  std::vector<SettleItem> settles_;
  std::vector<MessageId> ids_;
};

void run(std::uint32_t seed, int entries) {
  INFO("seed " << seed);
  Script script(seed);
  Shard steady;
  Shard forgetful;
  forgetful.check_every_entry = false;  // its tables are compared with the other's
  std::vector<std::pair<QueueId, LeaseRef>> leases;
  std::vector<Command> commands;
  for (std::size_t slot = 0; slot < 4; ++slot) {
    Command command;
    command.body = Configure{script.config(slot, 1), false};
    commands.push_back(command);
  }
  for (int entry = 0; entry < entries; ++entry) {
    const auto replies = steady.apply(commands);
    forgetful.restart();
    forgetful.now = steady.now;
    forgetful.halted = steady.halted;
    const auto again = forgetful.apply(commands);
    REQUIRE(text_of(steady.effects, replies) == text_of(forgetful.effects, again));
    if (entry % 16 == 0 || entry + 1 == entries) REQUIRE(steady.tables == forgetful.tables);
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const auto* receive = std::get_if<Receive>(&commands[i].body);
      if (receive == nullptr) continue;
      for (const Grant& grant : replies[i].grants) leases.emplace_back(receive->queue, grant.lease);
    }
    const NextDue due = steady.engine().next_due();
    const NextDue forgotten = forgetful.engine().next_due();
    REQUIRE((due.lease == forgotten.lease && due.wall == forgotten.wall && due.more == forgotten.more));
    if (script.below(20) == 0) steady.halted = !steady.halted;
    steady.pass(Milliseconds(script.below(5) == 0 ? script.below(800) : script.below(3)));
    if (script.below(30) == 0) steady.now.wall = steady.now.wall + Milliseconds(script.below(2'000));
    commands.assign(1, Command{});
    commands.front().body = script.command(steady, leases);
  }
}

TEST_CASE("random commands keep every invariant, and forgetting what is derived changes no answer") {
  std::random_device entropy;
  const std::uint32_t seed = entropy();
  for (std::uint32_t i = 0; i < 3; ++i) run(seed + i, 600);
}

TEST_CASE("random commands: seeds that once were interesting") {
  for (const std::uint32_t seed : {1U, 2U, 3U}) run(seed, 600);
}

}  // namespace
}  // namespace peerq::test
