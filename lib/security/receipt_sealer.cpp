#include "security/receipt_sealer.hpp"

#include <sodium.h>

#include <cstring>

#include "peerq/base/assert.hpp"
#include "peerq/base/limits.hpp"
#include "peerq/engine/layout.hpp"

namespace peerq::security {

namespace {

//  0        1       9          17        21      25          33      41
//  +--------+-------+----------+---------+-------+-----------+-------+
//  | format | queue | sequence | attempt | epoch | principal |  MAC  |   little-endian, then base64url
//  +--------+-------+----------+---------+-------+-----------+-------+
constexpr char format_now = 1;
constexpr std::size_t sealed_size = 1 + 8 + 8 + 4 + 4 + 8;
constexpr std::size_t mac_size = crypto_shorthash_BYTES;
constexpr std::size_t raw_size = sealed_size + mac_size;
constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr std::size_t text_size = sodium_base64_ENCODED_LEN(raw_size, variant) - 1;
static_assert(text_size <= limits::receipt_size_max);
static_assert(crypto_shorthash_KEYBYTES == 16);

void layout(auto& archive, auto& parts) {
  archive.field(parts.queue);
  archive.field(parts.lease.sequence);
  archive.field(parts.lease.attempt);
  archive.field(parts.epoch);
  archive.field(parts.principal);
}

const unsigned char* raw(const char* text) noexcept { return reinterpret_cast<const unsigned char*>(text); }

class SipHashSealer final : public port::ReceiptSealer {
 public:
  explicit SipHashSealer(const std::array<std::byte, 16>& key) {
    PEERQ_ASSERT(sodium_init() >= 0);
    std::memcpy(key_.data(), key.data(), key_.size());
  }
  ~SipHashSealer() override { sodium_memzero(key_.data(), key_.size()); }
  SipHashSealer(const SipHashSealer&) = delete;
  SipHashSealer& operator=(const SipHashSealer&) = delete;

  std::string seal(const port::ReceiptParts& parts) const override {
    std::string bytes(1, format_now);
    engine::RowWriter writer(bytes);
    layout(writer, parts);
    PEERQ_ASSERT(bytes.size() == sealed_size);
    const Mac mac = mac_of(bytes.data());
    bytes.append(reinterpret_cast<const char*>(mac.data()), mac.size());

    std::string text(text_size + 1, '\0');
    sodium_bin2base64(text.data(), text.size(), raw(bytes.data()), bytes.size(), variant);
    text.resize(text_size);
    return text;
  }

  std::optional<port::ReceiptParts> open(std::string_view receipt) const override {
    if (receipt.size() != text_size) return std::nullopt;
    std::array<char, raw_size> bytes{};
    std::size_t size = 0;
    // Without a place for the end of the text, libsodium refuses what it does not understand to the last bit.
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), receipt.data(),
                          receipt.size(), nullptr, &size, nullptr, variant) != 0 ||
        size != raw_size) {
      return std::nullopt;
    }
    const Mac mac = mac_of(bytes.data());
    if (sodium_memcmp(mac.data(), bytes.data() + sealed_size, mac_size) != 0) return std::nullopt;
    if (bytes[0] != format_now) return std::nullopt;

    port::ReceiptParts parts;
    engine::RowReader reader(as_bytes(std::string_view(bytes.data() + 1, sealed_size - 1)));
    layout(reader, parts);
    PEERQ_ASSERT(reader.finished());
    return parts;
  }

 private:
  using Mac = std::array<unsigned char, mac_size>;

  Mac mac_of(const char* sealed) const noexcept {
    Mac mac{};
    crypto_shorthash(mac.data(), raw(sealed), sealed_size, key_.data());
    return mac;
  }

  std::array<unsigned char, crypto_shorthash_KEYBYTES> key_{};
};

}  // namespace

std::unique_ptr<port::ReceiptSealer> make_receipt_sealer(const std::array<std::byte, 16>& key) {
  return std::make_unique<SipHashSealer>(key);
}

}  // namespace peerq::security
