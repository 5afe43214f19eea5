#pragma once
// A node on a directory of its own.

#include <catch2/catch_test_macros.hpp>

#include "peerq/node.hpp"
#include "temporary_directory.hpp"

namespace peerq::test {

struct Opened {
  TemporaryDirectory directory;
  Node node = Node::open({.data_dir = directory.inside("data")}).value();

  void reopen() {
    REQUIRE(node.close());
    node = Node::open({.data_dir = directory.inside("data")}).value();
  }
};

}  // namespace peerq::test
