#pragma once
// The trace of a recorded process: what it did to the files below one directory, in the order in which it was
// done. Written by tests/preload/record.cpp, read by trace.cpp. One machine, one build: no portability, no
// version.
//
//   record = TraceHeader | path (path_size) | second path or data (data_size)
//
// A record's number is its place in the trace, from 0. A sync is recorded when it has returned, and covers
// what had been recorded when it began: `upto`.

#include <cstdint>

namespace peerq::crash {

enum class TraceKind : std::uint32_t {
  /// A new file at `path`; `file` is its number from now on.
  create = 1,
  make_directory = 2,
  /// A file or an empty directory.
  remove = 3,
  /// From `path` to the second path.
  rename = 4,
  /// `data` at `offset`.
  write = 5,
  /// The file has now `offset` bytes.
  resize = 6,
  /// Data and size of the file are on the disk, as of `upto`.
  sync = 7,
  /// The write of record `upto` is on the disk (a file opened with O_DSYNC).
  sync_write = 8,
  /// The entries of the directory `path` are on the disk, as of `upto`.
  sync_directory = 9,
};

struct TraceHeader {
  TraceKind kind = TraceKind::write;
  std::uint32_t file = 0;
  std::int64_t time_us = 0;
  std::uint64_t offset = 0;
  std::uint64_t upto = 0;
  std::uint32_t path_size = 0;
  std::uint32_t data_size = 0;
};

}  // namespace peerq::crash
