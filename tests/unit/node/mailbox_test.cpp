#include "node/mailbox.hpp"

#include <catch2/catch_test_macros.hpp>
#include <thread>
#include <vector>

namespace peerq::node {
namespace {

std::shared_ptr<Request> numbered(std::uint64_t number) {
  auto request = std::make_shared<PurgeRequest>();
  request->queue = QueueId(number);
  return request;
}

std::vector<std::uint64_t> take_numbers(Mailbox& mailbox) {
  std::vector<std::uint64_t> out;
  for (auto request = mailbox.take(); request != nullptr;) {
    out.push_back(request->queue.value);
    request = Mailbox::follow(*request);
  }
  return out;
}

TEST_CASE("a mailbox gives what was put in, oldest first") {
  Mailbox mailbox;
  CHECK(mailbox.take() == nullptr);
  for (std::uint64_t i = 0; i < 5; ++i) mailbox.push(numbered(i));
  CHECK(take_numbers(mailbox) == std::vector<std::uint64_t>{0, 1, 2, 3, 4});
  CHECK(mailbox.empty());
}

TEST_CASE("a mailbox that goes away lets go of what is left in it") {
  auto request = numbered(1);
  const std::weak_ptr<Request> weak = request;
  {
    Mailbox mailbox;
    mailbox.push(std::move(request));
    mailbox.push(numbered(2));
  }
  CHECK(weak.expired());
}

TEST_CASE("many threads fill a mailbox; each thread's requests keep their order") {
  constexpr std::uint64_t threads = 4;
  constexpr std::uint64_t each = 5'000;
  Mailbox mailbox;
  std::vector<std::jthread> producers;
  for (std::uint64_t t = 0; t < threads; ++t) {
    producers.emplace_back([&mailbox, t] {
      for (std::uint64_t i = 0; i < each; ++i) mailbox.push(numbered(t * each + i));
    });
  }
  std::vector<std::uint64_t> next(threads, 0);
  std::uint64_t seen = 0;
  while (seen < threads * each) {
    for (const std::uint64_t number : take_numbers(mailbox)) {
      REQUIRE(number % each == next[number / each]);
      ++next[number / each];
      ++seen;
    }
  }
}

}  // namespace
}  // namespace peerq::node
