#include "support/crash/crash_disk.hpp"

#include <algorithm>
#include <cstring>

namespace peerq::crash {

namespace {

std::string_view parent_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == path.npos ? std::string_view() : path.substr(0, slash);
}

void put(std::string& bytes, std::uint64_t offset, std::string_view data) {
  if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
  std::memcpy(bytes.data() + offset, data.data(), data.size());
}

/// Calls `keep(offset, data)` for the sectors of a write.
template <class Keep>
void for_sectors(std::uint64_t offset, std::string_view data, Keep&& keep) {
  while (!data.empty()) {
    const std::size_t size = std::min<std::size_t>(data.size(), sector_size - offset % sector_size);
    keep(offset, data.substr(0, size));
    offset += size;
    data.remove_prefix(size);
  }
}

}  // namespace

void Image::contents(const File& file, std::string& out) {
  out.assign(*file.base, 0, std::min<std::size_t>(file.base->size(), file.size));
  out.resize(file.size);
  for (const auto& patch : file.patches) {
    if (patch.offset >= file.size) continue;
    std::memcpy(out.data() + patch.offset, patch.data.data(),
                std::min<std::size_t>(patch.data.size(), file.size - patch.offset));
  }
}

void CrashDisk::advance(std::uint64_t position) {
  position = std::min<std::uint64_t>(position, trace_->records().size());
  for (; position_ < position; ++position_) take(position_, trace_->records()[position_]);
}

void CrashDisk::take(std::uint64_t number, const TraceRecord& record) {
  switch (record.kind) {
    case TraceKind::create: files_[record.file]; [[fallthrough]];
    case TraceKind::make_directory:
    case TraceKind::remove:
    case TraceKind::rename:
      name_changes_.push_back(
          {number, record.kind, std::string(record.path), std::string(record.data), record.file});
      return;
    case TraceKind::write:
      files_[record.file].pending.push_back({number, record.offset, record.data, false});
      return;
    case TraceKind::resize: files_[record.file].pending.push_back({number, record.offset, {}, true}); return;
    case TraceKind::sync: return sync_file(files_[record.file], record.upto);
    case TraceKind::sync_write: return sync_write(files_[record.file], record.upto);
    case TraceKind::sync_directory: return sync_names(record.path, record.upto);
  }
}

void CrashDisk::apply(const Change& change, std::string& bytes) {
  if (change.resize) {
    bytes.resize(change.offset);
  } else {
    put(bytes, change.offset, change.data);
  }
}

void CrashDisk::sync_file(File& file, std::uint64_t upto) {
  std::vector<Change> left;
  for (const Change& change : file.pending) {
    if (change.record < upto) {
      apply(change, file.durable);
    } else {
      left.push_back(change);
    }
  }
  file.pending = std::move(left);
}

/// Earlier unsynced changes of the same bytes are covered by it: it must not be undone by them.
void CrashDisk::sync_write(File& file, std::uint64_t record) {
  const auto found = std::find_if(file.pending.begin(), file.pending.end(), [&](const Change& change) {
    return change.record == record && !change.resize;
  });
  if (found == file.pending.end()) return;  // a later sync was faster
  const Change synced = *found;
  const std::uint64_t end = synced.offset + synced.data.size();
  std::vector<Change> left;
  for (const Change& change : file.pending) {
    if (change.record == record) continue;
    const std::uint64_t change_end = change.offset + change.data.size();
    if (change.resize || change.record > record || change_end <= synced.offset || change.offset >= end) {
      left.push_back(change);
      continue;
    }
    if (change.offset < synced.offset) {
      left.push_back(
          {change.record, change.offset, change.data.substr(0, synced.offset - change.offset), false});
    }
    if (change_end > end)
      left.push_back({change.record, end, change.data.substr(end - change.offset), false});
  }
  file.pending = std::move(left);
  apply(synced, file.durable);
}

bool CrashDisk::touches(const NameChange& change, std::string_view directory) {
  return parent_of(change.path) == directory ||
         (change.kind == TraceKind::rename && parent_of(change.to) == directory);
}

void CrashDisk::sync_names(std::string_view directory, std::uint64_t upto) {
  std::vector<NameChange> left;
  for (auto& change : name_changes_) {
    if (change.record < upto && touches(change, directory)) {
      apply(change, durable_);
    } else {
      left.push_back(std::move(change));
    }
  }
  name_changes_ = std::move(left);
}

