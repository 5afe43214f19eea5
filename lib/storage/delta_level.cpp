#include "storage/delta_level.hpp"

namespace peerq::storage {

template <class Row>
Result<void> DeltaLevel::give_table(ShardId shard, RowSink& sink) const {
  std::string key;
  std::string value;
  for (auto at = table<Row>().begin(); at; at.advance()) {
    disk_key<Row>(at.key(), key);
    Result<void> given;
    if (at.value().erased) {
      given = sink.erase(Row::table, as_bytes(key));
    } else {
      value.clear();
      engine::encode_row<Row>(at.value().row, value);
      seal_row(shard, Row::table, as_bytes(key), value);
      given = sink.put(Row::table, as_bytes(key), as_bytes(value), at.value().below);
    }
    if (!given) return given;
  }
  return {};
}

Result<void> DeltaLevel::give_messages(ShardId shard, RowSink& sink) const {
  using engine::MessageRow;
  std::string key;
  std::string value;
  Result<void> given;
  messages_.for_each([&](DenseKey dense_key, const auto& segment, unsigned at) {
    const std::uint64_t bit = std::uint64_t{1} << at;
    disk_key<MessageRow>(message_key(dense_key), key);
    if ((segment.erased & bit) != 0) {
      given = sink.erase(MessageRow::table, as_bytes(key));
    } else {
      value.clear();
      engine::encode_row<MessageRow>(segment.values[at], value);
      seal_row(shard, MessageRow::table, as_bytes(key), value);
      given = sink.put(MessageRow::table, as_bytes(key), as_bytes(value), (segment.below & bit) != 0);
    }
    return given.has_value();
  });
  return given;
}

Result<void> DeltaLevel::give_payloads(RowSink& sink) const {
  Result<void> given;
  payloads_.for_each([&](DenseKey key, const auto& segment, unsigned at) {
    const std::uint64_t bit = std::uint64_t{1} << at;
    const MessageId id{QueueId(key.queue), Sequence{key.number}};
    if ((segment.erased & bit) != 0) {
      given = sink.erase_payload(id);
    } else {
      given = sink.put_payload(id, segment.values[at].bytes(), (segment.below & bit) != 0);
    }
    return given.has_value();
  });
  return given;
}

Result<void> DeltaLevel::give(ShardId shard, RowSink& sink) const {
  if (auto given = give_messages(shard, sink); !given) return given;
  if (auto given = give_payloads(sink); !given) return given;
  Result<void> result;
  OrderedRows::for_each([&]<class Row>() {
    result = give_table<Row>(shard, sink);
    return result.has_value();
  });
  return result;
}

}  // namespace peerq::storage
