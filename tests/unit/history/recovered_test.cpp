// I11 and the replay of a log through the reference model (I10).
#include <catch2/catch_test_macros.hpp>

#include "support/history/recovered.hpp"
#include "support/history/replay.hpp"

namespace peerq::history {
namespace {

WriteJournal some_journal() {
  WriteJournal journal;
  for (std::uint64_t i = 1; i <= 10; ++i) journal.records[i] = {i < 6 ? 1U : 2U, 1000 + i};
  journal.synced_index = 8;
  journal.synced_term = 2;
  journal.synced_vote = 3;
  return journal;
}

Recovered as_written(std::uint64_t first, std::uint64_t last) {
  const WriteJournal journal = some_journal();
  Recovered recovered;
  recovered.first_index = first;
  recovered.last_index = last;
  for (std::uint64_t i = first; i <= last; ++i) recovered.records[i] = journal.records.at(i);
  recovered.term = 2;
  recovered.vote = 3;
  recovered.applied_index = first;
  return recovered;
}

bool holds(const Recovered& recovered) {
  return check_recovered(some_journal(), recovered).violations.empty();
}

TEST_CASE("I11 everything that was synced, and any part of the rest, is a good recovery") {
  CHECK(holds(as_written(1, 8)));
  CHECK(holds(as_written(1, 9)));
  CHECK(holds(as_written(1, 10)));
  CHECK(holds(as_written(5, 10)));
  Recovered trimmed = as_written(9, 8);
  trimmed.applied_index = 8;
  CHECK(holds(trimmed));
  Recovered newer = as_written(1, 10);
  newer.term = 3;
  newer.vote = 0;
  CHECK(holds(newer));
}

TEST_CASE("I11 a lost synced record, a gap, foreign bytes or records outside of the log are found") {
  CHECK_FALSE(holds(as_written(1, 7)));
  Recovered gap = as_written(1, 10);
  gap.records.erase(4);
  CHECK_FALSE(holds(gap));
  Recovered altered = as_written(1, 10);
  altered.records[9].digest ^= 1;
  CHECK_FALSE(holds(altered));
  Recovered invented = as_written(1, 10);
  invented.last_index = 11;
  invented.records[11] = {2, 1011};
  CHECK_FALSE(holds(invented));
  Recovered outside = as_written(3, 10);
  outside.records[1] = {1, 1001};
  CHECK_FALSE(holds(outside));
}

TEST_CASE("I11 a term or vote that went back is found") {
  Recovered older = as_written(1, 10);
  older.term = 1;
  CHECK_FALSE(holds(older));
  Recovered turned = as_written(1, 10);
  turned.vote = 2;
  CHECK_FALSE(holds(turned));
  WriteJournal journal = some_journal();
  journal.records[9].term = 1;
  Recovered backwards = as_written(1, 10);
  backwards.records[9].term = 1;
  CHECK_FALSE(check_recovered(journal, backwards).violations.empty());
}

TEST_CASE("I11 a state ahead of, behind or different from its log is found") {
  Recovered ahead = as_written(1, 9);
  ahead.applied_index = 10;
  CHECK_FALSE(holds(ahead));
  Recovered behind = as_written(5, 10);
  behind.applied_index = 3;
  CHECK_FALSE(holds(behind));
  Recovered different = as_written(1, 10);
  different.state_digest = 1;
  different.replayed_digest = 2;
  CHECK_FALSE(holds(different));
}

/// A small log: configure, send, receive, delete.
class Replayed {
 public:
  Replayed() {
    engine::Configure configure;
    configure.config.id = queue;
    configure.config.version = 1;
    configure.config.name = "q";
    apply(1, configure);
    engine::SendItem item;
    item.counted_bytes = 4;
    const engine::SendItem items[] = {item};
    apply(2, engine::Send{queue, false, items});
    engine::Receive receive;
    receive.queue = queue;
    apply(3, receive);
    engine::SettleItem settle;
    settle.lease = {Sequence::make(4, 1), 1};
    const engine::SettleItem settles[] = {settle};
    apply(4, engine::Settle{queue, engine::Verb::erase, settles});
  }

  Findings check(const std::string& text) const { return replay_.check(read_history(text)); }

  const QueueId queue{77};
  const std::string id = message_name({queue, Sequence::make(4, 1)});

 private:
  void apply(std::uint64_t index, engine::CommandBody body) {
    const engine::Command commands[] = {{{}, std::move(body)}};
    engine::EntryView entry;
    entry.header.stamps = {{static_cast<std::int64_t>(index) * 1000}, {static_cast<std::int64_t>(index)}};
    entry.commands = commands;
    replay_.apply(LogIndex(index), entry);
  }

  LogReplay replay_;
};

TEST_CASE("I10 replies that the log explains are good") {
  const Replayed log;
  const Findings found =
      log.check("1 0-1 send ok i=2 m=" + log.id + "\n1 2-3 receive ok i=3 n=1 c=1 m=" + log.id +
                "\n1 4-5 erase ok i=4 n=1 m=" + log.id + "\n");
  CHECK(found.checked == 3);
  CHECK(found.undecided == 0);
  CHECK(found.violations.empty());
}

TEST_CASE("I10 replies that the log does not explain are found, and those without an index are counted") {
  const Replayed log;
  CHECK(log.check("1 0-1 send ok i=3 m=" + log.id + "\n").violations.size() == 1);
  CHECK(log.check("1 0-1 send ok i=2 m=another\n").violations.size() == 1);
  CHECK(log.check("1 0-1 receive ok i=3 n=2 c=1 m=" + log.id + "\n").violations.size() == 1);
  CHECK(log.check("1 0-1 receive ok i=3 n=1 c=2 m=" + log.id + "\n").violations.size() == 1);
  CHECK(log.check("1 0-1 receive ok i=3 empty\n").violations.size() == 1);
  CHECK(log.check("1 0-1 erase ok i=4 n=1 gone m=" + log.id + "\n").violations.size() == 1);
  CHECK(log.check("1 0-1 release ok i=4 n=1 m=" + log.id + "\n").violations.size() == 1);
  CHECK(log.check("1 0-1 erase ok i=9 n=1 m=" + log.id + "\n").violations.size() == 1);
  CHECK(log.check("1 0-1 send ok m=" + log.id + "\n").undecided == 1);
}

}  // namespace
}  // namespace peerq::history
