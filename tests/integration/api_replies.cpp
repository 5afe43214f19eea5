// Replies in queues through the API (S77): sessions' own reply queues, and those that somebody made.

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "eventually.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"
#include "peerq/testkit/node.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("api node: a reply comes to the session's own queue under the correlation id (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  const Session session = opened.node.open_session().value();
  const Queue replies = session.reply_queue().value();
  CHECK(session.reply_queue().value().name() == replies.name());
  work.send("question", {.reply_to = replies.name(), .correlation_id = "7"}).value();
  const Delivery question = work.receive().value().at(0);
  CHECK_FALSE(question.reply("answer").value().requester_gone);
  CHECK_FALSE(question.reply("more", {.correlation_id = "8"}).value().requester_gone);
  const auto answers = replies.receive({.max_messages = 2}).value();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].body() == "answer");
  CHECK(answers[0].correlation_id() == "7");
  CHECK(answers[1].correlation_id() == "8");
}

TEST_CASE("api node: a reply queue and its messages are kept over a restart (S77)") {
  Opened opened;
  const SessionId id = opened.node.open_session().value().id();
  opened.node.open_session(id).value().reply_queue().value().send("kept").value();
  opened.reopen();
  const Queue replies = opened.node.open_session(id).value().reply_queue().value();
  CHECK(replies.receive().value().at(0).body() == "kept");
}

TEST_CASE("api node: a reply queue dies with its session, a reply then succeeds (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  const Session session = opened.node.open_session().value();
  const Queue replies = session.reply_queue().value();
  const std::string& name = replies.name();
  work.send("question", {.reply_to = name}).value();
  REQUIRE(session.close());
  REQUIRE(eventually([&] { return !opened.node.open_queue(name); }));
  CHECK(replies.send("late").error() == errc::queue_deleted);
  const Delivery question = work.receive().value().at(0);
  CHECK(question.reply("answer").value().requester_gone);
  CHECK(session.reply_queue().error() == errc::session_expired);
  CHECK(opened.node.open_queue(name).error() == errc::queue_not_found);
  CHECK(opened.node.list_queues({.prefix = "_sys."}).value().empty());
}

TEST_CASE("a reply queue whose session ended before a crash is gone after it (S77)") {
  const bool at_once = GENERATE(true, false);
  testkit::Simulation sim;
  std::string name;
  {
    auto node = testkit::open_node(sim).value();
    const Session session = node.open_session().value();
    name = session.reply_queue().value().name();
    const Session other = node.open_session().value();
    other.reply_queue().value();
    REQUIRE(session.close());
    if (!at_once) sim.run_for(1s);
    sim.kill();
  }
  sim.boot();
  auto node = testkit::open_node(sim).value();
  sim.run_for(1s);
  CHECK(node.open_queue(name).error() == errc::queue_not_found);
  CHECK(node.list_queues({.prefix = "_sys."}).value().size() == 1);
  sim.run_for(11min);
  CHECK(node.list_queues({.prefix = "_sys."}).value().empty());
}

TEST_CASE("api node: a reply to a queue that somebody made follows that queue (S77)") {
  Opened opened;
  const Queue work = opened.node.create_queue("work").value();
  work.send("question", {.reply_to = "answers", .correlation_id = "7"}).value();
  work.send("no answer wanted").value();
  const auto questions = work.receive({.max_messages = 2}).value();
  REQUIRE(questions.size() == 2);
  CHECK(questions[0].reply("answer").error() == errc::queue_not_found);
  CHECK(questions[1].reply("answer").error() == errc::invalid_argument);
  const Queue answers = opened.node.create_queue("answers").value();
  questions[0].reply("answer").value();
  CHECK(answers.receive().value().at(0).correlation_id() == "7");
}

TEST_CASE("api node: reply queues are shown to those who ask for them, others keep their pages (S77)") {
  Opened opened;
  for (const char* name : {"A", "_a", "_z", "z"}) opened.node.create_queue(name).value();
  for (int i = 0; i < 3; ++i) opened.node.open_session().value().reply_queue().value();
  std::vector<std::string> names;
  for (const auto& queue : opened.node.list_queues({.max_queues = 4}).value()) names.push_back(queue.name);
  CHECK(names == std::vector<std::string>{"A", "_a", "_z", "z"});
  CHECK(opened.node.list_queues({.prefix = "_sys."}).value().size() == 3);
  CHECK(opened.node.create_queue("_sys.mine").error() == errc::invalid_name);
  CHECK(opened.node.delete_queue("_sys.mine").error() == errc::invalid_name);
}

}  // namespace
}  // namespace peerq::test
