#pragma once
// The demo's words, before and after.

#include "options.hpp"
#include "proof.hpp"
#include "records.hpp"
#include "supervisor.hpp"

namespace demo {

void print_introduction(const Options& options, const Records& records, const Workplace& place);
/// The summary in words, then as pairs of a word and a number.
void print_summary(const Run& run, const Proof& proof);

}  // namespace demo
