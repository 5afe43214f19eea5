#pragma once
// Fills an empty shard from a stream of its state.

#include "peerq/port/state_machine.hpp"
#include "storage/state_stream.hpp"

namespace peerq::storage {

/// **Errors** corrupt, version_mismatch, storage_full, node_failed; `state` is not to be used then.
template <class State>
Result<void> receive_state(State& state, ShardId shard, port::StateStream& from) {
  TablesReceiver receiver(state.tables(), shard);
  while (true) {
    auto chunk = from.next();
    if (!chunk) return chunk.error();
    if (chunk->empty()) break;
    if (auto put = receiver.put(chunk->bytes()); !put) return put;
    if (auto staged = state.stage(); !staged) return staged;
  }
  if (!receiver.complete()) return Error(errc::corrupt, "a streamed state ends early");
  state.received(*receiver.complete());
  return {};
}

}  // namespace peerq::storage
