// Sessions on real files: requests that are made again are applied once (S18, S60, S61, S70).

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <csignal>
#include <future>
#include <thread>

#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

struct InSession : Opened {
  Queue queue = node.create_queue("q").value();
  Session session = node.open_session().value();

  /// The process is another one: the handles come anew, the session by its id.
  void start_again() {
    const SessionId id = session.id();
    reopen();
    queue = node.open_queue("q").value();
    session = node.open_session(id).value();
  }
  Queue in(std::uint64_t number) const { return queue.in(session.request(number)); }
};

TEST_CASE("api sessions: a send under one number is made once, also after a restart (S18)", "[api]") {
  InSession opened;
  const auto first = opened.in(1).send("order").value();
  CHECK(opened.in(1).send("order").value().id == first.id);
  const auto second = opened.in(2).send("order").value();
  CHECK(second.id != first.id);
  opened.start_again();
  CHECK(opened.in(1).send("order").value().id == first.id);
  CHECK(opened.in(2).send("order").value().id == second.id);
  CHECK(opened.queue.statistics().value().sent == 2);
  REQUIRE(opened.queue.receive_and_delete({.max_messages = 10}).value().size() == 2);
  CHECK(opened.in(1).send("order").value().id == first.id);
  CHECK(opened.queue.statistics().value().sent == 2);
}

TEST_CASE("api sessions: each durability keeps its own requests (S18, S82)", "[api]") {
  InSession opened;
  opened.node.create_queue("interval", {.durability = Durability::interval}).value();
  opened.node.create_queue("memory", {.durability = Durability::memory}).value();
  const auto send = [&](const char* name) {
    return opened.node.open_queue(name).value().in(opened.session.request(1)).send("x").value().id;
  };
  const auto durable = send("q");
  const auto interval = send("interval");
  const auto memory = send("memory");
  CHECK(send("q") == durable);
  CHECK(send("interval") == interval);
  CHECK(send("memory") == memory);
  opened.start_again();
  CHECK(send("q") == durable);
  CHECK(send("interval") == interval);
  // The first copy went with the former process.
  CHECK(send("memory") != memory);
  for (const char* name : {"q", "interval", "memory"}) {
    CHECK(opened.node.open_queue(name).value().statistics().value().ready == 1);
  }
}

