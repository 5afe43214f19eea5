#include "support/crash/trace.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace peerq::crash {

Trace Trace::read(const std::string& path) {
  Trace trace;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("trace: cannot read " + path);
  trace.bytes_.resize(std::filesystem::file_size(path));
  file.read(trace.bytes_.data(), static_cast<std::streamsize>(trace.bytes_.size()));
  std::string_view rest(trace.bytes_.data(), trace.bytes_.size());
  const auto take = [&](std::size_t size) {
    if (size > rest.size()) throw std::runtime_error("trace: torn: " + path);
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  };
  while (!rest.empty()) {
    TraceHeader header;
    std::memcpy(&header, take(sizeof(header)).data(), sizeof(header));
    TraceRecord record{.kind = header.kind,
                       .file = header.file,
                       .time_us = header.time_us,
                       .offset = header.offset,
                       .upto = header.upto,
                       .path = take(header.path_size),
                       .data = take(header.data_size)};
    trace.records_.push_back(record);
  }
  return trace;
}

}  // namespace peerq::crash
