// A full disk: a real file system of 4 MiB, full to the last block, and the limit of the options.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstring>
#include <set>
#include <thread>

#include "eventually.hpp"
#include "peerq/node.hpp"
#include "support/history/body.hpp"
#include "temporary_directory.hpp"

namespace peerq::test {
namespace {

using namespace std::chrono_literals;

/// A tmpfs of this size, mounted for one test.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& size) {
    const int done = ::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, ("size=" + size).c_str());
    INFO("mounting a tmpfs (the tests run as root): " << std::strerror(errno));
    REQUIRE(done == 0);
  }
  ~SmallDisk() { ::umount2(directory_.path().c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  std::string data() const { return directory_.inside("data"); }
  std::uint64_t free_bytes() const {
    struct statvfs facts {};
    REQUIRE(::statvfs(directory_.path().c_str(), &facts) == 0);
    return std::uint64_t{facts.f_bavail} * facts.f_frsize;
  }

  /// Somebody else takes all that is left.
  void fill() {
    const std::string path = directory_.inside("filler");
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
    const std::string block(4096, 'x');
    while (::write(file, block.data(), block.size()) > 0) {
    }
    ::close(file);
    REQUIRE(free_bytes() == 0);
  }
  void empty() { ::unlink(directory_.inside("filler").c_str()); }

 private:
  TemporaryDirectory directory_;
};

/// Sends until it is refused; what was acknowledged.
std::set<std::uint64_t> send_until_full(const Queue& queue, std::uint64_t first, std::size_t size = 1'000) {
  std::set<std::uint64_t> sent;
  for (std::uint64_t number = first; sent.size() < 100'000; ++number) {
    const auto result = queue.send(history::make_body({1, number}, size), {.timeout = 20s});
    if (!result) {
      INFO(result.error().text());
      CHECK(result.error() == errc::storage_full);
      return sent;
    }
    sent.insert(number);
  }
  return sent;
}

/// Receives and deletes up to `most` messages; takes them out of `sent`.
void take_out(const Queue& queue, std::set<std::uint64_t>& sent, std::size_t most) {
  while (most > 0) {
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(most, 50));
    const auto received = queue.receive({.max_messages = count});
    REQUIRE(received);
    if (received->empty()) return;
    for (const auto& delivery : *received) {
      const auto tag = history::read_body(delivery.bytes());
      REQUIRE(tag);
      CHECK(sent.erase(tag->number) == 1);
      const auto erased = delivery.erase();
      INFO((erased ? std::string() : erased.error().text()));
      REQUIRE(erased);
    }
    most -= received->size();
  }
}

/// A node that was destroyed without a close may still be letting go of the directory.
Node open_soon(const NodeOptions& options) {
  for (int tries = 0;; ++tries) {
    auto node = Node::open(options);
    if (node) return std::move(*node);
    INFO(node.error().text());
    REQUIRE((node.error() == errc::data_dir_locked && tries < 200));
    std::this_thread::sleep_for(20ms);
  }
}

void close(Node& node) {
  const auto closed = node.close();
  INFO((closed ? std::string() : closed.error().text()));
  REQUIRE(closed);
}

