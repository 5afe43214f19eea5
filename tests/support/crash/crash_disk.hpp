#pragma once
// A disk as a power loss may leave it: what was synced is there; of every change since, any part may be.
//
// The model is harder than real file systems: unsynced changes reach the disk in any order and torn at 512
// bytes, a file's size on its own, and a directory entry only with the sync of its directory, whatever is
// done to the file. What is not modelled: sectors that were never written change.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/crash/random.hpp"
#include "support/crash/trace.hpp"

namespace peerq::crash {

inline constexpr std::size_t sector_size = 512;

/// The files and directories of an image by path. A file's bytes stay valid until the disk advances.
struct Image {
  struct File {
    const std::string* base = nullptr;
    struct Patch {
      std::uint64_t offset = 0;
      std::string_view data;
    };
    /// In this order over `base`.
    std::vector<Patch> patches;
    std::uint64_t size = 0;
  };
  std::set<std::string, std::less<>> directories;
  std::map<std::string, File> files;

  bool has_directory(std::string_view path) const { return path.empty() || directories.contains(path); }

  /// A file's bytes, put together. Replaces `out`.
  static void contents(const File& file, std::string& out);
};

/// **Thread** one at a time. The trace outlives it.
class CrashDisk {
 public:
  explicit CrashDisk(const Trace& trace) : trace_(&trace) {}

  /// Takes in the records before `position`; it only goes forward.
  void advance(std::uint64_t position);
  /// What is left after a crash now.
  Image crash(Random& random) const;
  /// What the running process sees now.
  Image intact() const;

  std::size_t pending_writes() const noexcept;

 private:
  /// A change that is not synced. `data` null = the size became `offset`.
  struct Change {
    std::uint64_t record = 0;
    std::uint64_t offset = 0;
    std::string_view data;
    bool resize = false;
  };
  struct File {
    std::string durable;
    std::vector<Change> pending;
  };
  /// What a name stands for.
  struct Entry {
    bool directory = false;
    std::uint32_t file = 0;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;
  /// A change of names that is not synced.
  struct NameChange {
    std::uint64_t record = 0;
    TraceKind kind = TraceKind::create;
    std::string path;
    std::string to;
    std::uint32_t file = 0;
  };
  /// How the unsynced changes of one image fare.
  enum class Fate : std::uint8_t { lost, kept, any, torn, prefix };

  void take(std::uint64_t number, const TraceRecord& record);
  void sync_file(File& file, std::uint64_t upto);
  static void sync_write(File& file, std::uint64_t record);
  void sync_names(std::string_view directory, std::uint64_t upto);
  static void apply(const NameChange& change, Entries& entries);
  static bool touches(const NameChange& change, std::string_view directory);
  static void apply(const Change& change, std::string& bytes);
  Image::File remains(const File& file, Fate fate, Random& random) const;
  static Image image_of(const Entries& entries);

  const Trace* trace_;
  std::uint64_t position_ = 0;
  std::map<std::uint32_t, File> files_;
  Entries durable_;
  std::vector<NameChange> name_changes_;
};

}  // namespace peerq::crash
