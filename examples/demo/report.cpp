#include "report.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "plan.hpp"
#include "words.hpp"

namespace demo {

namespace {

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string verdict(const Proof& proof) {
  if (proof.holds()) return "Nothing was lost: each acknowledged record was processed or dead-lettered.";
  std::string out = "THE PROMISE WAS BROKEN:";
  if (proof.lost > 0) out += fmt::format(" {} acknowledged and lost;", grouped(proof.lost));
  if (proof.not_sent > 0) out += fmt::format(" {} never acknowledged;", grouped(proof.not_sent));
  if (proof.from_nowhere > 0) out += fmt::format(" {} from nowhere;", grouped(proof.from_nowhere));
  if (proof.left_in_queues > 0) out += fmt::format(" {} left in the queues;", grouped(proof.left_in_queues));
  out.back() = '.';
  return out;
}

std::string what_was_digested(const Proof& proof) {
  std::string files = "digests of " + counted(proof.files_digested, "file");
  if (proof.lines_digested == 0) return files;
  return files + " and " + counted(proof.lines_digested, "line") + " naming none";
}

void print_pairs(const Run& run, const Proof& proof) {
  fmt::print("kills {}\n", run.kills.size());
  fmt::print("processed-again {}\n", proof.processed_again);
  fmt::print("seconds {:.1f}\n", run.time.count());
  fmt::print("records-per-second {:.0f}\n", static_cast<double>(proof.acknowledged) / run.time.count());
  fmt::print("records {}\n", proof.acknowledged);
  fmt::print("redelivered {}\n", proof.redelivered);
  fmt::print("dead-lettered {}\n", proof.dead_lettered);
  fmt::print("lost {}\n", proof.lost);
}

}  // namespace

void print_introduction(const Options& options, const Records& records, const Workplace& place) {
  fmt::print("A durable queue inside one program, and what a crash does to it.\n\n");
  fmt::print("  input      {}: {}\n", counted(records.names.size(), "record"), records.origin);
  fmt::print("  directory  {} ({})\n", place.root.string(),
             options.keep ? "it stays" : "removed at the end; --keep keeps it");
  fmt::print("  worker     {} producer threads send each record, {} in a batch, into the queue \"{}\";\n",
             producers, batch_size, queue_name);
  fmt::print(
      "             {} consumer threads take a record, compute the BLAKE2b digest of the file that it\n"
      "             names, and delete the message\n",
      consumers);
  fmt::print(
      "  failures   every {}th record fails the first time and is tried again; every {}th always fails\n",
      fails_once_every, fails_always_every);
  fmt::print("             and goes to the dead-letter queue after {} attempts\n", attempts_max);
  fmt::print("  crash      the worker is killed with kill -9 in the middle and started again: {}\n\n",
             counted(options.kills, "time"));
  std::fflush(stdout);
}

void print_summary(const Run& run, const Proof& proof) {
  const auto line = [](std::uint64_t number, const std::string& text) {
    fmt::print("  {:>9} {}\n", grouped(number), text);
  };
  fmt::print("\n{}\n\n", verdict(proof));
  line(proof.acknowledged, "records were sent and acknowledged: from then on a crash must not lose them");
  line(proof.processed,
       fmt::format("were processed: {}, {}", what_was_digested(proof), megabytes(proof.bytes_digested)));
  line(proof.dead_lettered, "failed every time, on purpose, and were put aside in the dead-letter queue");
  line(proof.redelivered,
       "deliveries were repeats: after a failure, or after the kill (2 seconds later, when");
  fmt::print("            the dead worker's lease had ended)\n");
  line(proof.processed_again,
       "times work was done twice: the kill came between the work and the delete, or between");
  fmt::print("            the send and the note of it. Delivery is at least once; handlers must bear that\n");
  line(proof.left_in_queues, "messages are left in the queues");
  fmt::print("  {:>9.1f} seconds in all, the kill and the restart among them\n\n", run.time.count());
  print_pairs(run, proof);
}

}  // namespace demo
