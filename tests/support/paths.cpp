#include "support/paths.hpp"

namespace peerq::test {

std::string source_dir() { return PEERQ_SOURCE_DIR "/"; }
std::string program_dir() { return PEERQ_BINARY_DIR "/bin/"; }

}  // namespace peerq::test
