// Message groups and FIFO queues: S29, S32, S42-S47, S62 as far as the engine decides.

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

/// One queue with groups.
class Grouped : public Shard {
 public:
  explicit Grouped(QueueOptions options = {}) : config(make(1, std::move(options))) {}

  MessageId put(std::string_view group, std::string_view body, std::uint8_t priority = 4) {
    SendItem one = item(body);
    one.group_id = as_bytes(group);
    one.priority = priority;
    Reply reply = send_batch(queue, {one});
    REQUIRE(reply.code == errc::ok);
    REQUIRE(reply.items.at(0).code == errc::ok);
    return reply.items.at(0).id;
  }
  /// The bodies that a receive gives, and their leases.
  std::string take(std::uint32_t max_messages = 1) {
    std::string out;
    for (Grant& grant : receive(queue, max_messages)) {
      out += as_text(grant.payload.bytes.bytes());
      leases.push_back(grant.lease);
      grants.push_back(std::move(grant));
    }
    return out;
  }
  LeaseRef last(std::size_t back = 0) const { return leases.at(leases.size() - 1 - back); }
  Reply change(GroupVerb verb, std::string_view group) {
    return apply(ChangeGroup{queue, verb, as_bytes(group)});
  }

  QueueId queue{1};
  QueueConfig config;
  std::vector<LeaseRef> leases;
  std::vector<Grant> grants;
};

QueueOptions fifo_of(QueueOptions options = {}) {
  options.type = QueueType::fifo;
  return options;
}

TEST_CASE("S42 a FIFO group is handed out in the order of its sends, groups are independent") {
  Grouped shard(fifo_of());
  shard.put("a", "1");
  shard.put("a", "2");
  shard.put("b", "3");
  shard.put("a", "4");
  CHECK(shard.take() == "1");
  CHECK(shard.take() == "3");
  CHECK(shard.take() == "");
  CHECK(shard.erase(shard.queue, shard.leases.at(0)).code == errc::ok);
  CHECK(shard.take() == "2");
  CHECK(shard.take() == "");
  shard.erase(shard.queue, shard.last());
  CHECK(shard.take() == "4");
}

TEST_CASE("S43 several of a group leave in one receive, in order, and lock the group") {
  Grouped shard(fifo_of());
  for (const char* body : {"1", "2", "3", "4"}) shard.put("a", body);
  shard.put("b", "5");
  CHECK(shard.take(3) == "123");
  CHECK(shard.grants.at(0).deadline == shard.grants.at(2).deadline);
  CHECK(shard.take(10) == "5");
  shard.erase(shard.queue, shard.leases.at(1));
  shard.erase(shard.queue, shard.leases.at(0));
  CHECK(shard.take() == "");
  shard.erase(shard.queue, shard.leases.at(2));
  CHECK(shard.take() == "4");
}

TEST_CASE("S44 a nack at the k-th returns it and the later ones, and only it counts") {
  Grouped shard(fifo_of());
  for (const char* body : {"1", "2", "3", "4"}) shard.put("a", body);
  CHECK(shard.take(4) == "1234");
  CHECK(shard.nack(shard.queue, shard.leases.at(1)).code == errc::ok);
  CHECK(shard.take(4) == "");  // the first is still leased
  shard.erase(shard.queue, shard.leases.at(0));
  CHECK(shard.take(4) == "234");
  CHECK(shard.grants.at(4).receive_count == 2);
  CHECK(shard.grants.at(5).receive_count == 1);
  CHECK(shard.grants.at(5).lease.attempt == 2);
  CHECK(shard.grants.at(6).receive_count == 1);
}

TEST_CASE("S44 release returns the later ones too, uncounted; reject leaves them leased") {
  Grouped shard(fifo_of());
  for (const char* body : {"1", "2", "3"}) shard.put("a", body);
  CHECK(shard.take(3) == "123");
  shard.release(shard.queue, shard.leases.at(1));
  CHECK(shard.counters(shard.queue).in_flight == 1);
  CHECK(shard.reject(shard.queue, shard.leases.at(0)).code == errc::ok);
  CHECK(shard.counters(shard.queue).parked == 1);
  CHECK(shard.take(3) == "23");
  CHECK(shard.grants.back().receive_count == 1);
}

