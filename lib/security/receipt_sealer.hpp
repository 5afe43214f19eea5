#pragma once
// The ReceiptSealer port on libsodium's SipHash-2-4. Format: docs/formats_wire.md, receipt.

#include <array>
#include <cstddef>
#include <memory>

#include "peerq/port/receipt.hpp"

namespace peerq::security {

/// A sealer with the directory's key, which it wipes when it goes. **Thread** any.
std::unique_ptr<port::ReceiptSealer> make_receipt_sealer(const std::array<std::byte, 16>& key);

}  // namespace peerq::security
