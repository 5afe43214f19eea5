#pragma once
// Opens a data directory: the composition of log, state and state machines.

#include <memory>

#include "peerq/base/result.hpp"
#include "peerq/port/entropy.hpp"
#include "peerq/port/file_system.hpp"
#include "peerq/port/observer.hpp"
#include "peerq/port/store.hpp"

namespace peerq::storage {

/// Opens the directory, creating it if there is none. `file_system` and `observer` must outlive the store.
///
/// **Errors** data_dir_locked, data_dir_unsupported, storage_full, corrupt: nothing was written, the detail
/// says what to do; node_failed. **Durable** the directory itself, when it was created. **Thread** blocks on
/// the disk.
Result<std::unique_ptr<port::Store>> open_store(const port::StoreOptions& options,
                                                port::FileSystem& file_system, port::Entropy& entropy,
                                                Observer& observer);

}  // namespace peerq::storage
