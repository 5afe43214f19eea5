#pragma once
// How the facade's many ways to settle a lease become one request.

#include <memory>
#include <span>
#include <string_view>

#include "api/node_state.hpp"

namespace peerq::detail {

struct SettleWhat {
  engine::Verb verb = engine::Verb::erase;
  /// See engine::SettleItem::value_ms.
  std::int64_t value_ms = -1;
  std::string_view reason;
};

std::shared_ptr<node::SettleRequest> settle_request(const QueueHandle& queue, const SettleWhat& what);
void add_lease(node::SettleRequest& request, const SettleWhat& what, engine::LeaseRef lease,
               std::uint32_t epoch);
Result<engine::ItemReply> settled(DeliveryState& delivery, const SettleWhat& what,
                                  const node::Request& request);
Result<engine::ItemReply> settle_delivery(const Delivery& delivery, const SettleWhat& what);
/// **Errors** invalid_receipt, permission_denied.
Result<std::shared_ptr<node::SettleRequest>> receipt_request(const QueueHandle& queue,
                                                             std::string_view receipt,
                                                             const SettleWhat& what);
Result<engine::ItemReply> settle_receipt(const QueueHandle& queue, std::string_view receipt,
                                         const SettleWhat& what);
Result<std::shared_ptr<node::SettleRequest>> batch_request(const QueueHandle& queue,
                                                           std::span<const Delivery> deliveries,
                                                           const SettleWhat& what);

}  // namespace peerq::detail
