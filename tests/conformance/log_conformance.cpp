#include "conformance/log_conformance.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <string>
#include <vector>

#include "support/model/dice.hpp"

namespace peerq::conformance {

namespace {

using model::Dice;
using port::EntryType;
using port::HardState;
using port::LogRecord;
using port::LogWrite;
using port::SnapshotMeta;

LogRecord record(std::uint64_t index, std::uint64_t term, const std::string& body,
                 EntryType type = EntryType::command) {
  return {LogIndex(index), Term(term), type, SharedBytes::copy(as_bytes(body))};
}

LogWrite appending(ShardId shard, std::vector<LogRecord> records) {
  LogWrite write;
  write.shard = shard;
  write.records = std::move(records);
  return write;
}

LogWrite trimming(ShardId shard, std::uint64_t index, std::uint64_t term) {
  LogWrite write;
  write.shard = shard;
  write.snapshot = SnapshotMeta{LogIndex(index), Term(term), LogIndex(1), "configuration", 1};
  return write;
}

void commit(port::Log& log, LogWrite write) {
  std::vector<LogWrite> writes;
  writes.push_back(std::move(write));
  const auto done = log.commit(writes);
  if (!done) FAIL(done.error().text());
}

std::vector<LogRecord> read(port::Log& log, ShardId shard, std::uint64_t first, std::uint64_t last) {
  std::vector<LogRecord> out;
  const auto done =
      log.read(shard, LogIndex(first), LogIndex(last), [&](const LogRecord& one) -> Result<void> {
        out.push_back(one);
        return {};
      });
  if (!done) FAIL(done.error().text());
  return out;
}

void require_same(const LogRecord& found, const LogRecord& expected) {
  REQUIRE(found.index == expected.index);
  REQUIRE(found.term == expected.term);
  REQUIRE(found.type == expected.type);
  REQUIRE(equal(found.body.bytes(), expected.body.bytes()));
}

std::vector<LogRecord> numbered(std::uint64_t first, std::uint64_t last, std::size_t size = 20) {
  std::vector<LogRecord> out;
  for (std::uint64_t index = first; index <= last; ++index) {
    out.push_back(record(index, 1, std::string(size, static_cast<char>('a' + index % 26))));
  }
  return out;
}

/// What a shard's log must hold.
struct LogModel {
  std::map<std::uint64_t, LogRecord> records;
  HardState hard;
  SnapshotMeta snapshot;
  std::uint64_t last = 0;

  void apply(const LogWrite& write) {
    if (write.cut_from) {
      records.erase(records.lower_bound(write.cut_from->value), records.end());
      last = std::min(last, write.cut_from->value - 1);
    }
    for (const auto& one : write.records) {
      records[one.index.value] = one;
      last = one.index.value;
    }
    if (write.hard) hard = *write.hard;
    if (write.snapshot) {
      snapshot = *write.snapshot;
      records.erase(records.begin(), records.upper_bound(snapshot.index.value));
      last = std::max(last, snapshot.index.value);
    }
  }

