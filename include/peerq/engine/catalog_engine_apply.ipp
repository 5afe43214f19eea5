#pragma once
// CatalogEngine: the commands (S5-S7, S9-S11, S83).

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "peerq/engine/catalog_engine.hpp"

namespace peerq::engine {
inline namespace v1 {

template <Tables T>
void CatalogEngine<T>::apply(LogIndex, const EntryView& entry, Effects& effects) {
  if (entry.header.version == 0 || entry.header.version > entry_version) {
    throw TablesFailure{
        Error(errc::version_mismatch, "log entry of format " + std::to_string(entry.header.version))};
  }
  effects.clear();
  effects.replies.reserve(entry.commands.size());
  header_ = entry.header;
  for (const Command& command : entry.commands) run(command, effects.replies.emplace_back());
}

template <Tables T>
void CatalogEngine<T>::run(const Command& command, Reply& reply) {
  std::visit(
      [&](const auto& body) {
        using Body = std::remove_cvref_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, CreateQueue>) {
          create(body, reply);
        } else if constexpr (std::is_same_v<Body, UpdateQueue>) {
          update(body, reply);
        } else if constexpr (std::is_same_v<Body, PauseQueue>) {
          pause(body, reply);
        } else if constexpr (std::is_same_v<Body, DeleteQueue>) {
          remove(body, reply);
        } else if constexpr (std::is_same_v<Body, Configured>) {
          configured(body);
        } else if constexpr (!std::is_same_v<Body, Tick>) {
          fail(reply, {errc::invalid_argument, "a command of a shard of queues in the catalog"});
        }
      },
      command.body);
}

/// S6: an existing queue of equal parameters is the answer, too.
template <Tables T>
void CatalogEngine<T>::create(const CreateQueue& command, Reply& reply) {
  if (Error error = validate_any_name(command.name); error.code != errc::ok)
    return fail(reply, std::move(error));
  if (Error error = validate(command.options); error.code != errc::ok) return fail(reply, std::move(error));
  const auto existing = tables_->template find<CatalogQueueRow>(TextKey{std::string(command.name)});
  if (!existing) return create_new(command, reply);
  std::string difference = first_difference(existing->config.options, command.options);
  if (!difference.empty()) return fail(reply, {errc::queue_exists, std::move(difference)});
  answer(*existing, reply);
}

template <Tables T>
void CatalogEngine<T>::create_new(const CreateQueue& command, Reply& reply) {
  const Target target = check_dead_letter(command.name, QueueId{0}, command.options);
  if (target.error.code != errc::ok) return fail(reply, target.error);
  const std::uint64_t more = target.missing ? 2 : 1;
  if (counters().queue_count + more > limits::queues_max) {
    return fail(reply, {errc::limit_exceeded, "at most " + std::to_string(limits::queues_max) + " queues"});
  }
  const QueueId dead_letter = settle_dead_letter(target, command.options, reply);
  const CatalogQueueRow row = insert_queue(command.name, command.options, dead_letter);
  if (dead_letter.value != 0) link(row.config.id, dead_letter);
  answer(row, reply);
}

template <Tables T>
void CatalogEngine<T>::update(const UpdateQueue& command, Reply& reply) {
  if (Error error = validate(command.options); error.code != errc::ok) return fail(reply, std::move(error));
  auto row = named(command.name, command.queue, reply);
  if (!row) return;
  const QueueOptions& now = row->config.options;
  QueueOptions fixed = now;  // S9
  fixed.type = command.options.type;
  fixed.durability = command.options.durability;
  fixed.partitions = command.options.partitions;
  if (const std::string difference = first_difference(now, fixed); !difference.empty()) {
    return fail(reply, {errc::invalid_argument, "fixed at creation: " + difference});
  }
  if (now == command.options) return answer(*row, reply);
  change(std::move(*row), command.options, reply);
}

template <Tables T>
void CatalogEngine<T>::change(CatalogQueueRow row, const QueueOptions& options, Reply& reply) {
  QueueConfig& config = row.config;
  if (options.dead_letter_queue != config.options.dead_letter_queue) {
    const Target target = check_dead_letter(config.name, config.id, options);
    if (target.error.code != errc::ok) return fail(reply, target.error);
    if (target.missing && counters().queue_count + 1 > limits::queues_max) {
      return fail(reply, {errc::limit_exceeded, "at most " + std::to_string(limits::queues_max) + " queues"});
    }
    if (config.dead_letter.value != 0) unlink(config.id, config.dead_letter);
    config.dead_letter = settle_dead_letter(target, options, reply);
    if (config.dead_letter.value != 0) link(config.id, config.dead_letter);
  }
  config.options = options;
  ++config.version;
  save(row);
  answer(row, reply);
}

template <Tables T>
void CatalogEngine<T>::pause(const PauseQueue& command, Reply& reply) {
  auto row = named(command.name, command.queue, reply);
  if (!row) return;
  if (row->config.paused != command.paused) {
    row->config.paused = command.paused;
    ++row->config.version;
    save(*row);
  }
  answer(*row, reply);
}

/// S7, S11: the name is free at once; the queue's shard hears of it until it has confirmed.
template <Tables T>
void CatalogEngine<T>::remove(const DeleteQueue& command, Reply& reply) {
  auto row = named(command.name, command.queue, reply);
  if (!row) return;
  QueueConfig& config = row->config;
  if (const auto source = first_source(config.id, QueueId{0}); source && !command.force) {
    const auto user = by_id(*source);
    return fail(reply, {errc::in_use,
                        "dead-letter queue of \"" + user.value_or(CatalogQueueRow{}).config.name + "\""});
  }
  drop_sources(config.id, reply);
  if (config.dead_letter.value != 0) unlink(config.id, config.dead_letter);
  tables_->template erase<CatalogQueueRow>(TextKey{config.name});
  tables_->template erase<CatalogIdRow>(QueueKey{config.id});
  ++config.version;
  tables_->template insert<CatalogRemovedRow>(QueueKey{config.id}, CatalogRemovedRow{config});
  CatalogCountersRow counted = counters();
  --counted.queue_count;
  save_counters(counted);
  reply.config = config;
  reply.to_configure.push_back({config, true});
}

template <Tables T>
void CatalogEngine<T>::configured(const Configured& command) {
  if (auto row = by_id(command.queue)) {
    if (command.version <= row->confirmed) return;
    row->confirmed = std::min(command.version, row->config.version);
    return save(*row);
  }
  const QueueKey key{command.queue};
  const auto removed = tables_->template find<CatalogRemovedRow>(key);
  if (removed && command.version >= removed->config.version) tables_->template erase<CatalogRemovedRow>(key);
}

/// The live queue of this name, and of this incarnation when one is given; none, and the reply says why.
template <Tables T>
std::optional<CatalogQueueRow> CatalogEngine<T>::named(std::string_view name, QueueId queue,
                                                       Reply& reply) const {
  auto row = tables_->template find<CatalogQueueRow>(TextKey{std::string(name)});
  if (row && (queue.value == 0 || row->config.id == queue)) return row;
  reply.code = queue.value == 0 ? errc::queue_not_found : errc::queue_deleted;
  return std::nullopt;
}

template <Tables T>
CatalogQueueRow CatalogEngine<T>::insert_queue(std::string_view name, const QueueOptions& options,
                                               QueueId dead_letter) {
  CatalogCountersRow counted = counters();
  CatalogQueueRow row;
  row.config.id = counted.next_queue;
  row.config.version = 1;
  row.config.name = name;
  row.config.options = options;
  row.config.dead_letter = dead_letter;
  row.created = header_.stamps.wall;
  tables_->template insert<CatalogQueueRow>(TextKey{row.config.name}, row);
  tables_->template insert<CatalogIdRow>(QueueKey{row.config.id}, CatalogIdRow{row.config.name});
  ++counted.next_queue.value;
  ++counted.queue_count;
  save_counters(counted);
  return row;
}

template <Tables T>
void CatalogEngine<T>::save(const CatalogQueueRow& row) {
  tables_->template update<CatalogQueueRow>(TextKey{row.config.name}, row);
}

template <Tables T>
CatalogCountersRow CatalogEngine<T>::counters() const {
  return tables_->template find<CatalogCountersRow>(SingleKey{})
      .value_or(CatalogCountersRow{first_queue_, 0});
}

template <Tables T>
void CatalogEngine<T>::save_counters(const CatalogCountersRow& row) {
  if (tables_->template find<CatalogCountersRow>(SingleKey{})) {
    tables_->template update<CatalogCountersRow>(SingleKey{}, row);
  } else {
    tables_->template insert<CatalogCountersRow>(SingleKey{}, row);
  }
}

template <Tables T>
std::optional<CatalogQueueRow> CatalogEngine<T>::by_id(QueueId queue) const {
  const auto name = tables_->template find<CatalogIdRow>(QueueKey{queue});
  if (!name) return std::nullopt;
  auto row = tables_->template find<CatalogQueueRow>(TextKey{name->name});
  if (!row)
    throw TablesFailure{Error(errc::corrupt, "the catalog has the id but not the queue " + name->name)};
  return row;
}

/// The queue as it is; its shard is told (again) unless it has confirmed.
template <Tables T>
void CatalogEngine<T>::answer(const CatalogQueueRow& row, Reply& reply) {
  reply.config = row.config;
  if (row.confirmed < row.config.version) reply.to_configure.push_back({row.config, false});
}

template <Tables T>
void CatalogEngine<T>::fail(Reply& reply, Error error) {
  reply.code = error.code;
  reply.detail = std::move(error.detail);
}

template <Tables T>
std::optional<QueueConfig> CatalogEngine<T>::find(std::string_view name) const {
  auto row = tables_->template find<CatalogQueueRow>(TextKey{std::string(name)});
  if (!row) return std::nullopt;
  return std::move(row->config);
}

template <Tables T>
std::optional<QueueConfig> CatalogEngine<T>::find(QueueId queue) const {
  const auto name = tables_->template find<CatalogIdRow>(QueueKey{queue});
  return name ? find(name->name) : std::nullopt;
}

template <Tables T>
std::vector<QueueConfig> CatalogEngine<T>::list(std::string_view prefix, std::string_view after,
                                                std::size_t max) const {
  std::vector<QueueConfig> out;
  const TextKey end{std::string(prefix) + '\x7f'};  // greater than every name of this prefix
  TextKey from{std::string(prefix)};
  if (after >= prefix) from.text = std::string(after) + '\0';
  while (out.size() < max && from < end) {
    auto found = tables_->template first<CatalogQueueRow>(from, end);
    if (!found) break;
    from.text = found->key.text + '\0';
    out.push_back(std::move(found->row.config));
  }
  return out;
}

template <Tables T>
std::vector<Configure> CatalogEngine<T>::unconfirmed() const {
  std::vector<Configure> out;
  const TextKey last{"\x7f"};
  TextKey name;
  while (auto found = tables_->template first<CatalogQueueRow>(name, last)) {
    name.text = found->key.text + '\0';
    if (found->row.confirmed < found->row.config.version)
      out.push_back({std::move(found->row.config), false});
  }
  const QueueKey end{QueueId{~std::uint64_t{0}}};
  QueueKey from;
  while (auto found = tables_->template first<CatalogRemovedRow>(from, end)) {
    from.queue.value = found->key.queue.value + 1;
    out.push_back({std::move(found->row.config), true});
  }
  return out;
}

}  // namespace v1
}  // namespace peerq::engine
