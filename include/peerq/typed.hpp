#pragma once
// A queue of values of one type: a codec turns them into bytes and back. Header only, over the public API.

#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "peerq/consumer.hpp"
#include "peerq/queue.hpp"

namespace peerq {

/// Turns a `T` into a body and back. `decode` returns none for bytes that are no `T`.
template <class Codec, class T>
concept MessageCodec = requires(const T& value, std::string_view body) {
  { Codec::encode(value) } -> std::convertible_to<std::string>;
  { Codec::decode(body) } -> std::same_as<std::optional<T>>;
};

/// Strings as they are.
struct StringCodec {
  static std::string encode(const std::string& value) { return value; }
  static std::optional<std::string> decode(std::string_view body) { return std::string(body); }
};

/// A delivery with its value. **Thread** as `Delivery`.
template <class T>
struct TypedDelivery {
  T value;
  Delivery delivery;
};

/// A queue whose bodies are `T`s. What cannot be decoded is rejected (dead-lettered, or parked), never shown.
/// **Thread** any.
template <class T, MessageCodec<T> Codec>
class TypedQueue {
 public:
  static constexpr std::string_view undecodable = "the body is not what this queue's codec expects";

  explicit TypedQueue(Queue queue) : queue_(std::move(queue)) {}

  /// The queue below. **Ownership** this object's.
  const Queue& queue() const noexcept { return queue_; }

  /// **Errors** as `Queue::send`.
  Result<Sent> send(const T& value, const SendOptions& options = {}) const {
    return queue_.send(Codec::encode(value), options);
  }

  /// **Errors** as `Queue::receive`. May be shorter than what was received: undecodable messages were
  /// rejected.
  Result<std::vector<TypedDelivery<T>>> receive(const ReceiveOptions& options = {}) const {
    auto deliveries = queue_.receive(options);
    if (!deliveries) return std::move(deliveries).error();
    std::vector<TypedDelivery<T>> out;
    out.reserve(deliveries->size());
    for (auto& delivery : *deliveries) {
      if (auto value = Codec::decode(delivery.body())) {
        out.push_back({std::move(*value), std::move(delivery)});
      } else {
        // When that fails, somebody else will see it again; the others' leases must not be lost for it.
        (void)delivery.reject(undecodable);
      }
    }
    return out;
  }

  /// A consumer whose handler takes (const T&, const Delivery&, std::stop_token) or (const T&), and returns
  /// an Outcome or nothing.
  template <class F>
  Consumer consume(ConsumerOptions options, F handler) const {
    auto decoded = [handler = std::move(handler)](const Delivery& delivery,
                                                  std::stop_token stop) mutable -> Outcome {
      const auto value = Codec::decode(delivery.body());
      if (!value) return reject(std::string(undecodable));
      if constexpr (std::is_invocable_v<F&, const T&, const Delivery&, std::stop_token>) {
        return outcome_of(handler, *value, delivery, std::move(stop));
      } else {
        return outcome_of(handler, *value);
      }
    };
    return Consumer(queue_, std::move(options), std::move(decoded));
  }

 private:
  template <class F, class... Arguments>
  static Outcome outcome_of(F& handler, Arguments&&... arguments) {
    if constexpr (std::is_void_v<std::invoke_result_t<F&, Arguments...>>) {
      handler(std::forward<Arguments>(arguments)...);
      return done;
    } else {
      return handler(std::forward<Arguments>(arguments)...);
    }
  }

  Queue queue_;
};

}  // namespace peerq
