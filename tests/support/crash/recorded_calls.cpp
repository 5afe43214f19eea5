#include "support/crash/recorded_calls.hpp"

#include <utility>

namespace peerq::crash {

namespace {

using history::Kind;
using history::Operation;
using history::Outcome;

/// What an error says of a call.
void set_failure(Operation& operation, const Error& error) {
  operation.outcome = error.happened() == Happened::no ? Outcome::fail : Outcome::info;
  operation.code = error.code;
}

void set_body(Operation& operation, Bytes body) {
  operation.body = history::read_body(body);
  operation.body_bad = !operation.body;
}

}  // namespace

Operation RecordedCalls::operation(Kind kind) const {
  Operation out;
  out.kind = kind;
  out.queue = queue_.name();
  return out;
}

Operation RecordedCalls::operation(Kind kind, const Delivery& delivery) const {
  Operation out = operation(kind);
  out.message = to_string(delivery.id());
  out.attempt = delivery.attempt();
  return out;
}

bool RecordedCalls::send(history::BodyTag tag, std::size_t size, const SendOptions& options) {
  Operation sent = operation(Kind::send);
  sent.body = tag;
  if (options.delay) sent.delay_ms = options.delay->count();
  const std::string body = history::make_body(tag, size);
  sent = recorder_->begin(std::move(sent));
  const auto result = queue_.send(body, options);
  Operation ended = sent;
  if (result) {
    ended.outcome = Outcome::ok;
    ended.message = to_string(result->id);
  } else {
    set_failure(ended, result.error());
  }
  recorder_->end(sent, std::move(ended));
  return result.has_value();
}

void RecordedCalls::send_batch(const std::vector<history::BodyTag>& tags, std::size_t size, bool atomic) {
  std::vector<Message> messages;
  std::vector<Operation> begun;
  for (const auto& tag : tags) {
    messages.push_back({history::make_body(tag, size), {}});
    Operation sent = operation(Kind::send);
    sent.body = tag;
    begun.push_back(recorder_->begin(std::move(sent)));
  }
  const auto result = queue_.send(messages, {.atomic = atomic});
  for (std::size_t i = 0; i < tags.size(); ++i) {
    Operation ended = begun[i];
    if (!result) {
      set_failure(ended, result.error());
    } else if (const auto& one = (*result)[i]; one) {
      ended.outcome = Outcome::ok;
      ended.message = to_string(one->id);
    } else {
      set_failure(ended, one.error());
    }
    recorder_->end(begun[i], std::move(ended));
  }
}

std::vector<Delivery> RecordedCalls::receive(const ReceiveOptions& options) {
  const Operation begun = recorder_->begin(operation(Kind::receive));
  auto result = queue_.receive(options);
  std::vector<Operation> parts;
  if (!result) {
    parts.push_back(begun);
    set_failure(parts.back(), result.error());
  } else {
    for (const auto& delivery : *result) {
      Operation part = operation(Kind::receive, delivery);
      part.outcome = Outcome::ok;
      part.receive_count = delivery.receive_count();
      part.lease_ms = options.visibility_timeout.value_or(visibility_timeout_).count();
      part.source = delivery.failure().source;
      set_body(part, delivery.bytes());
      parts.push_back(std::move(part));
    }
    if (parts.empty()) {
      parts.push_back(begun);
      parts.back().outcome = Outcome::ok;
      parts.back().empty = true;
    }
  }
  recorder_->end(begun, parts);
  return result ? std::move(*result) : std::vector<Delivery>();
}

void RecordedCalls::receive_and_delete(std::uint32_t max_messages) {
  Operation asked = operation(Kind::receive);
  asked.erased = true;
  const Operation begun = recorder_->begin(std::move(asked));
  const auto result = queue_.receive_and_delete({.max_messages = max_messages});
  std::vector<Operation> parts;
  if (result) {
    for (const auto& delivery : *result) {
      Operation part = operation(Kind::receive, delivery);
      part.outcome = Outcome::ok;
      part.erased = true;
      part.receive_count = delivery.receive_count();
      set_body(part, delivery.bytes());
      parts.push_back(std::move(part));
    }
  }
  if (parts.empty()) {
    parts.push_back(begun);
    parts.back().outcome = Outcome::ok;
    parts.back().empty = true;
    if (!result) set_failure(parts.back(), result.error());
  }
  recorder_->end(begun, parts);
}

template <class Call, class Note>
void RecordedCalls::settle(Operation asked, Call&& call, Note&& note) {
  const Operation begun = recorder_->begin(std::move(asked));
  const auto result = call();
  Operation ended = begun;
  if (result) {
    ended.outcome = Outcome::ok;
    note(ended, *result);
  } else {
    set_failure(ended, result.error());
  }
  recorder_->end(begun, std::move(ended));
}

void RecordedCalls::erase(const Delivery& delivery) {
  settle(
      operation(Kind::erase, delivery), [&] { return delivery.erase(); },
      [](Operation& ended, const Deleted& deleted) { ended.already_gone = deleted.already_gone; });
}

void RecordedCalls::erase(const std::vector<Delivery>& deliveries) {
  if (deliveries.empty()) return;
  std::vector<Operation> begun;
  for (const auto& delivery : deliveries) begun.push_back(recorder_->begin(operation(Kind::erase, delivery)));
  const auto result = queue_.erase(deliveries);
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    Operation ended = begun[i];
    if (!result) {
      set_failure(ended, result.error());
    } else if (const auto& one = (*result)[i]; one) {
      ended.outcome = Outcome::ok;
      ended.already_gone = one->already_gone;
    } else {
      set_failure(ended, one.error());
    }
    recorder_->end(begun[i], std::move(ended));
  }
}

