#pragma once
// The codec, entries with every kind of command, and their comparison.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peerq/port/codec.hpp"

namespace peerq::test {

/// What is tested.
const port::Codec& codec();

/// Owns what its commands point to.
struct Sample {
  engine::EntryHeader header;
  std::vector<engine::Command> commands;
  std::vector<std::vector<engine::SendItem>> sends;
  std::vector<std::vector<engine::SettleItem>> settles;
  std::vector<std::vector<MessageId>> ids;
  std::vector<std::vector<std::int64_t>> turns;
  std::vector<engine::WeightedQueue> weighted;
  std::vector<engine::Transact::Part> parts;
  std::vector<SharedBytes> buffers;

  Bytes keep(std::string_view text);
};

/// What a directory's first format knew, or all that there is.
enum class Age { first_format, now };

/// An entry with every command and every optional column, always the same bytes.
Sample every_command(const port::Codec& codec, Age age = Age::now);

/// An entry drawn from `seed`.
Sample random_entry(const port::Codec& codec, std::uint64_t seed);

QueueOptions unusual_options(Age age = Age::now);

bool same(const engine::Command& a, const engine::Command& b);
bool same(const engine::EntryView& a, const Sample& b);

}  // namespace peerq::test
