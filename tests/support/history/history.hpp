#pragma once
// A recorded history: operations of all processes, read and merged.

#include <string>
#include <string_view>
#include <vector>

#include "support/history/operation.hpp"

namespace peerq::history {

struct History {
  /// By start.
  std::vector<Operation> operations;
  /// Lines that could not be read: torn by a kill.
  std::size_t damaged_lines = 0;
};

/// Reads the text of one or several files, one after the other. A last line without an end is left out.
History read_history(std::string_view text);
/// **Errors** throws std::runtime_error when a file cannot be read.
History read_files(const std::vector<std::string>& paths);

}  // namespace peerq::history
