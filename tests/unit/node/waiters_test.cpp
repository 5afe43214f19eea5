#include "node/waiters.hpp"

#include <catch2/catch_test_macros.hpp>

namespace peerq::node {
namespace {

std::shared_ptr<ReceiveRequest> waiter(std::uint64_t queue, std::int64_t until_ns) {
  auto request = std::make_shared<ReceiveRequest>();
  request->queue = QueueId(queue);
  request->wait_until = SteadyTime{until_ns};
  return request;
}

TEST_CASE("waiters are served in the order in which they came, per queue (S22)") {
  Waiters waiters;
  const auto a = waiter(1, 100);
  const auto b = waiter(1, 50);
  const auto c = waiter(2, 70);
  for (const auto& w : {a, b, c}) waiters.add(w);
  CHECK(waiters.first(QueueId(1)) == a.get());
  CHECK(waiters.first(QueueId(2)) == c.get());
  CHECK(waiters.first(QueueId(3)) == nullptr);
  CHECK(waiters.remove(*a) == a);
  CHECK(waiters.remove(*a) == nullptr);
  CHECK(waiters.first(QueueId(1)) == b.get());
  CHECK(waiters.count() == 2);
}

TEST_CASE("a waiter that rode in vain gets its old place back") {
  Waiters waiters;
  const auto a = waiter(1, 100);
  const auto b = waiter(1, 100);
  waiters.add(a);
  waiters.add(b);
  waiters.add(waiters.remove(*a));
  CHECK(waiters.first(QueueId(1)) == a.get());
}

TEST_CASE("waiters expire at their own deadlines, also those with the same one") {
  Waiters waiters;
  const auto a = waiter(1, 100);
  const auto b = waiter(1, 50);
  const auto c = waiter(2, 50);
  for (const auto& w : {a, b, c}) waiters.add(w);
  CHECK(waiters.next_deadline() == SteadyTime{50});
  CHECK(waiters.expired(SteadyTime{49}) == nullptr);
  CHECK(waiters.expired(SteadyTime{50}) == b);
  CHECK(waiters.expired(SteadyTime{50}) == c);
  CHECK(waiters.expired(SteadyTime{50}) == nullptr);
  CHECK(waiters.next_deadline() == SteadyTime{100});
  CHECK(waiters.take_all(QueueId(1)).size() == 1);
  CHECK(waiters.empty());
  CHECK(waiters.next_deadline() == SteadyTime::never());
}

TEST_CASE(
    "a waiter of several queues stands in the line of each with one ticket, and leaves all at once (S27)") {
  Waiters waiters;
  const auto several = waiter(1, 100);
  several->several = {{QueueId(1), 1}, {QueueId(2), 5}};
  const auto before = waiter(2, 50);
  const auto after = waiter(1, 70);
  for (const auto& w : {before, several, after}) waiters.add(w);
  CHECK(waiters.count() == 3);
  CHECK(waiters.first(QueueId(1)) == several.get());
  CHECK(waiters.first(QueueId(2)) == before.get());
  CHECK(waiters.count(QueueId(2)) == 2);
  CHECK(waiters.remove(*several) == several);
  CHECK(waiters.remove(*several) == nullptr);
  CHECK(waiters.first(QueueId(1)) == after.get());
  CHECK(waiters.count(QueueId(2)) == 1);
  waiters.add(several);  // rode in vain
  CHECK(waiters.first(QueueId(1)) == several.get());
  CHECK(waiters.take_all(QueueId(2)).size() == 2);
  CHECK(waiters.first(QueueId(1)) == after.get());
  CHECK(waiters.count() == 1);
  CHECK(waiters.expired(SteadyTime{70}) == after);
  CHECK(waiters.empty());
}

}  // namespace
}  // namespace peerq::node
