#pragma once
// Where the tests find what they read. The only unit compiled with paths of this tree, so that a compiler
// cache serves every other unit of the tests to all trees.

#include <string>

namespace peerq::test {

/// The project's folder, with a slash at its end.
std::string source_dir();
/// The folder of the programs and preload libraries of this build, with a slash at its end.
std::string program_dir();

}  // namespace peerq::test