TEST_CASE("api sessions: whoever is killed goes on where it was and sends nothing twice (S18)",
          "[api][kill]") {
  TemporaryDirectory directory;
  const NodeOptions options{.data_dir = directory.inside("data")};
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto node = Node::open(options).value();
    auto queue = node.create_queue("q").value();
    const auto session = node.open_session().value();
    const SessionId id = session.id();
    bool told = ::write(pipe[1], &id, sizeof id) == sizeof id;
    for (std::uint64_t number = 1; told; ++number) {
      if (!queue.in(session.request(number)).send(std::to_string(number))) break;
      told = ::write(pipe[1], &number, sizeof number) == sizeof number;
    }
    ::_exit(1);
  }
  ::close(pipe[1]);
  SessionId id;
  REQUIRE(::read(pipe[0], &id, sizeof id) == sizeof id);
  std::uint64_t acknowledged = 0;
  while (acknowledged < 50)
    REQUIRE(::read(pipe[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged);
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  ::close(pipe[0]);
  auto node = Node::open(options).value();
  auto queue = node.open_queue("q").value();
  const auto session = node.open_session(id).value();
  // What is not known is made again, far beyond what was acknowledged.
  for (std::uint64_t number = acknowledged - 20; number <= acknowledged + 100; ++number) {
    REQUIRE(queue.in(session.request(number)).send(std::to_string(number)));
  }
  const auto got = queue.receive_and_delete({.max_messages = 1'000}).value();
  REQUIRE(got.size() == acknowledged + 100);
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i].body() == std::to_string(i + 1));
}

TEST_CASE("api sessions: a repeated receive gives the same leases while they live (S18, S21)", "[api]") {
  InSession opened;
  for (const char* body : {"a", "b", "c"}) REQUIRE(opened.queue.send(body));
  const auto first = opened.in(1).receive({.max_messages = 2}).value();
  REQUIRE(first.size() == 2);
  opened.start_again();
  const auto again = opened.in(1).receive({.max_messages = 2, .wait = 10s}).value();
  REQUIRE(again.size() == 2);
  CHECK(again[0].id() == first[0].id());
  CHECK(again[0].attempt() == first[0].attempt());
  CHECK(again[1].body() == "b");
  REQUIRE(again[0].erase());
  CHECK(opened.in(1).receive({.max_messages = 2}).value().size() == 1);
  REQUIRE(again[1].erase());
  CHECK(opened.in(1).receive({.max_messages = 2, .wait = 10s}).value().empty());
  CHECK(opened.queue.statistics().value().received == 2);
  CHECK(opened.in(2).receive().value().at(0).body() == "c");
}

TEST_CASE("api sessions: a receive in a session waits like any other; an empty one is not remembered (S22)",
          "[api]") {
  InSession opened;
  CHECK(opened.in(1).receive().value().empty());
  CHECK(opened.in(1).receive({.wait = 20ms}).value().empty());
  std::thread sender([&] {
    std::this_thread::sleep_for(30ms);
    REQUIRE(opened.queue.send("late"));
  });
  const auto got = opened.in(1).receive({.wait = 10s}).value();
  sender.join();
  REQUIRE(got.size() == 1);
  CHECK(opened.in(1).receive().value().at(0).id() == got[0].id());
}

TEST_CASE("api sessions: a FIFO receiver in a session that rode in vain is served later (S22, S43)",
          "[api]") {
  InSession opened;
  auto lines = opened.node.create_queue("lines", {.type = QueueType::fifo}).value();
  REQUIRE(lines.send("1", {.group_id = "a"}));
  const auto held = lines.receive().value();
  std::thread sender([&] {
    std::this_thread::sleep_for(30ms);
    REQUIRE(lines.send("2", {.group_id = "a"}));  // wakes the receiver, who gets nothing
    std::this_thread::sleep_for(30ms);
    REQUIRE(held[0].erase());
  });
  const auto got = lines.in(opened.session.request(1)).receive({.wait = 10s}).value();
  sender.join();
  REQUIRE(got.size() == 1);
  CHECK(got[0].body() == "2");
}

TEST_CASE("api sessions: a repeated receive_and_delete does not know its messages any more (S69)", "[api]") {
  InSession opened;
  REQUIRE(opened.queue.send("x"));
  REQUIRE(opened.in(1).receive_and_delete().value().size() == 1);
  CHECK(opened.in(1).receive_and_delete().error() == errc::outcome_unknown);
}

TEST_CASE("api sessions: settling, cancel, kick, purge and words on groups are made once", "[api]") {
  InSession opened;
  for (int i = 0; i < 4; ++i) REQUIRE(opened.queue.send("x"));
  const auto got = opened.queue.receive({.max_messages = 3}).value();
  CHECK_FALSE(opened.in(1).erase(std::span(got).first(2)).value()[1].value().already_gone);
  CHECK_FALSE(opened.in(1).erase(std::span(got).first(2)).value()[1].value().already_gone);
  CHECK(opened.in(2).erase(std::span(got).first(2)).value()[1].value().already_gone);
  CHECK_FALSE(opened.in(3).nack(got[2].receipt()).value().already_returned);
  CHECK_FALSE(opened.in(3).nack(got[2].receipt()).value().already_returned);
  CHECK_FALSE(opened.in(4).cancel(got[2].id()).value().already_gone);
  CHECK_FALSE(opened.in(4).cancel(got[2].id()).value().already_gone);
  CHECK(opened.in(5).purge().value() == 1);
  REQUIRE(opened.queue.send("after the purge"));
  CHECK(opened.in(5).purge().value() == 1);
  CHECK(opened.queue.statistics().value().ready == 1);
  REQUIRE(opened.in(6).pause_group("a"));
  REQUIRE(opened.queue.resume_group("a"));
  REQUIRE(opened.in(6).pause_group("a"));
  CHECK(opened.queue.list_groups().value().groups.empty());
}

TEST_CASE("api sessions: a transaction and a receive from several queues are made once (S76, S27)", "[api]") {
  InSession opened;
  auto other = opened.node.create_queue("other").value();
  REQUIRE(opened.queue.send("in"));
  const std::vector<WeightedQueue> queues{{opened.queue}, {other}};
  const auto got =
      opened.node.receive_from(queues, {.max_messages = 5, .request = opened.session.request(1)}).value();
  REQUIRE(got.size() == 1);
  const auto again =
      opened.node.receive_from(queues, {.max_messages = 5, .request = opened.session.request(1)}).value();
  REQUIRE(again.size() == 1);
  CHECK(again[0].attempt() == 1);
  Transaction transaction;
  transaction.erase(got[0]).send(other, "out").send(opened.queue, "more");
  const TransactOptions second{.request = opened.session.request(2)};
  const auto sent = opened.node.transact(transaction, second).value();
  opened.start_again();
  other = opened.node.open_queue("other").value();
  const auto repeated = opened.node
                            .transact(Transaction()
                                          .send(other, "out")
                                          .send(opened.queue, "more")
                                          .erase(opened.queue.receive().value().at(0)),
                                      second)
                            .value();
  REQUIRE(repeated.size() == 2);
  CHECK(repeated[0].id == sent[0].id);
  CHECK(repeated[1].id == sent[1].id);
  CHECK(other.statistics().value().sent == 1);
  auto memory = opened.node.create_queue("memory", {.durability = Durability::memory}).value();
  const std::vector<WeightedQueue> across{{opened.queue}, {memory}};
  CHECK(opened.node.receive_from(across, {.request = opened.session.request(3)}).error() ==
        errc::cross_shard);
}

TEST_CASE("api sessions: a known outcome comes before size, depth and what the queue is now (S60)", "[api]") {
  InSession opened;
  REQUIRE(opened.node.update_queue("q", {.max_messages = 1}));
  const auto sent = opened.in(1).send("a long body").value();
  REQUIRE(opened.node.update_queue("q", {.max_message_size = 5, .max_messages = 1}));
  CHECK(opened.queue.send("short").error() == errc::queue_full);
  CHECK(opened.queue.send("a long body").error() == errc::message_too_large);
  CHECK(opened.in(1).send("a long body").value().id == sent.id);
  // Refusals are outcomes too.
  CHECK(opened.in(2).send("short").error() == errc::queue_full);
  REQUIRE(opened.queue.purge());
  CHECK(opened.in(2).send("short").error() == errc::queue_full);
  CHECK(opened.in(3).send("short"));
  // Before it come the arguments and the queue's incarnation.
  CHECK(opened.in(1).send("a long body", {.priority = 10}).error() == errc::invalid_argument);
  REQUIRE(opened.node.delete_queue("q"));
  CHECK(opened.in(1).send("a long body").error() == errc::queue_deleted);
}

TEST_CASE("api sessions: another call under the number of the first is told so, or has its outcome",
          "[api]") {
  InSession opened;
  const auto sent = opened.in(1).send("x").value();
  const std::vector<Message> batch(3, Message{"y", {}});
  const Error other = opened.in(1).send(batch).error();
  CHECK(other == errc::invalid_argument);
  CHECK_THAT(other.text(), ContainsSubstring("request 1"));
  CHECK(opened.in(1).receive().error() == errc::invalid_argument);
  CHECK(opened.in(1).purge().error() == errc::invalid_argument);
  CHECK(opened.in(1).send("another body").value().id == sent.id);
  REQUIRE(opened.in(2).receive().value().size() == 1);
  CHECK(opened.in(2).send("z").error() == errc::invalid_argument);
  auto elsewhere = opened.node.create_queue("elsewhere").value();
  CHECK(elsewhere.in(opened.session.request(2)).receive().error() == errc::invalid_argument);
  CHECK(opened.queue.statistics().value().sent == 1);
}

TEST_CASE("api sessions: deliveries of a session's receive are settled as usual", "[api]") {
  InSession opened;
  REQUIRE(opened.queue.send("x"));
  const auto got = opened.in(1).receive().value();
  REQUIRE(got[0].extend(1min));
  REQUIRE(got[0].nack({.delay = 0ms}));
  const auto next = opened.in(2).receive().value();
  CHECK(next[0].receive_count() == 2);
  CHECK_FALSE(next[0].erase().value().already_gone);
}

TEST_CASE("api sessions: bound leases end with their session (S70)", "[api]") {
  InSession opened;
  for (const char* body : {"bound", "free"}) REQUIRE(opened.queue.send(body));
  REQUIRE(opened.in(1).receive({.bind_to_session = true}).value().size() == 1);
  REQUIRE(opened.in(2).receive().value().size() == 1);
  REQUIRE(opened.session.close());
  const auto got = opened.queue.receive({.max_messages = 10}).value();
  REQUIRE(got.size() == 1);
  CHECK(got[0].body() == "bound");
  CHECK(got[0].receive_count() == 2);
  CHECK(got[0].failure().last_error == "session ended");
}

TEST_CASE("api sessions: a session that has ended makes nothing (S18)", "[api]") {
  InSession opened;
  REQUIRE(opened.in(1).send("x"));
  REQUIRE(opened.session.keep_alive());
  REQUIRE(opened.session.close());
  REQUIRE(opened.session.close());
  CHECK(opened.in(1).send("x").error() == errc::session_expired);
  CHECK(opened.in(2).send("x").error() == errc::session_expired);
  CHECK(opened.in(3).receive({.wait = 20ms}).error() == errc::session_expired);
  CHECK(opened.session.keep_alive().error() == errc::session_expired);
  const Error gone = opened.node.open_session(opened.session.id()).error();
  CHECK(gone == errc::session_expired);
  CHECK_THAT(gone.text(), ContainsSubstring(to_string(opened.session.id())));
  CHECK(opened.node.open_session(SessionId(12345)).error() == errc::session_expired);
  auto memory = opened.node.create_queue("memory", {.durability = Durability::memory}).value();
  CHECK(memory.in(opened.session.request(1)).send("x").error() == errc::session_expired);
  CHECK(opened.queue.statistics().value().sent == 1);
}

TEST_CASE("api sessions: sends of a session are applied in call order (S61)", "[api]") {
  InSession opened;
  constexpr std::uint64_t sends = 200;
  std::promise<void> all;
  std::atomic<std::uint64_t> left = sends;
  for (std::uint64_t number = 1; number <= sends; ++number) {
    opened.in(number).send_async(std::to_string(number), {}, [&](const Result<Sent>& sent) {
      CHECK(sent);
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().wait();
  const auto got = opened.queue.receive({.max_messages = 1'000}).value();
  REQUIRE(got.size() == sends);
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i].body() == std::to_string(i + 1));
}

TEST_CASE("api sessions: the last 1,024 requests are remembered, older ones are unknown (S18)", "[api]") {
  InSession opened;
  auto memory = opened.node.create_queue("memory", {.durability = Durability::memory}).value();
  const auto send = [&](std::uint64_t number) { return memory.in(opened.session.request(number)).send("x"); };
  const auto first = send(1).value().id;
  for (std::uint64_t number = 2; number <= 1'024; ++number) REQUIRE(send(number));
  REQUIRE(opened.session.keep_alive());  // takes no place among them
  CHECK(send(1).value().id == first);
  REQUIRE(send(1'025));
  CHECK(send(1).error() == errc::outcome_unknown);
  CHECK(send(2));
  CHECK(memory.statistics().value().sent == 1'025);
}

TEST_CASE("api sessions: bad input is refused by name, at the bound and one past it", "[api][bad-input]") {
  InSession opened;
  CHECK(opened.in(limits::session_request_max).send("x"));
  const Error zero = opened.in(0).send("x").error();
  CHECK(zero == errc::invalid_argument);
  CHECK_THAT(zero.text(), ContainsSubstring("number") && ContainsSubstring("9223372036854775807"));
  CHECK(opened.in(limits::session_request_max + 1).send("x").error() == errc::invalid_argument);
  CHECK(opened.queue.in(RequestId{.session = {}, .number = 1}).send("x").error() == errc::invalid_argument);
  CHECK(opened.queue.in(RequestId{}).send("x"));
  std::promise<Error> told;
  opened.in(0).send_async("x", {}, [&](const Result<Sent>& sent) { told.set_value(sent.error()); });
  CHECK(told.get_future().get() == errc::invalid_argument);
  const Error bind = opened.queue.receive({.bind_to_session = true}).error();
  CHECK(bind == errc::invalid_argument);
  CHECK_THAT(bind.text(), ContainsSubstring("bind_to_session"));
  CHECK(opened.in(1).receive_and_delete({.bind_to_session = true}).error() == errc::invalid_argument);
  CHECK(opened.in(1).receive({.request = opened.session.request(2)}).error() == errc::invalid_argument);
  const std::vector<WeightedQueue> in_session{{opened.in(1)}};
  const std::vector<WeightedQueue> plain{{opened.queue}};
  CHECK(opened.node.receive_from(in_session).error() == errc::invalid_argument);
  CHECK(opened.node.receive_from(plain, {.bind_to_session = true}).error() == errc::invalid_argument);
  CHECK(opened.node.transact(Transaction().send(opened.in(1), "x")).error() == errc::invalid_argument);
  const Consumer consumer(opened.in(5), [](const Delivery&) {});
  CHECK(consumer.status().error() == errc::invalid_argument);
  CHECK(opened.queue.statistics().value().sent == 2);
  CHECK(parse_session_id(to_string(opened.session.id())).value() == opened.session.id());
  CHECK(to_string(SessionId(0xab)) == "00000000000000ab");
  for (const char* text : {"", "ab", "00000000000000ag", "000000000000000ab", "-0000000000000ab"}) {
    CHECK(parse_session_id(text).error() == errc::invalid_argument);
  }
}

}  // namespace
}  // namespace peerq::test
