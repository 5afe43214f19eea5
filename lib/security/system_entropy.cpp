#include "security/system_entropy.hpp"

#include <sodium.h>

#include "peerq/base/assert.hpp"

namespace peerq::security {

namespace {

class SystemEntropy final : public port::Entropy {
 public:
  SystemEntropy() { PEERQ_ASSERT(sodium_init() >= 0); }
  void fill(std::span<std::byte> out) noexcept override {
    if (!out.empty()) randombytes_buf(out.data(), out.size());
  }
};

}  // namespace

std::unique_ptr<port::Entropy> make_system_entropy() { return std::make_unique<SystemEntropy>(); }

}  // namespace peerq::security
