#include "storage/machine.hpp"
#include "storage/machines.hpp"
#include "storage/shard_delta.hpp"

namespace peerq::storage {

Result<std::unique_ptr<port::CatalogMachine>> make_catalog_machine(QueueId first_queue, StateStore& store,
                                                                   DeltaBudget& budget) {
  ShardDelta state(catalog_shard, store, budget);
  if (auto opened = state.open(); !opened) return std::move(opened).error();
  return std::unique_ptr<port::CatalogMachine>(
      std::make_unique<CatalogMachineOver<ShardDelta>>(std::move(state), first_queue));
}

}  // namespace peerq::storage
