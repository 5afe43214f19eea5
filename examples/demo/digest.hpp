#pragma once
// The work that is done for a record: the digest of the file that it names.

#include <string>

#include "journal.hpp"

namespace demo {

/// BLAKE2b with 128 bits over the file's bytes, or over the line itself when it names no readable file.
/// **Thread** any.
Digested digest_record(RecordNumber number, const std::string& line);

}  // namespace demo
