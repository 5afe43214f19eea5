#pragma once
// Every error of the library, its text and whether the operation happened (S57).

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace peerq {

/// X(name, happened, text). The text says what it means and what to do.
#define PEERQ_ERRORS(X)                                                                                      \
  X(invalid_argument, no, "an argument is outside its limits; correct it")                                   \
  X(invalid_name, no, "a queue name must match [A-Za-z0-9_.-]{1,80}, not begin with a dot or with _sys.")    \
  X(invalid_receipt, no, "this is not a receipt of this queue; use the receipt that the receive returned")   \
  X(not_supported, no,                                                                                       \
    "this version or this kind of queue lacks the feature; leave the option at its default")                 \
  X(queue_not_found, no, "there is no queue of this name; create it first")                                  \
  X(queue_deleted, no, "the queue of this handle was deleted; open or create it again")                      \
  X(queue_exists, no, "a queue of this name exists with other parameters; open it, or update it")            \
  X(in_use, no,                                                                                              \
    "the queue is another queue's dead-letter queue; delete with force, or update that queue first")         \
  X(session_expired, no, "the session has expired; open a new one")                                          \
  X(message_too_large, no, "the message is larger than the queue's max_message_size; make it smaller")       \
  X(batch_too_large, no, "the batch has too many entries or bytes; split it")                                \
  X(queue_full, no, "the queue is at max_messages or max_bytes; consume, purge, or try again later")         \
  X(storage_full, no,                                                                                        \
    "the disk or max_disk_bytes is full; receive and delete still work; make room, try again")               \
  X(limit_exceeded, no, "a limit on sessions, waiters or queues is reached; try again later")                \
  X(lease_held, no, "the message is being processed under a lease; try again when it ended")                 \
  X(message_not_found, no,                                                                                   \
    "the message is no longer in this queue; look in its dead-letter queue, or drop this copy of the work")  \
  X(stale_receipt, no,                                                                                       \
    "the message has been handed out again since this receipt; drop this copy of the work")                  \
  X(lease_expired, no,                                                                                       \
    "the lease ended before this call; stop this work: the message may be handed out to another receiver")   \
  X(cross_shard, no, "an atomic operation cannot span several shards; use queues of one durability")         \
  X(outcome_unknown, unknown,                                                                                \
    "the operation was under way when the call ended, it may still take effect; look, or repeat it if that " \
    "does no harm")                                                                                          \
  X(timeout, no, "the deadline passed before the operation began; try again")                                \
  X(cancelled, no, "the call was cancelled before the operation began; call again if it is still wanted")    \
  X(no_quorum, no, "no majority of the peers is reachable; try again later")                                 \
  X(unreachable, no, "no peer could be reached; try again later")                                            \
  X(corrupt, no,                                                                                             \
    "damaged data was found by its checksum; this shard stopped and nothing was deleted; check the disk, "   \
    "restore a copy of the directory")                                                                       \
  X(version_mismatch, no, "the data needs a newer version of the library; upgrade this process")             \
  X(node_failed, unknown,                                                                                    \
    "a write or sync of the disk failed and the node stopped; check the disk, restart")                      \
  X(closed, no, "the node is closed; open it again")                                                         \
  X(forked, no, "this process is a fork of the one that opened the node; open nodes after fork, not before") \
  X(data_dir_locked, no,                                                                                     \
    "another process, or another node of this one, has the data directory open; close it")                   \
  X(data_dir_unsupported, no, "the data directory cannot be used; choose another or repair what is named")   \
  X(config_insecure, no, "the configuration is insecure; correct what is named")                             \
  X(auth_required, no, "authenticate first")                                                                 \
  X(auth_failed, no, "authentication failed")                                                                \
  X(auth_busy, no, "too many authentications at once; try again later")                                      \
  X(permission_denied, no, "the principal lacks the right that is named")                                    \
  X(peer_rejected, no, "this process is not accepted as a peer of the cluster")                              \
  X(frame_too_large, no, "a frame is larger than the limit; the connection was closed")                      \
  X(frame_invalid, no, "a frame is malformed; the connection was closed")                                    \
  X(message_invalid, no, "message bytes are malformed or do not match their checksum")                       \
  X(slow_consumer, unknown, "the connection was dropped because its reader was too slow")                    \
  X(shm_corrupt, unknown, "the shared memory of a connection was damaged; the connection was dropped")

/// Every error the library reports. 0 is success and not a member.
enum class errc : std::uint8_t {
  ok = 0,
#define PEERQ_X(name, happened, text) name,
  PEERQ_ERRORS(PEERQ_X)
#undef PEERQ_X
};

/// Whether an operation that ended with an error took effect.
enum class Happened : std::uint8_t { no, yes, unknown };

/// The code's name as written here. Never empty.
constexpr std::string_view name_of(errc code) noexcept {
  switch (code) {
    case errc::ok: return "ok";
#define PEERQ_X(name, happened, text) \
  case errc::name: return #name;
      PEERQ_ERRORS(PEERQ_X)
#undef PEERQ_X
  }
  return "unknown";
}

/// What the code means and what to do.
constexpr std::string_view text_of(errc code) noexcept {
  switch (code) {
    case errc::ok: return "success";
#define PEERQ_X(name, happened, text) \
  case errc::name: return text;
      PEERQ_ERRORS(PEERQ_X)
#undef PEERQ_X
  }
  return "an error code of another version";
}

/// Whether the operation took effect (S57).
constexpr Happened happened(errc code) noexcept {
  switch (code) {
    case errc::ok: return Happened::yes;
#define PEERQ_X(name, happened, text) \
  case errc::name: return Happened::happened;
      PEERQ_ERRORS(PEERQ_X)
#undef PEERQ_X
  }
  return Happened::unknown;
}

namespace detail {

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "peerq"; }
  std::string message(int code) const override { return std::string(text_of(static_cast<errc>(code))); }
};

}  // namespace detail

/// The category of `errc` for `std::error_code`.
inline const std::error_category& category() noexcept {
  static const detail::Category instance;
  return instance;
}

inline std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), category()}; }

/// An error: the code, and a detail that names the field, limit or file at fault.
struct Error {
  errc code = errc::ok;
  std::string detail;

  Error() = default;
  Error(errc c) : code(c) {}  // NOLINT(google-explicit-constructor): an errc is an error
  Error(errc c, std::string d) : code(c), detail(std::move(d)) {}

  /// `name: detail: what it means and what to do`.
  std::string text() const {
    std::string out(name_of(code));
    if (!detail.empty()) out.append(": ").append(detail);
    return out.append(": ").append(text_of(code));
  }
  Happened happened() const noexcept { return peerq::happened(code); }
  std::error_code error_code() const noexcept { return make_error_code(code); }

  friend bool operator==(const Error& a, errc b) noexcept { return a.code == b; }
};

}  // namespace peerq

template <>
struct std::is_error_code_enum<peerq::errc> : std::true_type {};
