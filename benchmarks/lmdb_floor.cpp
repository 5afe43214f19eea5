#include "lmdb_floor.hpp"

#include <algorithm>
#include <array>

#include "session.hpp"

namespace peerq::bench {

namespace {

constexpr std::size_t floor_map_size = std::size_t{1} << 36;

void check(int code) {
  if (code != 0) throw CannotMeasure(std::string("LMDB: ") + mdb_strerror(code));
}

}  // namespace

LmdbFloor::LmdbFloor(const std::filesystem::path& folder) : folder_(folder), bytes_(4096, 'b') { open(); }

LmdbFloor::~LmdbFloor() { mdb_env_close(environment_); }

void LmdbFloor::open() {
  std::filesystem::create_directories(folder_);
  check(mdb_env_create(&environment_));
  check(mdb_env_set_mapsize(environment_, floor_map_size));
  check(mdb_env_open(environment_, folder_.c_str(), 0, 0600));
  MDB_txn* transaction = begin();
  check(mdb_dbi_open(transaction, nullptr, MDB_CREATE, &table_));
  commit(transaction);
}

void LmdbFloor::start_anew() {
  mdb_env_close(environment_);
  environment_ = nullptr;
  std::filesystem::remove_all(folder_);
  open();
}

MDB_txn* LmdbFloor::begin() {
  MDB_txn* transaction = nullptr;
  check(mdb_txn_begin(environment_, nullptr, 0, &transaction));
  return transaction;
}

void LmdbFloor::commit(MDB_txn* transaction) { check(mdb_txn_commit(transaction)); }

void LmdbFloor::put(MDB_txn* transaction, std::size_t value_bytes) {
  std::array<unsigned char, 8> key_bytes{};
  for (std::size_t i = 0; i < key_bytes.size(); ++i) {
    key_bytes[i] = static_cast<unsigned char>(next_key_ >> (56 - 8 * i));
  }
  ++next_key_;
  if (bytes_.size() < value_bytes) bytes_.resize(value_bytes, 'b');
  MDB_val key{key_bytes.size(), key_bytes.data()};
  MDB_val value{value_bytes, bytes_.data()};
  check(mdb_put(transaction, table_, &key, &value, MDB_APPEND));
}

Latencies LmdbFloor::append_singly(std::size_t values, std::size_t value_bytes) {
  Latencies out(values);
  for (std::size_t i = 0; i < values; ++i) {
    const auto begin_time = Clock::now();
    MDB_txn* transaction = begin();
    put(transaction, value_bytes);
    commit(transaction);
    out.add(Clock::now() - begin_time);
  }
  return out;
}

double LmdbFloor::append(const Commits& commits) {
  const auto begin_time = Clock::now();
  for (const std::uint64_t size : commits.sizes) {
    MDB_txn* transaction = begin();
    put(transaction, std::max<std::size_t>(size, 1));
    commit(transaction);
  }
  return seconds_since(begin_time);
}

double LmdbFloor::append_in_values(const Commits& commits, std::size_t value_bytes) {
  const auto begin_time = Clock::now();
  for (const std::uint64_t size : commits.sizes) {
    MDB_txn* transaction = begin();
    std::size_t left = std::max<std::size_t>(size, 1);
    while (left > 0) {
      const std::size_t part = std::min(left, value_bytes);
      put(transaction, part);
      left -= part;
    }
    commit(transaction);
  }
  return seconds_since(begin_time);
}

}  // namespace peerq::bench