void RecordedCalls::nack(const Delivery& delivery, Milliseconds delay) {
  Operation asked = operation(Kind::nack, delivery);
  asked.delay_ms = delay.count();
  settle(
      std::move(asked), [&] { return delivery.nack({.delay = delay, .reason = "on purpose"}); },
      [](Operation& ended, const Returned& returned) { ended.already_returned = returned.already_returned; });
}

void RecordedCalls::release(const Delivery& delivery) {
  settle(
      operation(Kind::release, delivery), [&] { return delivery.release(); },
      [](Operation& ended, const Returned& returned) { ended.already_returned = returned.already_returned; });
}

void RecordedCalls::reject(const Delivery& delivery) {
  settle(
      operation(Kind::reject, delivery), [&] { return delivery.reject("on purpose"); },
      [](Operation& ended, const Deleted& deleted) { ended.already_gone = deleted.already_gone; });
}

void RecordedCalls::extend(const Delivery& delivery, Milliseconds duration) {
  Operation asked = operation(Kind::extend, delivery);
  asked.lease_ms = duration.count();
  settle(
      std::move(asked), [&] { return delivery.extend(duration); },
      [](Operation& ended, const Extended& extended) { ended.lease_ms = extended.granted.count(); });
}

void RecordedCalls::purge() {
  settle(
      operation(Kind::purge), [&] { return queue_.purge(); }, [](Operation&, std::uint64_t) {});
}

void RecordedCalls::kick(const MessageId& id) {
  Operation asked = operation(Kind::kick);
  asked.message = to_string(id);
  settle(
      std::move(asked), [&] { return queue_.kick(std::span(&id, 1)); }, [](Operation&, std::uint64_t) {});
}

void RecordedCalls::drained() {
  Operation said = operation(Kind::drained);
  said.outcome = Outcome::ok;
  said.start_us = history::monotonic_us();
  said.end_us = said.start_us;
  recorder_->write(said);
}

void RecordedCalls::state(const MessageId& id, std::string_view body, std::uint32_t dump) {
  Operation said = operation(Kind::state);
  said.outcome = Outcome::ok;
  said.message = to_string(id);
  said.dump = dump;
  set_body(said, as_bytes(body));
  said.start_us = history::monotonic_us();
  said.end_us = said.start_us;
  recorder_->write(said);
}

}  // namespace peerq::crash
