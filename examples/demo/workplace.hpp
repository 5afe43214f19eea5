#pragma once
// The demo's directory: what lies where in it. Supervisor and worker share nothing else.

#include <filesystem>
#include <string>

namespace demo {

struct Workplace {
  std::filesystem::path root;

  /// The input: record n is line n, counted from 0.
  std::filesystem::path records() const { return root / "records.txt"; }
  /// Records whose send was acknowledged.
  std::filesystem::path acknowledged() const { return root / "acknowledged.journal"; }
  /// Records that a handler finished, with what it found.
  std::filesystem::path processed() const { return root / "processed.journal"; }
  /// Records that were taken from the dead-letter queue.
  std::filesystem::path dead_lettered() const { return root / "dead_lettered.journal"; }
  /// The data directory of peerq.
  std::filesystem::path queues() const { return root / "queues.peerq"; }
};

/// Makes the directory, and removes it at the end unless it is to be kept.
class OwnedWorkplace {
 public:
  /// `directory` must not exist or be empty; without a name a fresh temporary one is made. Throws
  /// std::system_error.
  OwnedWorkplace(const std::string& directory, bool keep);
  ~OwnedWorkplace();
  OwnedWorkplace(const OwnedWorkplace&) = delete;
  OwnedWorkplace& operator=(const OwnedWorkplace&) = delete;

  const Workplace& place() const noexcept { return place_; }

 private:
  Workplace place_;
  bool keep_;
};

}  // namespace demo
