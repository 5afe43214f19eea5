#include "proof.hpp"

#include <peerq/node.hpp>
#include <vector>

#include "journal.hpp"
#include "plan.hpp"

namespace demo {

namespace {

/// What the journals say about one record.
struct Traces {
  std::uint32_t acknowledged = 0;
  std::uint32_t processed = 0;
  std::uint32_t dead_lettered = 0;

  bool has_end() const noexcept { return processed + dead_lettered > 0; }
};

/// One entry per record; numbers that were never given are counted apart.
class Ledger {
 public:
  explicit Ledger(std::size_t records) : traces_(records) {}

  void note(RecordNumber number, std::uint32_t Traces::*where) {
    if (number < traces_.size())
      ++(traces_[number].*where);
    else
      ++unknown_;
  }

  const std::vector<Traces>& traces() const noexcept { return traces_; }
  std::uint64_t unknown() const noexcept { return unknown_; }

 private:
  std::vector<Traces> traces_;
  std::uint64_t unknown_ = 0;
};

void count_ends(const Ledger& ledger, Proof& proof) {
  for (const auto& record : ledger.traces()) {
    const bool acknowledged = record.acknowledged > 0;
    proof.acknowledged += acknowledged ? 1 : 0;
    proof.not_sent += acknowledged ? 0 : 1;
    proof.lost += acknowledged && !record.has_end() ? 1 : 0;
    proof.processed += record.processed > 0 ? 1 : 0;
    proof.processed_again += record.processed > 1 ? record.processed - 1 : 0;
    proof.dead_lettered += record.dead_lettered > 0 ? 1 : 0;
  }
  proof.from_nowhere = ledger.unknown();
}

std::uint64_t left_in(const peerq::QueueStatistics& queue) {
  return queue.ready + queue.delayed + queue.in_flight + queue.parked;
}

/// Opens the directory a last time: the statistics are durable too.
void ask_queues(const Workplace& place, Proof& proof) {
  auto node = peerq::Node::open({.data_dir = place.queues()}).value();
  const auto queue = node.open_queue(queue_name).value().statistics().value();
  const auto dead = node.open_queue(dead_letter_queue_name).value().statistics().value();
  proof.redelivered = queue.redelivered;
  proof.left_in_queues = left_in(queue) + left_in(dead);
  node.close().value();
}

}  // namespace

Proof prove(const Workplace& place, std::size_t records) {
  Proof proof;
  Ledger ledger(records);
  for (const auto number : read_numbers(place.acknowledged())) ledger.note(number, &Traces::acknowledged);
  for (const auto number : read_numbers(place.dead_lettered())) ledger.note(number, &Traces::dead_lettered);
  for (const auto& what : read_digested(place.processed())) {
    ledger.note(what.number, &Traces::processed);
    ++(what.from_file ? proof.files_digested : proof.lines_digested);
    proof.bytes_digested += what.size;
  }
  count_ends(ledger, proof);
  ask_queues(place, proof);
  return proof;
}

}  // namespace demo