TEST_CASE("S44 at expiry the first undeleted counts and all return; extend of one extends all") {
  Grouped shard(fifo_of());
  for (const char* body : {"1", "2", "3"}) shard.put("a", body);
  CHECK(shard.take(3) == "123");
  shard.erase(shard.queue, shard.leases.at(0));
  shard.pass(20s);
  CHECK(shard.extend(shard.queue, shard.leases.at(2), 30s).granted_ms == 30'000);
  shard.tick(20s);
  CHECK(shard.counters(shard.queue).in_flight == 2);
  shard.tick(10s);
  CHECK(shard.counters(shard.queue).in_flight == 0);
  CHECK(shard.events(EventKind::lease_lapsed, shard.queue) == 1);
  CHECK(shard.take(3) == "23");
  CHECK(shard.grants.at(3).receive_count == 2);
  CHECK(shard.grants.at(4).receive_count == 1);
}

TEST_CASE("S32 FIFO: a late delete succeeds only until another of its group is leased") {
  Grouped shard(fifo_of());
  for (const char* body : {"1", "2"}) shard.put("a", body);
  CHECK(shard.take(2) == "12");
  shard.tick(30s);
  CHECK(shard.take(1) == "1");
  CHECK(shard.erase(shard.queue, shard.leases.at(1)).code == errc::stale_receipt);
  shard.tick(30s);
  CHECK(shard.erase(shard.queue, shard.leases.at(2)).code == errc::ok);
}

TEST_CASE("S46 a retry delay holds the group; a delayed message blocks nobody before it is due") {
  Grouped shard(fifo_of());
  shard.put("a", "1");
  shard.put("a", "2");
  CHECK(shard.take() == "1");
  shard.nack(shard.queue, shard.last(), 10s);
  CHECK(shard.take() == "");
  CHECK(shard.counters(shard.queue).held == 2);
  shard.tick(10s);
  CHECK(shard.take() == "1");
  shard.erase(shard.queue, shard.last());
  SendItem late = shard.item("3");
  late.group_id = as_bytes("a");
  late.due = shard.now.wall + 5s;
  shard.send_batch(shard.queue, {late});
  shard.put("a", "4");
  CHECK(shard.take() == "2");
  shard.tick(5s);
  shard.erase(shard.queue, shard.last());
  CHECK(shard.take(2) == "34");
}

TEST_CASE("S45 poison: block dead-letters or parks alone and goes on; park_group keeps the order") {
  Grouped block(fifo_of({.max_receives = 1}));
  block.put("a", "1");
  block.put("a", "2");
  CHECK(block.take() == "1");
  block.nack(block.queue, block.last());
  CHECK(block.counters(block.queue).parked == 1);
  CHECK(block.take() == "2");

  Grouped park(fifo_of({.max_receives = 1, .poison = Poison::park_group}));
  park.put("a", "1");
  park.put("a", "2");
  park.put("b", "3");
  CHECK(park.take() == "1");
  park.nack(park.queue, park.last());
  CHECK(park.take(5) == "3");
  park.put("a", "4");
  park.change(GroupVerb::unpark, "a");
  CHECK(park.take(5) == "124");
  CHECK(park.grants.at(2).receive_count == 1);
}

TEST_CASE("S47 priority orders groups by their first message, never messages inside a group") {
  Grouped shard(fifo_of());
  shard.put("a", "1", 2);
  shard.put("a", "2", 9);
  shard.put("b", "3", 5);
  CHECK(shard.take() == "3");
  CHECK(shard.take() == "1");
  shard.put("c", "4", 6);
  shard.erase(shard.queue, shard.leases.at(1));
  CHECK(shard.take() == "2");
  CHECK(shard.take() == "4");
}

TEST_CASE("S29 backlogged groups of a standard queue are served in turn, those without a group as one") {
  Grouped shard;
  for (int i = 0; i < 4; ++i) shard.put("a", "a");
  for (int i = 0; i < 4; ++i) shard.put("b", "b");
  for (int i = 0; i < 4; ++i) shard.send(shard.queue, "-");
  std::string order;
  for (int i = 0; i < 12; ++i) order += shard.take();
  for (std::size_t i = 0; i < 12; i += 3) {
    const std::string round = order.substr(i, 3);
    CHECK(std::set<char>(round.begin(), round.end()).size() == 3);
  }
}

TEST_CASE("S26 strict: a lower level waits; weighted: each round holds each level's weight") {
  Grouped strict;
  strict.put("a", "1", 1);
  strict.put("b", "9", 9);
  strict.put("a", "5", 5);
  CHECK(strict.take(3) == "951");

  QueueOptions options{.priority_mode = PriorityMode::weighted};
  Grouped weighted(options);
  for (int i = 0; i < 120; ++i) {
    SendItem one = weighted.item(i % 2 == 0 ? "x" : "y");
    one.priority = i % 2 == 0 ? 9 : 4;
    weighted.send_batch(weighted.queue, {one});
  }
  const std::string round = weighted.take(15);
  CHECK(std::count(round.begin(), round.end(), 'x') == 10);
  CHECK(std::count(round.begin(), round.end(), 'y') == 5);
}

TEST_CASE("S26 priority_aging raises what waits") {
  Grouped shard({.priority_aging = 10s});
  SendItem low = shard.item("low");
  low.priority = 3;
  shard.send_batch(shard.queue, {low});
  shard.pass(21s);
  shard.send(shard.queue, "new");
  CHECK(shard.take() == "low");
  CHECK(shard.take() == "new");
}

TEST_CASE("S30 a queue's rate: burst at once, then one token after the other") {
  Grouped shard({.rate = {.per_second_thousandths = 2'000, .burst = 3}});
  for (int i = 0; i < 10; ++i) shard.send(shard.queue, "x");
  CHECK(shard.take(10) == "xxx");
  CHECK(shard.take(10) == "");
  CHECK(shard.engine().deliverable(shard.queue) == 0);
  shard.tick(499ms);
  CHECK(shard.take() == "");
  shard.tick(1ms);
  CHECK(shard.ready(shard.queue));
  CHECK(shard.take(10) == "x");
  shard.pass(1h);
  CHECK(shard.take(10) == "xxx");
}

TEST_CASE("S30 a group's rate and cap hold that group only") {
  Grouped shard({.max_in_flight_per_group = 2, .group_rate = {.per_second_thousandths = 1'000, .burst = 3}});
  for (int i = 0; i < 5; ++i) shard.put("a", "a");
  CHECK(shard.take(5) == "aa");
  shard.put("b", "b");
  CHECK(shard.take(5) == "b");
  CHECK(shard.counters(shard.queue).held == 3);
  shard.erase(shard.queue, shard.leases.at(0));
  CHECK(shard.take(5) == "a");
  shard.erase(shard.queue, shard.leases.at(1));
  CHECK(shard.take(5) == "");
  shard.tick(1s);
  CHECK(shard.take(5) == "a");
}

TEST_CASE("S8 purge unlocks groups and voids their delays, S7 deleting takes them away") {
  Grouped shard(fifo_of());
  shard.put("a", "1");
  shard.put("a", "2");
  shard.put("b", "3");
  CHECK(shard.take() == "1");
  CHECK(shard.take() == "3");
  shard.nack(shard.queue, shard.last(), 1h);
  shard.apply(Purge{shard.queue});
  CHECK(shard.counters(shard.queue).held == 0);
  shard.put("a", "4");
  shard.put("b", "5");
  CHECK(shard.take(5) == "45");
  for (int i = 0; i < 5; ++i) shard.tick(2h);
  shard.configure(shard.config, true);
  for (int i = 0; i < 5; ++i) shard.tick();
  CHECK(shard.tables.rows<GroupRow>().empty());
  CHECK(shard.tables.rows<RankRow>().empty());
  CHECK(shard.tables.rows<GroupNameRow>().empty());
}

TEST_CASE("S9 the count of held messages follows a changed cap when its group is next looked at") {
  Grouped shard({.max_in_flight_per_group = 1});
  for (const char* body : {"1", "2", "3"}) shard.put("a", body);
  CHECK(shard.take(3) == "1");
  CHECK(shard.counters(shard.queue).held == 2);
  shard.config.options.max_in_flight_per_group = 2;
  ++shard.config.version;
  shard.configure(shard.config);
  CHECK(shard.counters(shard.queue).held == 2);
  CHECK(shard.take() == "");
  shard.put("a", "4");  // looks at it
  CHECK(shard.counters(shard.queue).held == 0);
  CHECK(shard.take(3) == "2");
  CHECK(shard.counters(shard.queue).held == 2);
}

TEST_CASE("S3 S9 a receive looks at no more groups that a lower cap closes than at messages it skips") {
  Grouped shard;
  const std::size_t groups = limits::receive_skip_budget + 10;
  for (std::size_t i = 0; i < groups; ++i) {
    shard.put(std::to_string(i), "1");
    shard.put(std::to_string(i), "2");
  }
  std::size_t taken = 0;
  while (taken < groups)
    taken += shard.take(static_cast<std::uint32_t>(std::min<std::size_t>(groups - taken, 1'000))).size();
  shard.config.options.max_in_flight_per_group = 1;
  ++shard.config.version;
  shard.configure(shard.config);
  const auto held = [&] { return shard.counters(shard.queue).held; };
  CHECK(shard.take() == "");
  CHECK(held() == limits::receive_skip_budget);
  CHECK(shard.take() == "");
  CHECK(held() == groups);
}

TEST_CASE("S66 cancel takes out what is delayed, ready or parked") {
  Grouped shard(fifo_of());
  const MessageId first = shard.put("a", "1");
  const MessageId second = shard.put("a", "2");
  CHECK(shard.take() == "1");
  const std::vector<MessageId> ids{first, second};
  const Reply reply = shard.apply(Cancel{shard.queue, ids});
  CHECK(reply.items.at(0).code == errc::lease_held);
  CHECK(reply.items.at(1).code == errc::ok);
  CHECK_FALSE(reply.items.at(1).already_gone);
  CHECK(shard.apply(Cancel{shard.queue, {&second, 1}}).items.at(0).already_gone);
  shard.erase(shard.queue, shard.last());
  CHECK(shard.take() == "");
  CHECK(shard.counters(shard.queue).cancelled == 1);
}

TEST_CASE("S62 a FIFO queue refuses a message without a group") {
  Grouped shard(fifo_of());
  const Reply reply = shard.send_batch(shard.queue, {shard.item("x")});
  CHECK(reply.items.at(0).code == errc::invalid_argument);
}

TEST_CASE("a paused group gives nothing, and is known while it has no messages") {
  Grouped shard;
  shard.change(GroupVerb::pause, "a");
  shard.put("a", "1");
  shard.put("b", "2");
  CHECK(shard.take(5) == "2");
  shard.change(GroupVerb::resume, "a");
  CHECK(shard.take(5) == "1");
  shard.erase(shard.queue, shard.leases.at(0));
  shard.erase(shard.queue, shard.leases.at(1));
  CHECK(shard.tables.rows<GroupRow>().empty());
}

TEST_CASE("S78 a closed window stops new leases only") {
  QueueOptions options;
  options.windows = {{}};
  Grouped shard(options);
  shard.send(shard.queue, "1");
  CHECK(shard.take() == "");
  const std::vector<std::int64_t> turns{(shard.now.wall + 10s).ms, (shard.now.wall + 20s).ms};
  SetWindow window;
  window.queue = shard.queue;
  window.version = shard.config.version;
  window.open = false;
  window.turns_ms = turns;
  shard.apply(window);
  CHECK(shard.take() == "");
  shard.tick(10s);
  CHECK(shard.ready(shard.queue));
  CHECK(shard.take() == "1");
  shard.tick(10s);
  shard.send(shard.queue, "2");
  CHECK(shard.erase(shard.queue, shard.last()).code == errc::ok);
  CHECK(shard.take() == "");
}

TEST_CASE("groups keep what they are over a restart") {
  Grouped shard(fifo_of());
  for (const char* body : {"1", "2", "3"}) shard.put("a", body);
  CHECK(shard.take(2) == "12");
  shard.restart();
  CHECK(shard.take() == "");
  shard.nack(shard.queue, shard.leases.at(0), 5s);
  shard.restart();
  CHECK(shard.take() == "");
  shard.tick(5s);
  shard.restart();
  CHECK(shard.take(5) == "123");
}

TEST_CASE("S3 groups whose leases end together return over several entries, each group whole") {
  Grouped shard(fifo_of());
  for (const std::string_view group : {"a", "b", "c"}) {
    std::vector<SendItem> items(700, shard.item("x"));
    for (SendItem& one : items) one.group_id = as_bytes(group);
    shard.send_batch(shard.queue, items);
  }
  for (int i = 0; i < 3; ++i) REQUIRE(shard.take(700).size() == 700);
  shard.tick(30s);
  CHECK(shard.counters(shard.queue).ready == 1'400);
  CHECK(shard.effects.more_due);
  shard.tick();
  CHECK(shard.counters(shard.queue).ready == 2'100);
  CHECK_FALSE(shard.effects.more_due);
}

TEST_CASE("S47 a group in flight, in retry delay or parked has no rank") {
  QueueOptions options = fifo_of();
  options.max_receives = 2;
  options.poison = Poison::park_group;
  Grouped shard(options);
  shard.put("flying", "f", 9);
  shard.put("flying", "F", 9);
  CHECK(shard.take() == "f");
  shard.put("delayed", "d", 8);
  CHECK(shard.take() == "d");
  shard.nack(shard.queue, shard.last(), 1h);
  shard.put("parked", "p", 7);
  for (int i = 0; i < 2; ++i) {
    CHECK(shard.take() == "p");
    shard.nack(shard.queue, shard.last());
  }
  shard.put("low", "l", 0);
  CHECK(shard.take(10) == "l");
  CHECK(shard.take(10) == "");
}

}  // namespace
}  // namespace peerq::test
