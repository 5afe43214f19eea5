#pragma once
// QueueEngine: delivery windows (S78). When they open and close is resolved by the proposer: the engine only
// compares wall times.

#include <algorithm>

#include "peerq/engine/queue_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

/// A queue that has windows is closed until the proposer has said when they are.
template <Tables T>
bool QueueEngine<T>::is_window_closed(const QueueContext& queue) const {
  if (queue.config.options.windows.empty()) return false;
  const auto window = tables_->template find<WindowRow>(QueueKey{queue.id});
  return !window || !window->open;
}

template <Tables T>
std::optional<WindowRow> QueueEngine<T>::window(QueueId id) const {
  const QueueContext* queue = look(id);
  if (queue == nullptr || queue->removed) return std::nullopt;
  auto row = tables_->template find<WindowRow>(QueueKey{id});
  if (row && row->version != queue->config.version) row.reset();
  return row;
}

template <Tables T>
void QueueEngine<T>::set_window(const SetWindow& command, Reply& reply) {
  QueueContext* queue = use(command.queue, reply);
  if (queue == nullptr || command.version != queue->config.version) return;
  if (queue->config.options.windows.empty()) return;
  if (!std::is_sorted(command.turns_ms.begin(), command.turns_ms.end())) {
    return fail(reply, errc::invalid_argument, "the turns of a window are in order");
  }
  drop_window(*queue);
  WindowRow window{command.version, command.open, {}};
  for (const std::int64_t turn : command.turns_ms) {
    if (turn <= header_.stamps.wall.ms) {
      window.open = !window.open;
    } else {
      window.turns.push_back(WallTime{turn});
    }
  }
  tables_->template insert<WindowRow>(QueueKey{queue->id}, window);
  if (!window.turns.empty()) {
    insert_wall_due({window.turns.front(), queue->id, Sequence{0}, WallDue::window});
  }
  queue->window_closed = !window.open;
  announce(*queue);
}

template <Tables T>
void QueueEngine<T>::drop_window(QueueContext& queue) {
  const auto window = tables_->template find<WindowRow>(QueueKey{queue.id});
  if (!window) return;
  if (!window->turns.empty()) {
    tables_->template erase<WallDueRow>({window->turns.front(), queue.id, Sequence{0}, WallDue::window});
  }
  tables_->template erase<WindowRow>(QueueKey{queue.id});
}

/// The window opens or closes.
template <Tables T>
void QueueEngine<T>::turn_window(QueueContext& queue, const WallDueRow::Key& due) {
  auto window = tables_->template find<WindowRow>(QueueKey{queue.id});
  if (!window || window->turns.empty() || window->turns.front() != due.at) {
    damaged("a turn does not fit its window", {queue.id, {}});
  }
  tables_->template erase<WallDueRow>(due);
  window->open = !window->open;
  window->turns.erase(window->turns.begin());
  tables_->template update<WindowRow>(QueueKey{queue.id}, *window);
  if (!window->turns.empty()) {
    insert_wall_due({window->turns.front(), queue.id, Sequence{0}, WallDue::window});
  }
  queue.window_closed = !queue.config.options.windows.empty() && !window->open;
  if (window->turns.size() < limits::window_turns_low) effects_->calendars.push_back(queue.id);
  announce(queue);
}

}  // namespace v1
}  // namespace peerq::engine
