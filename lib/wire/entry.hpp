#pragma once
// Log entries: a header and a batch of commands (docs/formats_wire.md, entry).

#include <memory>

#include "peerq/port/codec.hpp"

namespace peerq::wire {

/// One allocation of the exact size, one copy of each payload.
SharedBytes encode_entry(const engine::EntryHeader& header, std::span<const engine::Command> commands);

/// A decoder whose views point into the entry's bytes.
std::unique_ptr<port::EntryDecoder> make_entry_decoder();

}  // namespace peerq::wire
