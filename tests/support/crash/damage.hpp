#pragma once
// Ways to damage the files of an image.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/crash/crash_disk.hpp"

namespace peerq::crash {

/// Files by path, to be changed at will.
using DamagedFiles = std::map<std::string, std::string>;

/// **Thread** one at a time. The trace outlives it.
class Damage {
 public:
  explicit Damage(const Trace& trace);

  /// Changes one of the files; what was done, in words that begin with the kind. `position` is where the
  /// trace stands.
  std::string inflict(DamagedFiles& files, std::uint64_t position, Random& random) const;

 private:
  struct OldPage {
    std::uint64_t record = 0;
    std::uint64_t offset = 0;
    std::string_view data;
  };

  std::string flip_bits(std::string& bytes, Random& random) const;
  std::string zero(std::string& bytes, Random& random) const;
  std::string swap_pages(std::string& bytes, Random& random) const;
  std::string cut(std::string& bytes, Random& random) const;
  std::string scribble(std::string& bytes, Random& random) const;
  std::string make_stale(const std::string& path, std::string& bytes, std::uint64_t position,
                         Random& random) const;

  /// Whole pages that were written, by path.
  std::map<std::string, std::vector<OldPage>> old_pages_;
};

}  // namespace peerq::crash
