#include "conformance/delta_subject.hpp"

namespace peerq::conformance {

void check_delta(StateHome& home, ShardId shard, std::uint64_t seed, std::size_t steps) {
  CAPTURE(seed, shard.value);
  DeltaSubject subject(shard, home);
  TablesCheck(subject, seed).run(steps);
}

}  // namespace peerq::conformance
