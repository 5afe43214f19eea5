#pragma once
// I10 in the small: is there an order of a message's operations, each between its start and its end, in which
// a naive message gives every answer that was given? A standard queue promises nothing across messages but
// what each of them promises, so the search is done per message. It does not trust log indices; where all of
// them are known, it also checks that their order is such an order.

#include "support/history/checkers.hpp"

namespace peerq::history {

/// Longest list of one message's operations that is searched; longer ones count as undecided.
inline constexpr std::size_t search_operations_max = 60;

/// I10.
Findings check_linearizable(const History& history, const Rules& rules);

}  // namespace peerq::history
