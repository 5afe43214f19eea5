#pragma once
// What every implementation of the engine's tables must do: the same as an ordered map of bytes, under random
// operations on every table, with checkpoints, failed ones and restarts in between.

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "peerq/engine/tables.hpp"
#include "storage/row_list.hpp"
#include "support/model/dice.hpp"

namespace peerq::conformance {

using model::Dice;

/// A check that costs little to compile: it stands in templates over every row.
inline void expect(bool holds, std::source_location where = std::source_location::current()) {
  if (!holds) FAIL("line " << where.line() << " of " << where.file_name());
}

/// An archive that fills a key or row with random fields: keys from a small space, so that they meet.
class Filler {
 public:
  static constexpr bool reading = true;
  Filler(Dice& dice, std::uint64_t space) : dice_(&dice), space_(space) {}

  template <class T>
  void field(T& value) {
    auto& number = engine::detail::number_in(value);
    number = static_cast<std::remove_cvref_t<decltype(number)>>(dice_->below(space_));
  }
  void text(std::string& value) { value.assign(dice_->below(40), static_cast<char>('a' + dice_->below(26))); }
  void rest(std::string& value) { value = "n" + std::to_string(dice_->below(space_)); }
  bool ok() const { return true; }
  bool more(bool) const { return true; }
  std::size_t remaining() const { return 200; }

 private:
  Dice* dice_;
  std::uint64_t space_;
};

template <class Row>
typename Row::Key random_key(Dice& dice) {
  typename Row::Key key;
  Filler filler(dice, Row::dense ? 300 : 12);
  Row::Key::layout(filler, key);
  if constexpr (requires { key.queue; }) key.queue.value %= 3;
  return key;
}

template <class Row>
Row random_row(Dice& dice) {
  Row row;
  Filler filler(dice, 5);
  Row::layout(filler, row);
  return row;
}

/// The model: keys and rows as bytes, which order as the keys do. Payloads stand under the payloads' number.
using ByteTables = std::map<std::pair<engine::TableId, std::string>, std::string>;

template <class Row>
std::string key_bytes(const typename Row::Key& key) {
  std::string out;
  engine::encode_key<Row>(key, out);
  return out;
}

template <class Row>
std::string row_bytes(const Row& row) {
  std::string out;
  engine::encode_row(row, out);
  return out;
}

inline std::string payload_bytes(MessageId id) {
  std::string out;
  engine::KeyWriter writer(out);
  writer.field(id.incarnation);
  writer.field(id.sequence);
  return out;
}

inline void check_payload(const engine::Payload& payload, const std::string& expected) {
  if (payload.cold == nullptr) return expect(as_text(payload.bytes.bytes()) == expected);
  const auto fetched = payload.cold->fetch();
  if (!fetched) FAIL(fetched.error().text());
  expect(as_text(fetched->bytes()) == expected);
  expect(reinterpret_cast<std::uintptr_t>(fetched->bytes().data()) % 8 == 0);
}

/// Tables under test and the model beside them. `Subject` gives `tables()`, `has(table)` and
/// `disturb(dice, model, before_restart)`, which may do anything that must not be seen, and sets the model
/// back where the tables went back.
template <class Subject>
class TablesCheck {
 public:
  TablesCheck(Subject& subject, std::uint64_t seed) : subject_(&subject), dice_(seed) {}

  void run(std::size_t steps) {
    for (std::size_t step = 0; step < steps; ++step) {
      if (dice_.chance(2)) subject_->disturb(dice_, model_, [this] { read_kept(); });
      if (dice_.chance(30) && subject_->has(engine::TableId::payloads)) {
        payload_step();
      } else {
        row_step();
      }
    }
    compare_all();
  }

 private:
  void row_step() {
    if (dice_.chance(40) && step_in<engine::MessageRow>()) return;
    bool done = false;
    while (!done) {
      const std::uint64_t pick = dice_.below(20);
      std::uint64_t at = 0;
      storage::OrderedRows::for_each([&]<class Row>() {
        if (at++ == pick) done = step_in<Row>();
        return true;
      });
    }
  }

  /// Whether the subject has the table. The shard's own row belongs to the checkpoint.
  bool tested(engine::TableId table) const { return table != engine::TableId::shard && subject_->has(table); }

