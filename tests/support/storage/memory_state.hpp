#pragma once
// The test kit's StateStore by itself: what LmdbState is on disk. What `write` was given is durable at once;
// a write can be told to fail.

#include <utility>

#include "testkit/sim_state.hpp"

namespace peerq::test {

class MemoryState {
 public:
  storage::StateStore& store() noexcept { return state_; }
  const testkit::SimTables& tables() const noexcept { return tables_; }

  /// The next write does nothing and answers this.
  void fail_next_write(Error error) { failure_ = std::move(error); }

 private:
  testkit::SimTables tables_;
  Error failure_;
  testkit::SimState state_{tables_, [this]() -> Result<void> {
                             if (failure_.code == errc::ok) return {};
                             return std::exchange(failure_, Error());
                           }};
};

}  // namespace peerq::test
