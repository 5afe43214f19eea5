#include "security/body_digest.hpp"

#include <sodium.h>

#include "peerq/base/assert.hpp"

namespace peerq::security {

namespace {

class Blake2Digest final : public port::Digest {
 public:
  Blake2Digest() { PEERQ_ASSERT(sodium_init() >= 0); }

  Value of(Bytes bytes) const noexcept override {
    static_assert(std::tuple_size_v<Value> == crypto_generichash_BYTES);
    Value out{};
    crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
    return out;
  }
};

}  // namespace

std::unique_ptr<port::Digest> make_body_digest() { return std::make_unique<Blake2Digest>(); }

}  // namespace peerq::security
