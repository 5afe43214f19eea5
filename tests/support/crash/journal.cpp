#include "support/crash/journal.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace peerq::crash {

std::string text_of(const MessageId& id) {
  return fmt::format("{:016x}{:016x}", id.incarnation.value, id.sequence.value);
}

void Journal::write(const std::string& path) const {
  std::ofstream out(path, std::ios::trunc);
  for (const auto& e : entries_) {
    out << static_cast<int>(e.did) << ' ' << e.start << ' ' << e.end << ' ' << e.end_us << ' '
        << e.acknowledged << ' ' << (e.queue.empty() ? "-" : e.queue) << ' ' << e.id.incarnation.value << ' '
        << e.id.sequence.value << ' ' << e.attempt << ' ' << e.body.producer << ' ' << e.body.number << ' '
        << e.body_size << ' ' << e.may_expire << '\n';
  }
  if (!out.flush()) throw std::runtime_error("journal: cannot write " + path);
}

std::vector<JournalEntry> Journal::read(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("journal: cannot read " + path);
  std::vector<JournalEntry> entries;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    JournalEntry e;
    int did = 0;
    words >> did >> e.start >> e.end >> e.end_us >> e.acknowledged >> e.queue >> e.id.incarnation.value >>
        e.id.sequence.value >> e.attempt >> e.body.producer >> e.body.number >> e.body_size >> e.may_expire;
    if (!words) throw std::runtime_error("journal: damaged line: " + line);
    e.did = static_cast<Did>(did);
    if (e.queue == "-") e.queue.clear();
    entries.push_back(std::move(e));
  }
  return entries;
}

}  // namespace peerq::crash
