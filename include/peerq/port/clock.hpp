#pragma once
// Where time comes from. Implementations: the system's (lib/runtime) and the test kit's virtual one.

#include "peerq/base/time.hpp"

namespace peerq::port {

/// Both clocks of this process. **Thread** any.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic; goes on while the machine sleeps if the system can tell.
  virtual SteadyTime steady() const noexcept = 0;
  /// The calendar; may jump either way.
  virtual WallTime wall() const noexcept = 0;
};

}  // namespace peerq::port