  void check(port::Log& log, ShardId shard) const {
    const auto state = log.state(shard);
    REQUIRE(state.has_value());
    REQUIRE(state->first.value == snapshot.index.value + 1);
    REQUIRE(state->last.value == last);
    REQUIRE(state->last_term == (records.empty() ? snapshot.term : records.rbegin()->second.term));
    REQUIRE(state->hard == hard);
    REQUIRE(state->snapshot == snapshot);
    if (records.empty()) return;
    const auto found = read(log, shard, records.begin()->first, last);
    REQUIRE(found.size() == records.size());
    std::size_t at = 0;
    for (const auto& [index, expected] : records) require_same(found[at++], expected);
  }
};

LogWrite random_write(Dice& dice, ShardId shard, const LogModel& model) {
  LogWrite write;
  write.shard = shard;
  std::uint64_t last = model.last;
  std::uint64_t term = std::max<std::uint64_t>(1, model.hard.term.value);
  if (dice.chance(8) && !model.records.empty()) {
    last = model.records.begin()->first + dice.below(model.records.size());
    write.cut_from = LogIndex(last);
    --last;
  }
  if (dice.chance(10)) write.hard = HardState{Term(++term), PeerId(dice.below(4))};
  const std::uint64_t count = dice.chance(90) ? dice.below(5) : dice.below(60);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t size = dice.chance(90) ? dice.below(400) : dice.below(70'000);
    const auto type =
        dice.pick({EntryType::command, EntryType::command, EntryType::barrier, EntryType::change});
    write.records.push_back(record(++last, term, std::string(size, static_cast<char>(dice.next())), type));
  }
  if (dice.chance(10) && last > model.snapshot.index.value) {
    const std::uint64_t index =
        model.snapshot.index.value + 1 + dice.below(last - model.snapshot.index.value);
    write.snapshot =
        SnapshotMeta{LogIndex(index), Term(term), LogIndex(1), std::string(dice.below(50), 'c'), 0};
  }
  return write;
}

}  // namespace

void check_empty_log(const LogFactory& make) {
  const auto subject = make();
  for (int round = 0; round < 2; ++round) {
    const auto state = subject->log().state(data_shard);
    REQUIRE(state.has_value());
    REQUIRE(state->first == LogIndex(1));
    REQUIRE(state->last == LogIndex(0));
    REQUIRE(state->hard == HardState{});
    const auto done = subject->log().read(data_shard, LogIndex(1), LogIndex(1),
                                          [](const LogRecord&) -> Result<void> { return {}; });
    REQUIRE(done.error() == errc::corrupt);
    subject->reopen();
  }
}

void check_append_and_read(const LogFactory& make) {
  const auto subject = make();
  commit(subject->log(), appending(data_shard, {record(1, 1, "one", EntryType::change), record(2, 1, "")}));
  commit(subject->log(), appending(data_shard, {record(3, 2, "three", EntryType::barrier)}));
  subject->reopen();
  const auto found = read(subject->log(), data_shard, 1, 3);
  REQUIRE(found.size() == 3);
  require_same(found[0], record(1, 1, "one", EntryType::change));
  require_same(found[1], record(2, 1, ""));
  require_same(found[2], record(3, 2, "three", EntryType::barrier));
  REQUIRE(read(subject->log(), data_shard, 2, 2).size() == 1);
  REQUIRE(subject->log().state(data_shard)->last_term == Term(2));
  REQUIRE(subject->log().usage().live_bytes <= subject->log().usage().file_bytes);
}

void check_records_of_all_sizes(const LogFactory& make) {
  const auto subject = make();
  std::vector<LogRecord> records;
  std::uint64_t index = 0;
  for (const std::size_t size :
       {0, 1, 7, 8, 1900, 2000, 2014, 2015, 4000, 4056, 4057, 4096, 65'536, 1'048'576}) {
    ++index;
    records.push_back(record(index, 1, std::string(size, static_cast<char>('a' + index))));
  }
  commit(subject->log(), appending(data_shard, records));
  subject->reopen();
  const auto found = read(subject->log(), data_shard, 1, index);
  REQUIRE(found.size() == records.size());
  for (std::size_t i = 0; i < found.size(); ++i) require_same(found[i], records[i]);
}

void check_cut(const LogFactory& make) {
  const auto subject = make();
  commit(subject->log(), appending(data_shard, numbered(1, 10)));
  LogWrite write = appending(data_shard, {record(6, 2, "other six")});
  write.cut_from = LogIndex(6);
  commit(subject->log(), std::move(write));
  subject->reopen();
  REQUIRE(subject->log().state(data_shard)->last == LogIndex(6));
  REQUIRE(subject->log().state(data_shard)->last_term == Term(2));
  require_same(read(subject->log(), data_shard, 6, 6).at(0), record(6, 2, "other six"));
}

void check_hard_state(const LogFactory& make) {
  const auto subject = make();
  LogWrite write;
  write.shard = data_shard;
  write.hard = HardState{Term(7), PeerId(3)};
  commit(subject->log(), std::move(write));
  subject->reopen();
  REQUIRE(subject->log().state(data_shard)->hard == HardState{Term(7), PeerId(3)});
  REQUIRE(subject->log().state(catalog_shard)->hard == HardState{});
}

void check_trim(const LogFactory& make) {
  const auto subject = make();
  commit(subject->log(), appending(data_shard, numbered(1, 10)));
  commit(subject->log(), trimming(data_shard, 7, 1));
  for (int round = 0; round < 2; ++round) {
    const auto state = subject->log().state(data_shard);
    REQUIRE(state->first == LogIndex(8));
    REQUIRE(state->last == LogIndex(10));
    REQUIRE(state->snapshot == SnapshotMeta{LogIndex(7), Term(1), LogIndex(1), "configuration", 1});
    const auto below = subject->log().read(data_shard, LogIndex(7), LogIndex(8),
                                           [](const LogRecord&) -> Result<void> { return {}; });
    REQUIRE(below.error() == errc::corrupt);
    REQUIRE(read(subject->log(), data_shard, 8, 10).size() == 3);
    subject->reopen();
  }
  commit(subject->log(), trimming(data_shard, 10, 1));
  REQUIRE(subject->log().state(data_shard)->last == LogIndex(10));
  REQUIRE(subject->log().state(data_shard)->first == LogIndex(11));
  commit(subject->log(), appending(data_shard, numbered(11, 12)));
  REQUIRE(read(subject->log(), data_shard, 11, 12).size() == 2);
}

void check_long_trim(const LogFactory& make) {
  const auto subject = make();
  for (std::uint64_t first = 1; first < 5000; first += 500) {
    commit(subject->log(), appending(data_shard, numbered(first, first + 499, 300)));
  }
  const auto fullest = subject->log().usage().file_bytes;
  commit(subject->log(), trimming(data_shard, 4990, 1));
  REQUIRE(subject->log().state(data_shard)->first == LogIndex(4991));
  subject->reopen();
  REQUIRE(subject->log().state(data_shard)->first == LogIndex(4991));
  std::uint64_t last = 5000;
  for (int round = 0; round < 40; ++round, last += 20) {
    commit(subject->log(), appending(data_shard, numbered(last + 1, last + 20, 300)));
    commit(subject->log(), trimming(data_shard, last, 1));
  }
  // The space is used again although no single commit removed it all.
  REQUIRE(subject->log().usage().live_bytes < 500'000);
  REQUIRE(subject->log().usage().file_bytes <= fullest + fullest / 4);
  REQUIRE(read(subject->log(), data_shard, last - 19, last).size() == 20);
}

void check_snapshot_beyond_the_log(const LogFactory& make) {
  const auto subject = make();
  commit(subject->log(), appending(data_shard, numbered(1, 5)));
  LogWrite write = trimming(data_shard, 100, 3);
  write.cut_from = LogIndex(1);
  commit(subject->log(), std::move(write));
  subject->reopen();
  const auto state = subject->log().state(data_shard);
  REQUIRE(state->first == LogIndex(101));
  REQUIRE(state->last == LogIndex(100));
  REQUIRE(state->last_term == Term(3));
  commit(subject->log(), appending(data_shard, {record(101, 3, "next")}));
  REQUIRE(read(subject->log(), data_shard, 101, 101).size() == 1);
}

void check_shards_are_apart(const LogFactory& make) {
  const auto subject = make();
  std::vector<LogWrite> writes;
  for (const ShardId shard : {catalog_shard, data_shard, interval_shard}) {
    writes.push_back(appending(shard, {record(1, 1, "shard " + std::to_string(shard.value))}));
  }
  REQUIRE(subject->log().commit(writes).has_value());
  commit(subject->log(), trimming(data_shard, 1, 1));
  subject->reopen();
  REQUIRE(as_text(read(subject->log(), catalog_shard, 1, 1).at(0).body.bytes()) == "shard 0");
  REQUIRE(as_text(read(subject->log(), interval_shard, 1, 1).at(0).body.bytes()) == "shard 2");
  REQUIRE(subject->log().state(data_shard)->first == LogIndex(2));
}

void check_visitor_can_stop(const LogFactory& make) {
  const auto subject = make();
  commit(subject->log(), appending(data_shard, numbered(1, 600)));
  std::uint64_t seen = 0;
  const auto done =
      subject->log().read(data_shard, LogIndex(1), LogIndex(600), [&](const LogRecord&) -> Result<void> {
        return ++seen == 400 ? Result<void>(errc::cancelled) : Result<void>();
      });
  REQUIRE(done.error() == errc::cancelled);
  REQUIRE(seen == 400);
}

void check_bodies_are_aligned(const LogFactory& make) {
  const auto subject = make();
  for (std::uint64_t index = 1; index <= 20; ++index) {
    commit(subject->log(), appending(data_shard, {record(index, 1, std::string(index * 3, 'x'))}));
  }
  for (const LogRecord& one : read(subject->log(), data_shard, 1, 20)) {
    REQUIRE(reinterpret_cast<std::uintptr_t>(one.body.bytes().data()) % 8 == 0);
  }
}

void check_random_writes(const LogFactory& make, std::uint64_t seed, std::size_t steps) {
  CAPTURE(seed);
  Dice dice(seed);
  const auto subject = make();
  std::array<LogModel, 3> models;
  for (std::size_t step = 0; step < steps; ++step) {
    std::vector<LogWrite> writes;
    for (std::uint32_t shard = 0; shard < 3; ++shard) {
      if (!dice.chance(60)) continue;
      writes.push_back(random_write(dice, ShardId(shard), models[shard]));
      models[shard].apply(writes.back());
    }
    const auto done = subject->log().commit(writes);
    if (!done) FAIL(done.error().text());
    if (dice.chance(10)) subject->reopen();
    const auto shard = static_cast<std::uint32_t>(dice.below(3));
    if (dice.chance(30)) models[shard].check(subject->log(), ShardId(shard));
  }
  for (std::uint32_t shard = 0; shard < 3; ++shard) models[shard].check(subject->log(), ShardId(shard));
}

}  // namespace peerq::conformance
