#include "digest.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace demo {

namespace {

constexpr std::size_t digest_size = 16;
constexpr std::size_t block_size = 256 * 1024;

/// BLAKE2b, fed piece by piece.
class Digest {
 public:
  Digest() {
    [[maybe_unused]] static const int ready = sodium_init();
    crypto_generichash_init(&state_, nullptr, 0, digest_size);
  }

  void add(const void* bytes, std::size_t size) {
    crypto_generichash_update(&state_, static_cast<const unsigned char*>(bytes), size);
  }

  std::string hex() {
    std::array<unsigned char, digest_size> digest{};
    crypto_generichash_final(&state_, digest.data(), digest.size());
    std::string out(2 * digest_size + 1, '\0');
    sodium_bin2hex(out.data(), out.size(), digest.data(), digest.size());
    out.pop_back();
    return out;
  }

 private:
  crypto_generichash_state state_{};
};

bool is_regular(int descriptor) {
  struct stat facts {};
  return ::fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode);
}

/// Whether all of the file was read.
bool digest_file(int descriptor, Digested& out) {
  std::vector<char> block(block_size);
  Digest digest;
  for (;;) {
    const auto count = ::read(descriptor, block.data(), block.size());
    if (count < 0) return false;
    if (count == 0) break;
    digest.add(block.data(), static_cast<std::size_t>(count));
    out.size += static_cast<std::uint64_t>(count);
  }
  out.digest = digest.hex();
  return true;
}

Digested digest_line(RecordNumber number, const std::string& line) {
  Digest digest;
  digest.add(line.data(), line.size());
  return {.number = number, .from_file = false, .size = line.size(), .digest = digest.hex()};
}

}  // namespace

Digested digest_record(RecordNumber number, const std::string& line) {
  const int descriptor = ::open(line.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return digest_line(number, line);
  Digested out{.number = number, .from_file = true};
  const bool read = is_regular(descriptor) && digest_file(descriptor, out);
  ::close(descriptor);
  return read ? out : digest_line(number, line);
}

}  // namespace demo
