#include "storage/machine.hpp"
#include "storage/machines.hpp"
#include "storage/memory_shard.hpp"

namespace peerq::storage {

std::unique_ptr<port::QueueMachine> make_memory_queue_machine() {
  return std::make_unique<QueueMachineOver<MemoryShard>>(MemoryShard());
}

}  // namespace peerq::storage
