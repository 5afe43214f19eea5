#pragma once
// What the suite backlog does in processes of their own, so that memory, opening and kills are those of a
// program that does nothing else. Each prints its figures as lines "name number".

#include <string>
#include <vector>

namespace peerq::bench {

/// Runs `arguments`: a part's name and what it takes (backlog_child.cpp). The exit status; 2 for an unknown
/// part.
int run_child(const std::vector<std::string>& arguments);

}  // namespace peerq::bench
