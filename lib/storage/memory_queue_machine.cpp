#include "storage/machine.hpp"
#include "storage/machines.hpp"
#include "storage/memory_shard.hpp"
#include "storage/receive_state.hpp"

namespace peerq::storage {

std::unique_ptr<port::QueueMachine> make_memory_queue_machine() {
  return std::make_unique<QueueMachineOver<MemoryShard>>(MemoryShard());
}

Result<std::unique_ptr<port::QueueMachine>> receive_memory_queue_machine(port::StateStream& from) {
  MemoryShard state;
  if (auto received = receive_state(state, memory_shard, from); !received) return received.error();
  return std::unique_ptr<port::QueueMachine>(
      std::make_unique<QueueMachineOver<MemoryShard>>(std::move(state)));
}

}  // namespace peerq::storage
