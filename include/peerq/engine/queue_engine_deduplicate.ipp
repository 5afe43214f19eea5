#pragma once
// QueueEngine: deduplication (S17).

#include <string>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// The message that was accepted under the item's id inside its window, or none.
template <Tables T>
std::optional<MessageId> QueueEngine<T>::duplicate_of(const QueueContext& queue, const SendItem& item) const {
  if (!is_deduplicated(queue, item)) return std::nullopt;
  const std::string id(as_text(item.deduplication_id));
  const auto known = tables_->template find<DeduplicationRow>({queue.id, id});
  old_send_ = known && known->until <= header_.stamps.wall;
  if (!known || old_send_) return std::nullopt;
  return known->message;
}

template <Tables T>
bool QueueEngine<T>::is_deduplicated(const QueueContext& queue, const SendItem& item) {
  return !item.deduplication_id.empty() && queue.config.options.deduplication_window.count() > 0;
}

/// The window counts from the first accepted send. Comes right after `duplicate_of` for the same item.
template <Tables T>
void QueueEngine<T>::remember_send(QueueContext& queue, const SendItem& item, const MessageKey& key,
                                   MessageRow& row) {
  if (!is_deduplicated(queue, item)) return;
  const std::string id(as_text(item.deduplication_id));
  if (old_send_) forget_send(queue, id);
  const WallTime until = header_.stamps.wall + queue.config.options.deduplication_window;
  tables_->template insert<DeduplicationRow>({queue.id, id}, {{queue.id, key.sequence}, until});
  const DeduplicationEndRow::Key end{queue.id, until, key.sequence};
  tables_->template insert<DeduplicationEndRow>(end, {id});
  queue.deduplication_ends.note(end);
  tables_->template insert<MessageDeduplicationRow>(key, {id});
  row.has_deduplication = true;
}

template <Tables T>
void QueueEngine<T>::forget_send(QueueContext& queue, const std::string& id) {
  const auto known = tables_->template find<DeduplicationRow>({queue.id, id});
  if (!known) return;
  tables_->template erase<DeduplicationRow>({queue.id, id});
  tables_->template erase<DeduplicationEndRow>({queue.id, known->until, known->message.sequence});
}

/// The id under which this message was sent, unless a newer one has it.
template <Tables T>
void QueueEngine<T>::forget_send_of(QueueContext& queue, const MessageKey& key) {
  const auto sent = tables_->template find<MessageDeduplicationRow>(key);
  if (!sent) damaged("a message has no deduplication id", key);
  const auto known = tables_->template find<DeduplicationRow>({queue.id, sent->id});
  if (known && known->message == MessageId{queue.id, key.sequence}) forget_send(queue, sent->id);
}

/// A slice of the ids whose windows have ended, or of all when the queue is deleted. False when the budget
/// ended first.
template <Tables T>
bool QueueEngine<T>::reclaim_deduplication(QueueContext& queue, std::size_t& budget) {
  const DeduplicationEndRow::Key now{queue.id, header_.stamps.wall + Milliseconds(1), Sequence{0}};
  const DeduplicationEndRow::Key never{queue.id, WallTime::never(), Sequence{0}};
  while (queue.removed || !queue.deduplication_ends.nothing_before(now)) {
    const auto found = queue.deduplication_ends.first(*tables_, {queue.id, WallTime{}, Sequence{0}}, never);
    if (!found || !(queue.removed || found->key < now)) return true;
    if (budget == 0) return false;
    --budget;
    tables_->template erase<DeduplicationRow>({queue.id, found->row.id});
    tables_->template erase<DeduplicationEndRow>(found->key);
  }
  return true;
}

/// The message leaves the queue; its id stays remembered.
template <Tables T>
void QueueEngine<T>::drop_deduplication(const MessageKey& key, const MessageRow& row) {
  if (row.has_deduplication) tables_->template erase<MessageDeduplicationRow>(key);
}

}  // namespace v1
}  // namespace peerq::engine
