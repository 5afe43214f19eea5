#pragma once
// The settings in which the engine is compared with the model.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/model/log_run.hpp"
#include "support/model/system.hpp"

namespace peerq::model {

struct Setting {
  std::string_view name;
  SystemFactory make;
  LogOptions options;
};

/// `naive`: the engine on ordered maps, entries as views; restarts drop what it derived. `codec`: the same
/// behind encode and decode. `memory`: the memory shard. `delta`: delta tables with checkpoints over a store
/// in memory. `lmdb`: the same over LMDB.
const std::vector<Setting>& settings();
/// **Errors** throws std::invalid_argument for an unknown name.
const Setting& setting(std::string_view name);

/// The catalog's engine on ordered maps.
std::unique_ptr<CatalogSystem> make_catalog_system(QueueId first_queue);

}  // namespace peerq::model