  template <class Row>
  bool step_in() {
    if (!tested(Row::table)) return false;
    auto& tables = subject_->tables();
    auto key = random_key<Row>(dice_);
    const std::pair place{Row::table, key_bytes<Row>(key)};
    const auto known = model_.find(place);
    const auto found = tables.template find<Row>(key);
    CAPTURE(static_cast<int>(Row::table));
    expect(found.has_value() == (known != model_.end()));
    if (found) expect(row_bytes<Row>(*found) == known->second);
    const std::uint64_t choice = dice_.below(100);
    if (choice < 25) {
      compare_first<Row>(key, random_key<Row>(dice_));
    } else if (found && choice < 60) {
      tables.template erase<Row>(key);
      model_.erase(known);
    } else {
      const Row row = random_row<Row>(dice_);
      if (found) {
        tables.template update<Row>(key, row);
      } else {
        tables.template insert<Row>(key, row);
      }
      model_[place] = row_bytes<Row>(row);
    }
    return true;
  }

  template <class Row>
  void compare_first(typename Row::Key from, typename Row::Key to) {
    if (to < from) std::swap(from, to);
    const auto known = model_.lower_bound({Row::table, key_bytes<Row>(from)});
    const bool there = known != model_.end() && known->first < std::pair{Row::table, key_bytes<Row>(to)};
    const auto found = subject_->tables().template first<Row>(from, to);
    expect(found.has_value() == there);
    if (!found) return;
    expect(key_bytes<Row>(found->key) == known->first.second);
    expect(row_bytes<Row>(found->row) == known->second);
  }

  void payload_step() {
    const MessageId id{QueueId(dice_.below(3)), Sequence{dice_.below(200)}};
    const std::pair place{engine::TableId::payloads, payload_bytes(id)};
    const auto known = model_.find(place);
    if (known == model_.end()) {
      const std::size_t size = dice_.chance(85) ? dice_.below(300) : dice_.below(20'000);
      const std::string bytes(size, static_cast<char>(dice_.next()));
      model_[place] = bytes;
      subject_->tables().insert_payload(id, SharedBytes::copy(as_bytes(bytes)));
    } else if (dice_.chance(50)) {
      keep_or_read(id, known->second);
    } else {
      if (dice_.chance(30)) keep_or_read(id, known->second);
      model_.erase(known);
      subject_->tables().erase_payload(id);
    }
    if (!kept_.empty() && dice_.chance(20)) {
      check_payload(kept_.back().first, kept_.back().second);
      kept_.pop_back();
    }
  }

  /// What was asked for stays readable whatever happens to the row meanwhile.
  void keep_or_read(MessageId id, const std::string& expected) {
    engine::Payload payload = subject_->tables().payload(id);
    if (dice_.chance(70)) return check_payload(payload, expected);
    kept_.emplace_back(std::move(payload), expected);
  }

  void read_kept() {
    for (const auto& [payload, expected] : kept_) check_payload(payload, expected);
    kept_.clear();
  }

  void compare_all() {
    read_kept();
    compare_table<engine::MessageRow>();
    storage::OrderedRows::for_each([&]<class Row>() {
      compare_table<Row>();
      return true;
    });
    for (const auto& [place, bytes] : model_) {
      if (place.first != engine::TableId::payloads) continue;
      engine::KeyReader reader(as_bytes(place.second));
      MessageId id;
      reader.field(id.incarnation);
      reader.field(id.sequence);
      check_payload(subject_->tables().payload(id), bytes);
    }
  }

  /// Every row of the table, by its key and by its order.
  template <class Row>
  void compare_table() {
    if (!tested(Row::table)) return;
    typename Row::Key last{};
    for (auto at = model_.lower_bound({Row::table, {}}); at != model_.end() && at->first.first == Row::table;
         ++at) {
      typename Row::Key key{};
      expect(engine::decode_key<Row>(as_bytes(at->first.second), key));
      const auto found = subject_->tables().template find<Row>(key);
      expect(found.has_value());
      expect(row_bytes<Row>(*found) == at->second);
      compare_first<Row>(last, key);
      last = key;
    }
  }

  Subject* subject_;
  Dice dice_;
  ByteTables model_;
  std::vector<std::pair<engine::Payload, std::string>> kept_;
};

}  // namespace peerq::conformance
