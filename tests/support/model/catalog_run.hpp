#pragma once
// Random logs over the catalog's commands, compared with the catalog's model.

#include <functional>
#include <memory>

#include "support/model/log_run.hpp"
#include "support/model/system.hpp"

namespace peerq::model {

using CatalogFactory = std::function<std::unique_ptr<CatalogSystem>(QueueId first_queue)>;

/// Runs the log on `system`, which must be new and give `first_queue` as its first id.
LogResult run_catalog_log(CatalogSystem& system, QueueId first_queue, const Genes& genes, bool trace);

/// As `run_logs`.
LogResult run_catalog_logs(const CatalogFactory& make, std::uint64_t seed, std::uint64_t steps);

}  // namespace peerq::model
