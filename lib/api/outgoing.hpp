#pragma once
// How messages that a caller gives become items of a request.

#include <string_view>

#include "api/node_state.hpp"

namespace peerq::detail {

/// Arguments of a message for this queue, before anything is made (S60).
/// **Errors** invalid_argument, batch_too_large.
Error check_message(const QueueHandle& queue, std::string_view body, const SendOptions& options);

/// Room for so many messages: what the items point into must not move.
void reserve(node::Outgoing& to, std::size_t messages);

/// Makes the message's bytes, once, and adds them. The options were checked.
void add_message(const QueueHandle& queue, std::string_view body, const SendOptions& options,
                 node::Outgoing& to);

/// Remembers what the gate found out about the queue, once the request has ended.
void note_options(const QueueHandle& queue, const node::Outgoing& sent);

/// What became of message `index`. The engine answers with a code alone; what the handle knows says the rest.
Result<Sent> sent_of(const QueueHandle& queue, const node::Outgoing& sent, std::size_t index,
                     const engine::ItemReply& reply);

/// The text of a full queue, as far as the handle knows its limits.
Error full_error(const QueueHandle& queue);

}  // namespace peerq::detail
