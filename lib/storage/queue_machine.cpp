#include "storage/machine.hpp"
#include "storage/machines.hpp"
#include "storage/receive_state.hpp"
#include "storage/shard_delta.hpp"

namespace peerq::storage {

Result<std::unique_ptr<port::QueueMachine>> make_queue_machine(ShardId shard, StateStore& store,
                                                               DeltaBudget& budget) {
  ShardDelta state(shard, store, budget);
  if (auto opened = state.open(); !opened) return std::move(opened).error();
  return std::unique_ptr<port::QueueMachine>(
      std::make_unique<QueueMachineOver<ShardDelta>>(std::move(state)));
}

Result<std::unique_ptr<port::QueueMachine>> receive_queue_machine(ShardId shard, StateStore& store,
                                                                  DeltaBudget& budget,
                                                                  port::StateStream& from) {
  ShardDelta state(shard, store, budget);
  if (auto opened = state.open(); !opened) return std::move(opened).error();
  if (auto received = receive_state(state, shard, from); !received) return received.error();
  return std::unique_ptr<port::QueueMachine>(
      std::make_unique<QueueMachineOver<ShardDelta>>(std::move(state)));
}

}  // namespace peerq::storage
