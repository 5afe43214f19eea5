// Writing, reading and merging histories; bodies that describe themselves.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "support/history/body.hpp"
#include "support/history/history.hpp"
#include "support/history/recorder.hpp"
#include "support/storage/scratch_directory.hpp"

namespace peerq::history {
namespace {

Operation some_operation() {
  Operation o;
  o.process = 3;
  o.number = 17;
  o.part = 2;
  o.kind = Kind::receive;
  o.outcome = Outcome::ok;
  o.start_us = 100;
  o.end_us = 250;
  o.queue = "orders";
  o.message = "0123456789abcdef0123456789abcdef";
  o.attempt = 4;
  o.receive_count = 3;
  o.lease_ms = 30'000;
  o.delay_ms = 5;
  o.log_index = 99;
  o.body = BodyTag{7, 1234567890123};
  o.code = errc::stale_receipt;
  o.source = "orders.dead";
  o.dump = 2;
  o.already_gone = o.already_returned = o.again = o.erased = o.empty = true;
  return o;
}

TEST_CASE("an operation comes back from its text") {
  CHECK(parse_operation(to_text(some_operation())) == some_operation());
  Operation pending = some_operation();
  pending.end_us.reset();
  pending.outcome = Outcome::info;
  CHECK(parse_operation(to_text(pending)) == pending);
}

TEST_CASE("what is not an operation is not read as one") {
  for (const char* line :
       {"", "1", "1 0-10 send", "x 0-10 send ok", "1 10-0 send ok", "1 0-10 cook ok", "1 0-10 send maybe",
        "1 0-10 send ok m", "1 0-10 send ok n=x", "1 0-10 send ok code=no_code", "1 0-10 send ok body=1",
        "1 0 send ok", "1 0-1x send ok", "1.a 0-1 send ok"}) {
    INFO(line);
    CHECK_FALSE(parse_operation(line).has_value());
  }
}

TEST_CASE("a recorded operation is read once, with its end; one without an end is unknown") {
  const test::ScratchDirectory scratch;
  {
    Recorder recorder(scratch / "one", 1);
    Operation send;
    send.body = BodyTag{1, 1};
    const Operation begun = recorder.begin(send);
    Operation done = begun;
    done.outcome = Outcome::ok;
    done.message = "a";
    recorder.end(begun, done);
    recorder.begin(send);
  }
  const History history = read_files({scratch / "one"});
  REQUIRE(history.operations.size() == 2);
  CHECK(history.operations[0].outcome == Outcome::ok);
  CHECK(history.operations[0].message == "a");
  CHECK(history.operations[0].end_us.has_value());
  CHECK(history.operations[1].outcome == Outcome::info);
  CHECK_FALSE(history.operations[1].end_us.has_value());
}

TEST_CASE("a receive of several messages is one operation in parts") {
  const test::ScratchDirectory scratch;
  {
    Recorder recorder(scratch / "parts", 1);
    Operation receive;
    receive.kind = Kind::receive;
    const Operation begun = recorder.begin(receive);
    std::vector<Operation> parts(3, receive);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts[i].outcome = Outcome::ok;
      parts[i].message = std::string(1, static_cast<char>('a' + i));
    }
    recorder.end(begun, parts);
  }
  const History history = read_files({scratch / "parts"});
  REQUIRE(history.operations.size() == 3);
  CHECK(history.operations[0].message == "a");
  CHECK(history.operations[2].message == "c");
  CHECK(history.operations[0].number == history.operations[2].number);
}

TEST_CASE("histories of several threads and processes are merged by their start") {
  const test::ScratchDirectory scratch;
  const std::vector<std::string> paths{scratch / "p1", scratch / "p2"};
  {
    Recorder first(paths[0], 1);
    Recorder second(paths[1], 2);
    std::vector<std::thread> threads;
    for (auto* recorder : {&first, &first, &second}) {
      threads.emplace_back([recorder] {
        for (int i = 0; i < 500; ++i) {
          const Operation begun = recorder->begin({});
          Operation done = begun;
          done.outcome = Outcome::ok;
          recorder->end(begun, done);
        }
      });
    }
    for (auto& thread : threads) thread.join();
  }
  const History history = read_files(paths);
  CHECK(history.damaged_lines == 0);
  REQUIRE(history.operations.size() == 1500);
  for (std::size_t i = 1; i < history.operations.size(); ++i) {
    REQUIRE(history.operations[i - 1].start_us <= history.operations[i].start_us);
    REQUIRE(history.operations[i].outcome == Outcome::ok);
  }
}

TEST_CASE("a torn last line is left out, also when a new writer goes on in the same file") {
  const test::ScratchDirectory scratch;
  const std::string path = scratch / "torn";
  std::ofstream(path) << to_text(some_operation()) << "\n1.5.0 100-2";
  History history = read_files({path});
  CHECK(history.operations.size() == 1);
  CHECK(history.damaged_lines == 1);
  { Recorder(path, 2).begin({}); }
  history = read_files({path});
  CHECK(history.operations.size() == 2);
  CHECK(history.damaged_lines == 1);
}

TEST_CASE("what was recorded survives kill -9 of the recording process") {
  const test::ScratchDirectory scratch;
  const std::string path = scratch / "killed";
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Recorder recorder(path, 1);
    for (int i = 0; i < 100; ++i) {
      const Operation begun = recorder.begin({});
      Operation done = begun;
      done.outcome = Outcome::ok;
      if (i < 99) recorder.end(begun, done);
    }
    [[maybe_unused]] const auto told = ::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  ::close(ready[0]);
  ::close(ready[1]);
  const History history = read_files({path});
  CHECK(history.operations.size() == 100);
  CHECK(history.operations.back().outcome == Outcome::info);
}

TEST_CASE("a body says who made it, whatever its size") {
  for (const std::size_t size : {0UL, body_size_min, body_size_min + 1, 100UL, 4096UL, 100'000UL}) {
    const std::string body = make_body({3, 12'345}, size);
    CHECK(body.size() == std::max(size, body_size_min));
    CHECK(read_body(as_bytes(body)) == BodyTag{3, 12'345});
  }
  const std::string largest = make_body({4294967295, 18446744073709551615U}, 0);
  CHECK(read_body(as_bytes(largest)) == BodyTag{4294967295, 18446744073709551615U});
}

TEST_CASE("a body with any byte changed, lost or added is not read") {
  const std::string body = make_body({3, 12'345}, 90);
  for (std::size_t i = 0; i < body.size(); ++i) {
    for (const int bit : {0, 5, 7}) {
      std::string changed = body;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      INFO(i << " " << bit);
      CHECK_FALSE(read_body(as_bytes(changed)).has_value());
    }
  }
  CHECK_FALSE(read_body(as_bytes(body.substr(1))).has_value());
  CHECK_FALSE(read_body(as_bytes(body.substr(0, body.size() - 1))).has_value());
  CHECK_FALSE(read_body(as_bytes(body + "x")).has_value());
  CHECK_FALSE(read_body({}).has_value());
  CHECK_FALSE(read_body(as_bytes(make_body({1, 1}) + make_body({1, 2}))).has_value());
}

}  // namespace
}  // namespace peerq::history
