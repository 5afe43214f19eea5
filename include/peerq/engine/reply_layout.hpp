#pragma once
// A reply as bytes, kept for a request that is repeated (S18). What was handed out is kept as leases: the
// messages are read again while the leases live.

#include <string>

#include "peerq/engine/layout.hpp"
#include "peerq/engine/queue_rows.hpp"
#include "peerq/engine/reply.hpp"

namespace peerq::engine {
inline namespace v1 {

struct GivenLease {
  QueueId queue;
  LeaseRef lease;
};

struct StoredReply {
  errc code = errc::ok;
  std::string detail;
  std::uint64_t count = 0;
  std::vector<ItemReply> items;
  std::vector<GivenLease> leases;
  /// The messages were handed out and removed: there is nothing to give again (S69).
  bool erased = false;
  std::optional<QueueConfig> config;

  static void layout(auto& archive, auto& reply) {
    layout_errc(archive, reply.code);
    archive.text(reply.detail);
    archive.field(reply.count);
    layout_list(archive, reply.items, [&archive](auto& item) {
      layout_errc(archive, item.code);
      archive.field(item.id.incarnation);
      archive.field(item.id.sequence);
      archive.field(item.granted_ms);
      archive.field(item.already_gone);
      archive.field(item.already_returned);
      archive.field(item.deduplicated);
      archive.field(item.requester_gone);
    });
    layout_list(archive, reply.leases, [&archive](auto& given) {
      archive.field(given.queue);
      archive.field(given.lease.sequence);
      archive.field(given.lease.attempt);
    });
    archive.field(reply.erased);
    bool has_config = reply.config.has_value();
    archive.field(has_config);
    if (!has_config) return;
    if constexpr (std::remove_reference_t<decltype(archive)>::reading) reply.config.emplace();
    detail::layout_config(archive, *reply.config);
    detail::layout_second_options(archive, reply.config->options);
  }

 private:
  static void layout_errc(auto& archive, auto& code) {
    auto number = static_cast<std::uint16_t>(code);
    archive.field(number);
    if constexpr (std::remove_reference_t<decltype(archive)>::reading) code = static_cast<errc>(number);
  }
  static void layout_list(auto& archive, auto& list, auto each) {
    auto size = static_cast<std::uint32_t>(list.size());
    archive.field(size);
    if constexpr (std::remove_reference_t<decltype(archive)>::reading) {
      if (size > archive.remaining() / 12) size = 0;  // then bytes are left over: refused
      list.resize(size);
    }
    for (auto& one : list) each(one);
  }
};

}  // namespace v1
}  // namespace peerq::engine
