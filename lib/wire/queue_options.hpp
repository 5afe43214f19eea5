#pragma once
// A queue's parameters inside an entry (docs/formats_wire.md, queue options). Values are carried as they are:
// whether they make sense is the engine's to say, the same way on every peer.

#include <entry.capnp.h>

#include <cstddef>

#include "peerq/base/queue_options.hpp"

namespace peerq::wire {

/// Words that the struct and everything behind it take.
std::size_t options_words(const QueueOptions& options) noexcept;

void write_options(schema::QueueOptions::Builder to, const QueueOptions& options);

/// False when the lists cannot be those of any queue.
[[nodiscard]] bool read_options(schema::QueueOptions::Reader from, QueueOptions& options);

}  // namespace peerq::wire