void CrashDisk::apply(const NameChange& change, Entries& entries) {
  switch (change.kind) {
    case TraceKind::create: entries[change.path] = {false, change.file}; return;
    case TraceKind::make_directory: entries[change.path] = {true, 0}; return;
    case TraceKind::remove: entries.erase(change.path); return;
    case TraceKind::rename: break;
    default: return;
  }
  Entries moved;
  for (auto it = entries.begin(); it != entries.end();) {
    const bool own = it->first == change.path || it->first.starts_with(change.path + "/");
    if (own) moved[change.to + it->first.substr(change.path.size())] = it->second;
    it = own ? entries.erase(it) : std::next(it);
  }
  for (const auto& [path, entry] : moved) entries[path] = entry;
}

Image::File CrashDisk::remains(const File& file, Fate fate, Random& random) const {
  Image::File out;
  out.base = &file.durable;
  out.size = file.durable.size();
  // `prefix`: everything before one change, which may be torn itself.
  const std::size_t torn_at = fate == Fate::prefix ? random.below(file.pending.size() + 1) : 0;
  for (std::size_t i = 0; i < file.pending.size(); ++i) {
    const Change& change = file.pending[i];
    bool keep = fate == Fate::kept || (fate == Fate::prefix && i < torn_at);
    bool tear = fate == Fate::prefix && i == torn_at;
    if (fate == Fate::any || fate == Fate::torn) keep = random.chance(1, 2);
    if (fate == Fate::torn) tear = random.chance(1, 2);
    if (change.resize) {
      if (keep) out.size = change.offset;
      continue;
    }
    const std::uint64_t end = change.offset + change.data.size();
    if (tear) {
      for_sectors(change.offset, change.data, [&](std::uint64_t offset, std::string_view data) {
        if (!random.chance(1, 2)) return;
        out.patches.push_back({offset, data});
        out.size = std::max<std::uint64_t>(out.size, offset + data.size());
      });
    } else if (keep) {
      out.patches.push_back({change.offset, change.data});
      out.size = std::max(out.size, end);
    }
    // The size may have become durable without the bytes.
    if (fate != Fate::lost && random.chance(1, 8)) out.size = std::max(out.size, end);
  }
  return out;
}

/// The directories that can be reached, parents first.
Image CrashDisk::image_of(const Entries& entries) {
  Image image;
  for (const auto& [path, entry] : entries) {
    if (entry.directory && image.has_directory(parent_of(path))) image.directories.insert(path);
  }
  return image;
}

Image CrashDisk::crash(Random& random) const {
  const auto fate = static_cast<Fate>(random.below(5));
  Entries entries = durable_;
  const bool all_names = random.chance(1, 3);
  for (const auto& change : name_changes_) {
    if (all_names || random.chance(1, 2)) apply(change, entries);
  }
  Image image = image_of(entries);
  for (const auto& [path, entry] : entries) {
    if (entry.directory || !image.has_directory(parent_of(path))) continue;
    // Each file fares on its own: two files of one moment are two places of the disk.
    const Fate own = random.chance(1, 2) ? fate : static_cast<Fate>(random.below(5));
    image.files[path] = remains(files_.at(entry.file), own, random);
  }
  return image;
}

Image CrashDisk::intact() const {
  Entries entries = durable_;
  for (const auto& change : name_changes_) apply(change, entries);
  Image image = image_of(entries);
  Random none(0);
  for (const auto& [path, entry] : entries) {
    if (entry.directory) continue;
    const File& file = files_.at(entry.file);
    Image::File whole{&file.durable, {}, file.durable.size()};
    for (const Change& change : file.pending) {
      if (change.resize) {
        whole.size = change.offset;
      } else {
        whole.patches.push_back({change.offset, change.data});
        whole.size = std::max<std::uint64_t>(whole.size, change.offset + change.data.size());
      }
    }
    image.files[path] = std::move(whole);
  }
  return image;
}

std::size_t CrashDisk::pending_writes() const noexcept {
  std::size_t count = name_changes_.size();
  for (const auto& [number, file] : files_) count += file.pending.size();
  return count;
}

}  // namespace peerq::crash
