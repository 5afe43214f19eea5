#include "support/history/recovered.hpp"

#include <fmt/format.h>

namespace peerq::history {

Findings check_recovered(const WriteJournal& journal, const Recovered& recovered) {
  Findings findings;
  const auto require = [&](bool holds, std::string what) {
    ++findings.checked;
    if (!holds) findings.violations.push_back({Invariant::i11, std::move(what)});
  };
  require(recovered.last_index >= journal.synced_index,
          fmt::format("the log ends at {}, but {} was synced", recovered.last_index, journal.synced_index));
  require(recovered.term >= journal.synced_term,
          fmt::format("the term is {}, but {} was synced", recovered.term, journal.synced_term));
  require(recovered.term != journal.synced_term || recovered.vote == journal.synced_vote,
          fmt::format("the vote is {}, but {} was synced", recovered.vote, journal.synced_vote));
  require(
      recovered.applied_index + 1 >= recovered.first_index && recovered.applied_index <= recovered.last_index,
      fmt::format("the state is at {}, outside of the log {} to {}", recovered.applied_index,
                  recovered.first_index, recovered.last_index));
  std::uint64_t last_term = 0;
  for (std::uint64_t index = recovered.first_index; index <= recovered.last_index; ++index) {
    const auto found = recovered.records.find(index);
    const auto written = journal.records.find(index);
    require(found != recovered.records.end(), fmt::format("record {} is missing", index));
    if (found == recovered.records.end()) continue;
    require(written != journal.records.end() && written->second == found->second,
            fmt::format("record {} is not what was written", index));
    require(found->second.term >= last_term,
            fmt::format("record {} has an older term than the one before", index));
    last_term = found->second.term;
  }
  require(recovered.records.size() == recovered.last_index + 1 - recovered.first_index,
          "there are records outside of the log");
  require(recovered.state_digest == recovered.replayed_digest, "the state is not what its log makes of it");
  return findings;
}

}  // namespace peerq::history
