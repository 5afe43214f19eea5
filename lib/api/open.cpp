// The composition root: which implementation stands behind each port in a real process.

#include <array>
#include <filesystem>
#include <string>

#include "api/node_state.hpp"
#include "api/open_parts.hpp"
#include "calendar/system_calendar.hpp"
#include "peerq/node.hpp"
#include "replication/single_replicator.hpp"
#include "runtime/hosted_executor.hpp"
#include "runtime/system_clock.hpp"
#include "runtime/thread_executor.hpp"
#include "security/body_digest.hpp"
#include "security/receipt_sealer.hpp"
#include "security/system_entropy.hpp"
#include "storage/open_store.hpp"
#include "storage/system_file_system.hpp"
#include "wire/codec.hpp"
#include "wire/configuration.hpp"

namespace peerq {

namespace {

/// What the store and the executor refer to, for as long as the node lives.
struct Surroundings {
  storage::SystemFileSystem file_system;
  std::shared_ptr<HostExecutor> host;
};

/// Files are opened later too, when the process may have gone to another directory.
std::string absolute_path(const std::string& path) {
  std::error_code failed;
  auto absolute = std::filesystem::absolute(path, failed).string();
  return failed ? path : absolute;
}

constexpr std::uint64_t max_disk_bytes_min = 1024 * 1024;

Error check(const NodeOptions& options) {
  if (options.data_dir.empty()) return {errc::invalid_argument, "data_dir is empty; name a directory"};
  if (options.max_disk_bytes != 0 && options.max_disk_bytes < max_disk_bytes_min) {
    return {errc::invalid_argument, "max_disk_bytes is " + std::to_string(options.max_disk_bytes) +
                                        ", must be 0 (no limit) or at least " +
                                        std::to_string(max_disk_bytes_min)};
  }
  if (options.memory_budget < limits::memory_budget_min) {
    return {errc::invalid_argument, "memory_budget is " + std::to_string(options.memory_budget) +
                                        ", must be at least " + std::to_string(limits::memory_budget_min)};
  }
  return {};
}

Result<std::shared_ptr<port::Executor>> make_executor(const NodeOptions& options) {
  if (options.executor != nullptr)
    return std::shared_ptr<port::Executor>(runtime::make_hosted_executor(*options.executor));
  auto threads = runtime::make_thread_executor();
  if (!threads) return std::move(threads).error();
  return std::shared_ptr<port::Executor>(std::move(*threads));
}

}  // namespace

namespace detail {

Result<std::array<std::unique_ptr<port::Replicator>, shard_count>> make_replicators(port::Store& store) {
  std::array<std::unique_ptr<port::Replicator>, shard_count> out;
  for (const ShardId id : {catalog_shard, data_shard, interval_shard}) {
    auto found = store.log().state(id);
    if (!found) return std::move(found).error();
    out[id.value] = replication::make_single_replicator(
        *found, {.shard = id, .acknowledge_before_durable = id == interval_shard, .volatile_log = false});
  }
  out[memory_shard.value] = replication::make_single_replicator(
      {}, {.shard = memory_shard, .acknowledge_before_durable = false, .volatile_log = true});
  return out;
}

SharedBytes initial_configuration() {
  return wire::encode_configuration({{.id = PeerId(1), .address = "local", .role = wire::ServerRole::voter}});
}

Result<Node> assemble(OpenParts parts) {
  auto replicators = make_replicators(*parts.store);
  if (!replicators) return std::move(replicators).error();
  auto sealer = security::make_receipt_sealer(parts.store->identity().receipt_key);
  node::CoreParts core_parts{.clock = std::move(parts.clock),
                             .executor = parts.executor,
                             .codec = wire::make_codec(),
                             .digest = security::make_body_digest(),
                             .calendar = calendar::make_calendar(),
                             .observer = std::move(parts.observer),
                             .store = std::move(parts.store),
                             .replicators = std::move(*replicators)};
  auto core = std::make_shared<node::Core>(std::move(core_parts));
  auto recovered = core->recover();
  auto state = std::make_shared<NodeState>(NodeParts{.core = std::move(core),
                                                     .executor = std::move(parts.executor),
                                                     .sealer = std::move(sealer),
                                                     .entropy = std::move(parts.entropy),
                                                     .keep_alive = std::move(parts.keep_alive),
                                                     .real_time = parts.real_time});
  if (!recovered) {
    state->discard();
    return std::move(recovered).error();
  }
  return Access::node(std::move(state));
}

}  // namespace detail

Result<Node> Node::open(const NodeOptions& options) {
  if (Error error = check(options); error.code != errc::ok) return error;
  detail::OpenParts parts;
  parts.observer = options.observer != nullptr ? options.observer : std::make_shared<Observer>();
  parts.clock = runtime::make_system_clock();
  parts.entropy = security::make_system_entropy();
  auto surroundings = std::make_shared<Surroundings>();
  surroundings->host = options.executor;
  port::StoreOptions store_options{.directory = absolute_path(options.data_dir),
                                   .max_disk_bytes = options.max_disk_bytes,
                                   .memory_budget = options.memory_budget,
                                   .initial_configuration = detail::initial_configuration()};
  auto store = storage::open_store(store_options, surroundings->file_system, *parts.entropy, *parts.observer);
  if (!store) return std::move(store).error();
  parts.store = std::move(*store);
  auto executor = make_executor(options);
  if (!executor) return std::move(executor).error();
  parts.executor = std::move(*executor);
  parts.keep_alive = std::move(surroundings);
  parts.real_time = true;
  return detail::assemble(std::move(parts));
}

}  // namespace peerq
