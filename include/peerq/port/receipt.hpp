#pragma once
// Receipts: the text form of a lease, sealed so that it can be neither guessed nor moved to another queue or
// principal. One implementation, with libsodium's short-input MAC (lib/security).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "peerq/base/ids.hpp"
#include "peerq/engine/command.hpp"

namespace peerq::port {

/// What a receipt says.
struct ReceiptParts {
  QueueId queue;
  engine::LeaseRef lease;
  std::uint32_t epoch = 0;
  PrincipalId principal;

  friend bool operator==(const ReceiptParts&, const ReceiptParts&) = default;
};

/// **Thread** any.
class ReceiptSealer {
 public:
  virtual ~ReceiptSealer() = default;
  /// At most 128 printable characters (S59).
  virtual std::string seal(const ReceiptParts& parts) const = 0;
  /// None when the text is malformed or was not sealed here.
  virtual std::optional<ReceiptParts> open(std::string_view receipt) const = 0;
};

}  // namespace peerq::port
