// Sessions: S18, S70, S83 as far as the engine decides.

#include <catch2/generators/catch_generators.hpp>

#include "engine_fixture.hpp"

namespace peerq::test {
namespace {

class InSession : public Shard {
 public:
  InSession() { make(1); }

  Reply ask(std::uint64_t sequence, CommandBody body, SessionId as = SessionId(7)) {
    std::vector<Command> commands(1);
    commands.front().origin = {as, sequence, {}};
    commands.front().body = std::move(body);
    return std::move(apply(std::move(commands)).front());
  }
  Reply open(SessionId as = SessionId(7)) { return apply(OpenSession{as}); }
  Reply put(std::uint64_t sequence, std::string_view body) {
    const SendItem one = item(body);
    return ask(sequence, Send{queue, false, {&one, 1}});
  }

  QueueId queue{1};
};

TEST_CASE("S18 a request that is repeated is applied once and gets the same reply") {
  InSession shard;
  CHECK(shard.put(1, "x").code == errc::session_expired);
  CHECK(shard.open().code == errc::ok);
  const Reply first = shard.put(1, "x");
  CHECK(first.items.at(0).code == errc::ok);
  shard.restart();
  const Reply again = shard.put(1, "x");
  CHECK(again.items.at(0).id == first.items.at(0).id);
  CHECK(shard.counters(shard.queue).sent == 1);
  shard.put(2, "y");
  CHECK(shard.counters(shard.queue).sent == 2);
}

TEST_CASE("S18 a repeated receive gives the same leases while they live") {
  InSession shard;
  shard.open();
  shard.put(1, "x");
  Receive receive;
  receive.queue = shard.queue;
  const Reply first = shard.ask(2, receive);
  REQUIRE(first.grants.size() == 1);
  const Reply again = shard.ask(2, receive);
  REQUIRE(again.grants.size() == 1);
  CHECK(again.grants[0].lease == first.grants[0].lease);
  const SettleItem erase{first.grants[0].lease};
  CHECK(shard.ask(3, Settle{shard.queue, Verb::erase, {&erase, 1}}).items.at(0).code == errc::ok);
  CHECK_FALSE(shard.ask(3, Settle{shard.queue, Verb::erase, {&erase, 1}}).items.at(0).already_gone);
  CHECK(shard.ask(2, receive).grants.empty());
  shard.put(4, "y");
  receive.erase = true;
  CHECK(shard.ask(5, receive).grants.size() == 1);
  CHECK(shard.ask(5, receive).code == errc::outcome_unknown);
}

TEST_CASE("S18 the last 1,024 requests are remembered; older ones have an unknown outcome") {
  InSession shard;
  shard.check_every_entry = false;
  shard.open();
  for (std::uint64_t i = 1; i <= limits::session_window + 1; ++i) shard.put(i, "x");
  CHECK(shard.put(1, "x").code == errc::outcome_unknown);
  CHECK(shard.put(2, "x").code == errc::ok);
  CHECK(shard.counters(shard.queue).sent == limits::session_window + 1);
}

TEST_CASE("S18 a session ends ten minutes after its last request") {
  InSession shard;
  shard.open();
  shard.tick(9min);
  shard.put(1, "x");
  shard.tick(9min);
  CHECK(shard.put(1, "x").code == errc::ok);
  shard.tick(10min);
  CHECK(shard.put(2, "x").code == errc::session_expired);
  CHECK(shard.tables.rows<SessionRow>().empty());
  CHECK(shard.tables.rows<SessionReplyRow>().empty());
  CHECK(shard.tables.rows<SessionTimerRow>().empty());
}

TEST_CASE("S70 leases bound to a session end with it as a nack, others stay") {
  InSession shard;
  shard.open();
  shard.put(1, "x");
  shard.put(2, "y");
  Receive bound;
  bound.queue = shard.queue;
  bound.bind_to_session = true;
  CHECK(shard.ask(3, bound).grants.size() == 1);
  Receive plain;
  plain.queue = shard.queue;
  CHECK(shard.ask(4, plain).grants.size() == 1);
  shard.apply(CloseSession{SessionId(7)});
  CHECK(shard.counters(shard.queue).ready == 1);
  CHECK(shard.counters(shard.queue).in_flight == 1);
  const Grant again = shard.receive_one(shard.queue);
  CHECK(again.receive_count == 2);
  CHECK(shard.get(shard.queue, again.id)->note.last_error == "session ended");
  CHECK(shard.tables.rows<SessionLeaseRow>().empty());
}

TEST_CASE("S3 S70 a session with more leases than an entry handles ends in several entries") {
  const bool closed = GENERATE(true, false);
  InSession shard;
  shard.check_every_entry = false;
  QueueOptions options;
  options.visibility_timeout = 1h;
  shard.make(2, options);
  const QueueId many{2};
  for (int batch = 0; batch < 3; ++batch)
    shard.send_batch(many, std::vector<SendItem>(1000, shard.item("x")));
  shard.open();
  for (std::uint64_t request = 1; request <= 3; ++request) {
    Receive bound;
    bound.queue = many;
    bound.max_messages = 1000;
    bound.bind_to_session = true;
    REQUIRE(shard.ask(request, bound).grants.size() == 1000);
  }
  if (closed) {
    shard.apply(CloseSession{SessionId(7)});
  } else {
    shard.tick(limits::session_idle);
  }
  const auto left = shard.counters(many).in_flight;
  CHECK(left >= 2000);
  CHECK(shard.effects.more_due);
  CHECK(shard.effects.sessions.empty());
  CHECK(shard.put(4, "late").code == errc::session_expired);
  shard.tick();
  CHECK(shard.counters(many).in_flight < left);
  shard.tick();
  shard.tick();
  CHECK(shard.counters(many).in_flight == 0);
  CHECK(shard.counters(many).ready == 3000);
  CHECK_FALSE(shard.engine().has_session(SessionId(7)));
  CHECK_FALSE(shard.engine().next_due().more);
}

TEST_CASE("S3 the timers of many sessions are set again over several entries") {
  InSession shard;
  constexpr std::uint64_t count = limits::due_rows_per_entry + 500;
  for (std::uint64_t i = 1; i <= count; ++i) shard.open(SessionId(i));
  shard.pass(limits::session_idle / 2);
  for (std::uint64_t i = 1; i <= count; ++i) shard.ask(1, Tick{}, SessionId(i));
  shard.tick(limits::session_idle / 2);
  CHECK(shard.effects.more_due);
  CHECK(shard.engine().next_due().lease <= shard.now.lease);
  shard.tick();
  CHECK_FALSE(shard.effects.more_due);
  CHECK(shard.engine().next_due().lease > shard.now.lease);
  CHECK(shard.engine().has_session(SessionId(count)));
}

TEST_CASE("S3 S18 the replies of sessions that end together go over several entries") {
  InSession shard;
  constexpr std::uint64_t sessions = 4;
  for (std::uint64_t id = 1; id <= sessions; ++id) {
    shard.open(SessionId(id));
    for (std::uint64_t i = 1; i <= 600; ++i) shard.ask(i, Tick{}, SessionId(id));
  }
  const std::size_t kept = shard.tables.rows<SessionReplyRow>().size();
  shard.tick(limits::session_idle);
  CHECK(kept - shard.tables.rows<SessionReplyRow>().size() <= 1'200);
  CHECK(shard.effects.more_due);
  shard.tick();
  shard.tick();
  CHECK(shard.tables.rows<SessionReplyRow>().empty());
  CHECK_FALSE(shard.engine().next_due().more);
}

}  // namespace
}  // namespace peerq::test