/// Room comes with the checkpoint that follows the deletes.
bool accepts_soon(const Queue& queue, std::uint64_t number) {
  for (int tries = 0; tries < 200; ++tries) {
    if (queue.send(history::make_body({1, number}, 1'000))) return true;
    std::this_thread::sleep_for(20ms);
  }
  return false;
}

TEST_CASE("api node: on a disk that is full to the last block, receives and deletes go on (S54)", "[disk]") {
  SmallDisk disk("4m");
  auto node = Node::open({.data_dir = disk.data()}).value();
  const auto queue = node.create_queue("orders").value();
  const auto marks = node.create_queue("marks", {.max_receives = 1}).value();
  REQUIRE(marks.send("parked soon"));
  auto sent = send_until_full(queue, 1);
  CHECK(sent.size() > 100);
  CHECK_FALSE(node.statistics().value().accepts_sends);

  disk.fill();
  sent.merge(send_until_full(queue, 200'000));  // a checkpoint may have made room inside the files
  const auto held = queue.receive({.max_messages = 3}).value();
  REQUIRE(held.size() == 3);
  CHECK(held[0].extend(5s));
  CHECK(held[0].release());
  CHECK(held[1].nack({.delay = 0ms, .reason = "full"}));
  CHECK(held[2].nack());
  for (const auto& delivery : marks.receive().value()) CHECK(delivery.reject("full"));
  take_out(queue, sent, 100'000);
  CHECK(sent.empty());
  CHECK(queue.receive().value().empty());

  disk.empty();
  CHECK(accepts_soon(queue, 900'000));
  CHECK(node.statistics().value().accepts_sends);
  close(node);
  node = Node::open({.data_dir = disk.data()}).value();
  CHECK(node.open_queue("orders").value().statistics().value().ready == 1);
  CHECK(node.open_queue("marks").value().statistics().value().parked == 1);
}

TEST_CASE("api node: a full disk fills and empties again and again without losing a message (S54)",
          "[disk]") {
  SmallDisk disk("4m");
  std::set<std::uint64_t> sent;
  std::uint64_t number = 1;
  for (int round = 0; round < 4; ++round) {
    auto node = open_soon({.data_dir = disk.data(), .memory_budget = limits::memory_budget_min});
    const auto queue = node.create_queue("orders").value();
    REQUIRE(accepts_soon(queue, number));
    sent.insert(number++);
    const auto more = send_until_full(queue, number);
    number += more.size() + 1;
    sent.insert(more.begin(), more.end());
    CHECK(queue.statistics().value().ready == sent.size());
    if (round % 2 == 0) disk.fill();
    take_out(queue, sent, sent.size() - 20);
    disk.empty();
    if (round % 2 == 1) close(node);
  }
  auto node = open_soon({.data_dir = disk.data()});
  take_out(node.open_queue("orders").value(), sent, 100'000);
  CHECK(sent.empty());
}

TEST_CASE("api node: a directory on a full disk is refused, and opens when there is room", "[disk]") {
  SmallDisk disk("4m");
  disk.fill();
  auto refused = Node::open({.data_dir = disk.data()});
  REQUIRE_FALSE(refused);
  INFO(refused.error().text());
  CHECK(refused.error() == errc::storage_full);
  disk.empty();
  auto node = Node::open({.data_dir = disk.data()}).value();
  CHECK(node.create_queue("orders").value().send("hello"));
}

TEST_CASE("api node: a full disk still opens what is on it, and it can be drained", "[disk]") {
  SmallDisk disk("4m");
  std::set<std::uint64_t> sent;
  {
    auto node = Node::open({.data_dir = disk.data()}).value();
    sent = send_until_full(node.create_queue("orders").value(), 1);
  }
  disk.fill();
  auto node = open_soon({.data_dir = disk.data()});
  take_out(node.open_queue("orders").value(), sent, 100'000);
  CHECK(sent.empty());
  close(node);
}

TEST_CASE("api node: runs of a schedule are lost while the disk is full, and come when it is not (S54, S79)",
          "[disk]") {
  TemporaryDirectory directory;
  auto node = Node::open({.data_dir = directory.inside("data"), .max_disk_bytes = 3 << 20}).value();
  const auto queue = node.create_queue("orders").value();
  const auto ticks = node.create_queue("ticks").value();
  const auto schedule = [&] { return ticks.schedules().value().at(0); };
  REQUIRE(ticks.put_schedule("s", {.specification = "every 1s", .body = "tick"}));
  REQUIRE(send_until_full(queue, 1).size() > 100);
  // A checkpoint may find room again.
  REQUIRE(eventually([&] { return send_until_full(queue, 1).empty() && schedule().lost >= 2; }));
  REQUIRE(queue.purge());
  const auto before = schedule().sent;
  CHECK(eventually([&] { return schedule().sent >= before + 2; }));
}

TEST_CASE("api node: a message that can never fit on the disk is refused, others go on (S54)", "[disk]") {
  TemporaryDirectory directory;
  auto node = Node::open({.data_dir = directory.inside("data"), .max_disk_bytes = 3 << 20}).value();
  const auto queue = node.create_queue("orders", {.max_message_size = 16 << 20}).value();
  CHECK(queue.send(std::string(4 << 20, 'x')).error() == errc::storage_full);
  CHECK(queue.send("small"));
  CHECK(queue.send(std::string(100'000, 'x')));
  CHECK(queue.receive({.max_messages = 2}).value().size() == 2);
  close(node);
}

TEST_CASE("api node: on a full disk a result is refused, and the delete without it goes on (S54, S77)",
          "[disk]") {
  TemporaryDirectory directory;
  auto node = Node::open({.data_dir = directory.inside("data"), .max_disk_bytes = 3 << 20}).value();
  const auto work = node.create_queue("work").value();
  work.request_async("question", {.timeout = 1h}, [](const Result<RequestOutcome>&) {});
  const auto question = work.receive({.wait = 10s}).value().at(0);
  const auto filler = node.create_queue("filler").value();
  bool full = false;
  for (int tries = 0; tries < 50 && !full; ++tries) {  // what is checkpointed leaves room once more
    send_until_full(filler, 1 + 100'000 * static_cast<std::uint64_t>(tries), 6'000);
    std::this_thread::sleep_for(100ms);
    full = !node.statistics().value().accepts_sends;
  }
  REQUIRE(full);
  CHECK(question.done("answer").error() == errc::storage_full);
  CHECK_FALSE(question.erase().value().already_gone);
}

TEST_CASE("api node: max_disk_bytes is kept, and sends are accepted again after a drain (S54)", "[disk]") {
  TemporaryDirectory directory;
  constexpr std::uint64_t limit = 3 * 1024 * 1024;
  auto node = Node::open({.data_dir = directory.inside("data"), .max_disk_bytes = limit}).value();
  const auto queue = node.create_queue("orders").value();
  std::uint64_t number = 1;
  for (int round = 0; round < 3; ++round) {
    auto sent = send_until_full(queue, number, 6'000);
    number += 200'000;
    CHECK(sent.size() > 20);
    const auto facts = node.statistics().value();
    CHECK(facts.log_bytes + facts.state_bytes <= limit);
    take_out(queue, sent, 100'000);
    CHECK(sent.empty());
    REQUIRE(accepts_soon(queue, number));
    take_out(queue, sent = {number}, 1);
    ++number;
  }
  const auto facts = node.statistics().value();
  CHECK(facts.log_bytes + facts.state_bytes <= limit);
}

}  // namespace
}  // namespace peerq::test
