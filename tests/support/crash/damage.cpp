#include "support/crash/damage.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace peerq::crash {

namespace {

constexpr std::size_t page_size = 4096;

std::size_t pages_of(const std::string& bytes) { return bytes.size() / page_size; }

/// A page that is in use, most likely: not all zeros.
std::size_t used_page(const std::string& bytes, Random& random) {
  for (int tries = 0;; ++tries) {
    const std::size_t page = random.below(pages_of(bytes));
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(page * page_size);
    if (tries == 20 || std::any_of(begin, begin + page_size, [](char byte) { return byte != 0; }))
      return page;
  }
}

}  // namespace

Damage::Damage(const Trace& trace) {
  std::map<std::uint32_t, std::string> paths;
  const auto& records = trace.records();
  for (std::uint64_t i = 0; i < records.size(); ++i) {
    const auto& record = records[i];
    if (record.kind == TraceKind::create) paths[record.file] = record.path;
    if (record.kind == TraceKind::rename) continue;
    if (record.kind != TraceKind::write || record.offset % page_size != 0) continue;
    for (std::size_t at = 0; at + page_size <= record.data.size(); at += page_size) {
      old_pages_[paths[record.file]].push_back({i, record.offset + at, record.data.substr(at, page_size)});
    }
  }
}

std::string Damage::inflict(DamagedFiles& files, std::uint64_t position, Random& random) const {
  std::vector<std::string> candidates;
  for (const auto& [path, bytes] : files) {
    if (path.ends_with("data.mdb") && pages_of(bytes) >= 2) candidates.push_back(path);
  }
  if (candidates.empty()) return "nothing";
  const std::string path = candidates[random.below(candidates.size())];
  std::string& bytes = files[path];
  std::string what;
  switch (random.below(6)) {
    case 0: what = flip_bits(bytes, random); break;
    case 1: what = zero(bytes, random); break;
    case 2: what = swap_pages(bytes, random); break;
    case 3: what = cut(bytes, random); break;
    case 4: what = scribble(bytes, random); break;
    default: what = make_stale(path, bytes, position, random); break;
  }
  return what + " of " + path;
}

std::string Damage::flip_bits(std::string& bytes, Random& random) const {
  const std::size_t page = used_page(bytes, random);
  // Headers and tree nodes lie at the page's beginning and end: one flip in two is aimed at the beginning.
  const std::size_t within = random.chance(1, 2) ? random.below(64) : random.below(page_size);
  std::string what = fmt::format("flip: page {}", page);
  for (std::uint64_t i = random.chance(3, 4) ? 1 : 1 + random.below(8); i > 0; --i) {
    const std::size_t at = page * page_size + (within + i - 1) % page_size;
    const auto bit = random.below(8);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    what += fmt::format(", byte {} bit {}", at % page_size, bit);
  }
  return what;
}

std::string Damage::zero(std::string& bytes, Random& random) const {
  const std::size_t page = used_page(bytes, random);
  const std::size_t size = random.chance(1, 2) ? page_size : sector_size;
  const std::size_t at =
      page * page_size + (size == page_size ? 0 : random.below(page_size / sector_size) * sector_size);
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, '\0');
  return fmt::format("zero: {} bytes at {} (page {})", size, at, page);
}

std::string Damage::swap_pages(std::string& bytes, Random& random) const {
  const std::size_t first = used_page(bytes, random);
  const std::size_t second = used_page(bytes, random);
  std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(first * page_size),
                   bytes.begin() + static_cast<std::ptrdiff_t>((first + 1) * page_size),
                   bytes.begin() + static_cast<std::ptrdiff_t>(second * page_size));
  return fmt::format("swap: pages {} and {}", first, second);
}

std::string Damage::cut(std::string& bytes, Random& random) const {
  const std::size_t size =
      random.chance(1, 2) ? random.below(pages_of(bytes)) * page_size : random.below(bytes.size());
  const std::size_t before = bytes.size();
  bytes.resize(size);
  return fmt::format("cut: to {} bytes of {}", size, before);
}

std::string Damage::scribble(std::string& bytes, Random& random) const {
  const std::size_t page = used_page(bytes, random);
  const std::size_t at = page * page_size + random.below(page_size / sector_size) * sector_size;
  for (std::size_t i = 0; i < sector_size; ++i) bytes[at + i] = static_cast<char>(random.next());
  return fmt::format("scribble: 512 bytes at {} (page {})", at, page);
}

std::string Damage::make_stale(const std::string& path, std::string& bytes, std::uint64_t position,
                               Random& random) const {
  const auto found = old_pages_.find(path);
  if (found == old_pages_.end()) return flip_bits(bytes, random);
  const auto& pages = found->second;
  const auto end = std::lower_bound(pages.begin(), pages.end(), position,
                                    [](const OldPage& page, std::uint64_t at) { return page.record < at; });
  const auto count = static_cast<std::uint64_t>(end - pages.begin());
  for (int tries = 0; tries < 50 && count > 0; ++tries) {
    // One in two is young: a lost write.
    const std::uint64_t back =
        random.below(random.chance(1, 2) ? count : std::min<std::uint64_t>(count, 200));
    const OldPage& old = pages[count - 1 - back];
    if (old.offset + page_size > bytes.size() || bytes.compare(old.offset, page_size, old.data) == 0)
      continue;
    bytes.replace(old.offset, page_size, old.data);
    return fmt::format("stale: page {} as of record {} at {}", old.offset / page_size, old.record, position);
  }
  return flip_bits(bytes, random);
}

}  // namespace peerq::crash
