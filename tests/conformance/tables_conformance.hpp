#pragma once
// What every implementation of the engine's tables must do: the same as the naive ones, under random operations on
// every table, with checkpoints, failed ones and restarts in between.

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "peerq/engine/tables.hpp"
#include "storage/row_list.hpp"
#include "support/model/dice.hpp"
#include "support/naive_tables.hpp"

namespace peerq::conformance {

using model::Dice;

/// A check that costs little to compile: it stands in templates over every row.
inline void expect(bool holds) { REQUIRE(holds); }

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

/// Tables under test and the model beside them. `Subject` gives `tables()`, `has(table)` and `disturb(dice)`, which may
/// do anything that must not be seen, and returns how many steps back in time the tables went: see `Rewind`.
template <class Subject>
class TablesCheck {
 public:
  TablesCheck(Subject& subject, std::uint64_t seed) : subject_(&subject), dice_(seed) {}

  void run(std::size_t steps) {
    for (std::size_t step = 0; step < steps; ++step) {
      if (dice_.chance(2)) subject_->disturb(dice_, model_);
      if (dice_.chance(30)) {
        payload_step();
      } else {
        row_step();
      }
    }
    compare_all();
  }

 private:
  void row_step() {
    bool done = false;
    while (!done) {
      if (dice_.chance(40)) done = step_in<engine::MessageRow>();
      if (!done) {
        const std::uint64_t pick = dice_.below(20);
        std::uint64_t at = 0;
        storage::OrderedRows::for_each([&]<class Row>() {
          if (at++ == pick) done = step_in<Row>();
          return true;
        });
      }
    }
  }

  template <class Row>
  bool step_in() {
    // The shard's own row belongs to the checkpoint.
    if (!subject_->has(Row::table) || Row::table == engine::TableId::shard) return false;
    const auto key = random_key<Row>(dice_);
    const auto expected = model_.find<Row>(key);
    const auto found = subject_->tables().template find<Row>(key);
    expect(found.has_value() == expected.has_value());
    if (found) expect(*found == *expected);
    if (dice_.chance(25)) return compare_first<Row>(key, random_key<Row>(dice_)), true;
    if (!expected) {
      change<Row>([&](auto& tables, const Row& row) { tables.template insert<Row>(key, row); });
    } else if (dice_.chance(45)) {
      change<Row>([&](auto& tables, const Row& row) { tables.template update<Row>(key, row); });
    } else {
      change<Row>([&](auto& tables, const Row&) { tables.template erase<Row>(key); });
    }
    return true;
  }

  template <class Row, class Change>
  void change(Change apply) {
    const Row row = random_row<Row>(dice_);
    apply(model_, row);
    apply(subject_->tables(), row);
  }

  template <class Row>
  void compare_first(typename Row::Key from, typename Row::Key to) {
    if (to < from) std::swap(from, to);
    const auto expected = model_.first<Row>(from, to);
    const auto found = subject_->tables().template first<Row>(from, to);
    expect(found.has_value() == expected.has_value());
    if (!found) return;
    expect(found->key == expected->key);
    expect(found->row == expected->row);
  }

  void payload_step() {
    const MessageId id{QueueId(dice_.below(3)), Sequence{dice_.below(200)}};
    const auto at = model_.payloads().find(id);
    if (at == model_.payloads().end()) {
      const std::size_t size = dice_.chance(85) ? dice_.below(300) : dice_.below(20'000);
      const SharedBytes bytes = SharedBytes::copy(as_bytes(std::string(size, static_cast<char>(dice_.next()))));
      model_.insert_payload(id, bytes);
      subject_->tables().insert_payload(id, bytes);
    } else if (dice_.chance(50)) {
      keep_or_read(id, at->second);
    } else {
      if (dice_.chance(30)) keep_or_read(id, at->second);
      model_.erase_payload(id);
      subject_->tables().erase_payload(id);
    }
    if (!kept_.empty() && dice_.chance(20)) {
      check_payload(kept_.back().first, kept_.back().second);
      kept_.pop_back();
    }
  }

  /// What was asked for stays readable whatever happens to the row meanwhile.
  void keep_or_read(MessageId id, const SharedBytes& expected) {
    engine::Payload payload = subject_->tables().payload(id);
    if (dice_.chance(30)) return kept_.emplace_back(std::move(payload), expected), void();
    check_payload(payload, expected);
  }

  static void check_payload(const engine::Payload& payload, const SharedBytes& expected) {
    if (payload.cold == nullptr) {
      expect(equal(payload.bytes.bytes(), expected.bytes()));
      return;
    }
    const auto fetched = payload.cold->fetch();
    expect(fetched.has_value());
    expect(equal(fetched->bytes(), expected.bytes()));
    expect(reinterpret_cast<std::uintptr_t>(fetched->bytes().data()) % 8 == 0);
  }

  void compare_all() {
    for (const auto& [payload, expected] : kept_) check_payload(payload, expected);
    compare_table<engine::MessageRow>();
    storage::OrderedRows::for_each([&]<class Row>() {
      if (subject_->has(Row::table) && Row::table != engine::TableId::shard) compare_table<Row>();
      return true;
    });
    for (const auto& [id, bytes] : model_.payloads()) check_payload(subject_->tables().payload(id), bytes);
  }

  /// Walks the whole table.
  template <class Row>
  void compare_table() {
    for (const auto& [key, row] : model_.rows<Row>()) {
      const auto found = subject_->tables().template find<Row>(key);
      expect(found.has_value());
      expect(*found == row);
    }
    typename Row::Key from{};
    for (const auto& [key, row] : model_.rows<Row>()) {
      if (key <= from) continue;
      const auto found = subject_->tables().template first<Row>(from, key);
      const auto expected = model_.first<Row>(from, key);
      expect(found.has_value() == expected.has_value());
      if (found) expect(found->key == expected->key);
      from = key;
    }
  }

  Subject* subject_;
  Dice dice_;
  test::NaiveTables model_;
  std::vector<std::pair<engine::Payload, SharedBytes>> kept_;
};

}  // namespace peerq::conformance
