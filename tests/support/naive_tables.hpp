#pragma once
// The simplest tables there can be: one ordered map per kind of row. They check the rules of
// engine/tables.hpp that faster ones may not look at (`insert` needs the row absent, `update` and `erase`
// need it present), and can be compared and written out as text.

#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <typeinfo>

#include "peerq/engine/tables.hpp"

namespace peerq::test {

/// **Errors** std::logic_error when the engine breaks a rule. **Thread** one at a time.
class NaiveTables {
 public:
  template <class Row>
  using Map = std::map<typename Row::Key, Row>;

  template <class Row>
  std::optional<Row> find(const typename Row::Key& key) const {
    if (failing_) throw engine::TablesFailure{Error(errc::corrupt, "a failure that the test asked for")};
    const auto at = rows<Row>().find(key);
    if (at == rows<Row>().end()) return std::nullopt;
    return at->second;
  }

  template <class Row>
  std::optional<engine::Found<Row>> first(const typename Row::Key& from, const typename Row::Key& to) const {
    if (to < from) throw std::logic_error(what<Row>("first of a range that ends before it begins"));
    const auto at = rows<Row>().lower_bound(from);
    if (at == rows<Row>().end() || !(at->first < to)) return std::nullopt;
    return engine::Found<Row>{at->first, at->second};
  }

  template <class Row>
  void insert(const typename Row::Key& key, const Row& row) {
    if (!rows<Row>().emplace(key, row).second)
      throw std::logic_error(what<Row>("insert of a row that is there"));
  }

  template <class Row>
  void update(const typename Row::Key& key, const Row& row) {
    const auto at = rows<Row>().find(key);
    if (at == rows<Row>().end()) throw std::logic_error(what<Row>("update of a row that is not there"));
    at->second = row;
  }

  template <class Row>
  void erase(const typename Row::Key& key) {
    if (rows<Row>().erase(key) == 0) throw std::logic_error(what<Row>("erase of a row that is not there"));
  }

  void insert_payload(MessageId id, SharedBytes bytes) {
    if (!payloads_.emplace(id, std::move(bytes)).second)
      throw std::logic_error("insert of a payload that is there");
  }
  void erase_payload(MessageId id) {
    if (payloads_.erase(id) == 0) throw std::logic_error("erase of a payload that is not there");
  }
  engine::Payload payload(MessageId id) const {
    const auto at = payloads_.find(id);
    if (at == payloads_.end()) throw std::logic_error("read of a payload that is not there");
    return {at->second, nullptr};
  }

  template <class Row>
  const Map<Row>& rows() const {
    return std::get<Map<Row>>(maps_);
  }
  template <class Row>
  Map<Row>& rows() {
    return std::get<Map<Row>>(maps_);
  }
  const std::map<MessageId, SharedBytes>& payloads() const { return payloads_; }

  /// Every `find` fails from now on.
  void fail_reads() { failing_ = true; }

  /// Every row and payload as bytes, in the order of tables and keys: equal for equal contents.
  std::string dump() const {
    std::string out;
    std::apply([&](const auto&... map) { (dump_map(map, out), ...); }, maps_);
    for (const auto& [id, bytes] : payloads_) {
      std::ostringstream line;
      line << "payload " << id.incarnation.value << ' ' << id.sequence.value << ' ' << bytes.size() << ' ';
      out.append(line.str()).append(as_text(bytes.bytes())).push_back('\n');
    }
    return out;
  }

  friend bool operator==(const NaiveTables& a, const NaiveTables& b) { return a.dump() == b.dump(); }

 private:
  template <class Row>
  static std::string what(const char* text) {
    return std::string(text) + ": table " + std::to_string(static_cast<int>(Row::table));
  }

  template <class Key, class Row>
  static void dump_map(const std::map<Key, Row>& map, std::string& out) {
    for (const auto& [key, row] : map) {
      std::string bytes;
      engine::encode_key<Row>(key, bytes);
      bytes.push_back('=');
      engine::encode_row(row, bytes);
      std::ostringstream line;
      line << "table " << static_cast<int>(Row::table) << ' ' << std::hex;
      for (const char c : bytes) line << ((static_cast<unsigned char>(c) >> 4) & 15) << (c & 15);
      out.append(line.str()).push_back('\n');
    }
  }

  std::tuple<Map<engine::ShardRow>, Map<engine::EpochRow>, Map<engine::ConfigRow>, Map<engine::QueueRow>,
             Map<engine::LaneRow>, Map<engine::MessageRow>, Map<engine::ReadyRow>, Map<engine::ParkedRow>,
             Map<engine::AgedRow>, Map<engine::LeaseDueRow>, Map<engine::WallDueRow>, Map<engine::NoteRow>,
             Map<engine::ForeignRow>, Map<engine::AttemptRow>, Map<engine::AttemptIdRow>,
             Map<engine::ReclaimRow>, Map<engine::CatalogQueueRow>, Map<engine::CatalogIdRow>,
             Map<engine::CatalogSourceRow>, Map<engine::CatalogRemovedRow>, Map<engine::CatalogCountersRow>,
             Map<engine::GroupNameRow>, Map<engine::GroupRow>, Map<engine::GroupOrderRow>,
             Map<engine::GroupFlightRow>, Map<engine::RankRow>, Map<engine::GroupTimerRow>,
             Map<engine::WindowRow>, Map<engine::DeduplicationRow>, Map<engine::DeduplicationEndRow>,
             Map<engine::MessageDeduplicationRow>, Map<engine::SessionRow>, Map<engine::SessionReplyRow>,
             Map<engine::SessionTimerRow>, Map<engine::SessionLeaseRow>, Map<engine::SessionCountRow>,
             Map<engine::MovingRow>, Map<engine::TransferRow>, Map<engine::RedriveRow>,
             Map<engine::OutcomeRow>, Map<engine::OutcomeDueRow>, Map<engine::ScheduleRow>,
             Map<engine::ScheduleDueRow>, Map<engine::ScheduleCountRow>, Map<engine::FarDueRow>>
      maps_;
  std::map<MessageId, SharedBytes> payloads_;
  bool failing_ = false;
};

static_assert(engine::Tables<NaiveTables>);

}  // namespace peerq::test
