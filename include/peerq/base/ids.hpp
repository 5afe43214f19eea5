#pragma once
// Distinct types for every kind of number that names something, so that none is passed for another.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace peerq {

/// A number that names one kind of thing. Ordered, cheap to copy, not convertible to another kind.
template <class Tag, class Representation = std::uint64_t>
struct StrongId {
  Representation value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Representation v) noexcept : value(v) {}

  friend constexpr auto operator<=>(StrongId, StrongId) = default;
};

/// One replicated state machine with its own log.
using ShardId = StrongId<struct ShardTag, std::uint32_t>;
/// One creation of a queue (its *incarnation*); never used again, so a name that is created anew gets
/// another.
using QueueId = StrongId<struct QueueTag>;
/// Position in a shard's log; the first entry has index 1.
using LogIndex = StrongId<struct LogIndexTag>;
/// Raft term; a single peer stays in term 1.
using Term = StrongId<struct TermTag>;
/// A peer of a cluster; 0 is nobody.
using PeerId = StrongId<struct PeerTag>;
/// A client's session (S18); 0 is none.
using SessionId = StrongId<struct SessionTag>;
/// Who asks: 0 is the embedding process itself.
using PrincipalId = StrongId<struct PrincipalTag>;

constexpr LogIndex next(LogIndex index) noexcept { return LogIndex(index.value + 1); }

/// The shards that every data directory has. **Source** docs/architecture.md, shards.
inline constexpr ShardId catalog_shard{0};
inline constexpr ShardId data_shard{1};
inline constexpr ShardId interval_shard{2};
inline constexpr ShardId memory_shard{3};
inline constexpr std::uint32_t shard_count = 4;

/// A message's place in its queue: the lane (priority 0-9) in the top 4 bits, then a number dense in the
/// lane.
/// **Source** docs/decisions.md, lanes.
struct Sequence {
  std::uint64_t value = 0;

  static constexpr std::uint64_t number_bits = 60;
  static constexpr std::uint64_t number_mask = (std::uint64_t{1} << number_bits) - 1;

  static constexpr Sequence make(std::uint8_t lane, std::uint64_t number) noexcept {
    return {(std::uint64_t{lane} << number_bits) | (number & number_mask)};
  }
  constexpr std::uint8_t lane() const noexcept { return static_cast<std::uint8_t>(value >> number_bits); }
  constexpr std::uint64_t number() const noexcept { return value & number_mask; }
  constexpr Sequence next() const noexcept { return {value + 1}; }

  friend constexpr auto operator<=>(Sequence, Sequence) = default;
};

/// A message's name for life, kept through dead-lettering and redrive (S58).
struct MessageId {
  QueueId incarnation;
  Sequence sequence;

  friend constexpr auto operator<=>(const MessageId&, const MessageId&) = default;
};

/// 128 random bits that name a cluster; made with the directory.
struct ClusterId {
  std::array<std::byte, 16> bytes{};

  friend auto operator<=>(const ClusterId&, const ClusterId&) = default;
};

}  // namespace peerq

template <class Tag, class Representation>
struct std::hash<peerq::StrongId<Tag, Representation>> {
  std::size_t operator()(peerq::StrongId<Tag, Representation> id) const noexcept {
    return std::hash<Representation>()(id.value);
  }
};
