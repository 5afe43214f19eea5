#pragma once
// Checks of what callers pass, before anything is handed to the core (S60: arguments first).

#include <string_view>

#include "peerq/queue.hpp"

namespace peerq::detail {

/// `errc::ok` when fine; else the error that names field, value and limit.
Error check_timeout(Milliseconds timeout);
Error check_message(std::string_view body, const SendOptions& options, WallTime now);
Error check_receive(const ReceiveOptions& options);
Error check_receive_and_delete(const ReceiveOptions& options);
Error check_nack(const NackOptions& options);
Error check_extend(Milliseconds duration);
/// A group that a call is about.
Error check_group(std::string_view group_id);
Error check_batch(std::size_t count, std::string_view what);

}  // namespace peerq::detail
