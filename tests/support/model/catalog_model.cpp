#include "support/model/catalog_model.hpp"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "peerq/base/limits.hpp"

namespace peerq::model {

using engine::Reply;

bool valid_name(std::string_view name) {
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !name.empty() && name.size() <= limits::queue_name_size_max && name.front() != '.' &&
         name.substr(0, 5) != "_sys." && name.find_first_not_of(allowed) == name.npos;
}

namespace {

/// The first parameter in which two queues differ, in the order of the table; tags do not count (S6).
std::string differing_option(const QueueOptions& a, const QueueOptions& b) {
  if (a.type != b.type) return "type";
  if (a.durability != b.durability) return "durability";
  if (a.sync_interval != b.sync_interval) return "sync_interval";
  if (a.max_message_size != b.max_message_size) return "max_message_size";
  if (a.max_messages != b.max_messages) return "max_messages";
  if (a.max_bytes != b.max_bytes) return "max_bytes";
  if (a.overflow != b.overflow) return "overflow";
  if (a.visibility_timeout != b.visibility_timeout) return "visibility_timeout";
  if (a.max_lease_time != b.max_lease_time) return "max_lease_time";
  if (a.delay != b.delay) return "delay";
  if (a.time_to_live != b.time_to_live) return "time_to_live";
  if (a.retention != b.retention) return "retention";
  if (a.max_receives != b.max_receives) return "max_receives";
  if (a.dead_letter_queue != b.dead_letter_queue) return "dead_letter_queue";
  if (a.dead_letter_expired != b.dead_letter_expired) return "dead_letter_expired";
  if (a.poison != b.poison) return "poison";
  if (a.retry != b.retry) return "retry";
  if (a.priority_mode != b.priority_mode) return "priority_mode";
  if (a.weights != b.weights) return "weights";
  if (a.priority_aging != b.priority_aging) return "priority_aging";
  if (a.max_in_flight != b.max_in_flight) return "max_in_flight";
  if (a.max_in_flight_per_group != b.max_in_flight_per_group) return "max_in_flight_per_group";
  if (a.rate != b.rate) return "rate";
  if (a.group_rate != b.group_rate) return "group_rate";
  if (a.deduplication_window != b.deduplication_window) return "deduplication_window";
  if (a.content_based_deduplication != b.content_based_deduplication) return "content_based_deduplication";
  return a.windows != b.windows ? "windows" : "";
}

errc check_options(const QueueOptions& o) {
  if (o.partitions != 1) return errc::not_supported;
  return o.dead_letter_queue.empty() || valid_name(o.dead_letter_queue) ? errc::ok : errc::invalid_name;
}

class Catalog {
 public:
  explicit Catalog(CatalogModel& model) : model_(model) {}

  Reply run(const engine::CreateQueue& create) {
    const std::string name(create.name);
    if (const errc bad = check_options(create.options); bad != errc::ok) return fail(bad);
    if (!valid_name(name)) return fail(errc::invalid_name);
    if (const auto known = model_.queues.find(name); known != model_.queues.end()) {
      auto differs = differing_option(create.options, known->second.config.options);
      return differs.empty() ? answer(known->second) : fail(errc::queue_exists, std::move(differs));
    }
    if (const errc bad = check_dead_letter(name, create.options); bad != errc::ok) return fail(bad);
    const std::string& target = create.options.dead_letter_queue;
    const bool two = !target.empty() && !model_.queues.contains(target);
    if (model_.queues.size() + (two ? 2 : 1) > limits::queues_max) return fail(errc::limit_exceeded);  // S83
    const QueueId dead_letter = settle_dead_letter(create.options);
    return answer(add(name, create.options, dead_letter));
  }

  Reply run(const engine::UpdateQueue& update) {
    if (const errc bad = check_options(update.options); bad != errc::ok) return fail(bad);
    const auto [code, known] = find(update.name, update.queue);
    if (code != errc::ok) return fail(code);
    const auto& now = known->config.options;
    if (now.type != update.options.type || now.durability != update.options.durability)
      return fail(errc::invalid_argument);  // S9
    if (const errc bad = check_dead_letter(known->config.name, update.options); bad != errc::ok)
      return fail(bad);
    if (known->config.options != update.options) ++known->config.version;
    known->config.options = update.options;
    known->config.dead_letter = settle_dead_letter(update.options);
    return answer(*known);
  }

  Reply run(const engine::PauseQueue& pause) {
    const auto [code, known] = find(pause.name, pause.queue);
    if (code != errc::ok) return fail(code);
    if (known->config.paused != pause.paused) ++known->config.version;
    known->config.paused = pause.paused;
    return answer(*known);
  }

  Reply run(const engine::DeleteQueue& remove) {
    const auto [code, known] = find(remove.name, remove.queue);
    if (code != errc::ok) return fail(code);
    Reply reply = answer(*known);
    for (auto& [name, source] : model_.queues) {  // S11
      if (source.config.dead_letter != reply.config->id) continue;
      if (!remove.force) return fail(errc::in_use);
      source.config.options.dead_letter_queue.clear();
      source.config.dead_letter = {};
      ++source.config.version;
    }
    model_.queues.erase(reply.config->name);
    model_.removed[reply.config->id] = ++reply.config->version;
    return reply;
  }

  Reply run(const engine::Configured& configured) {
    for (auto& [name, known] : model_.queues) {
      if (known.config.id == configured.queue)
        known.confirmed = std::max(known.confirmed, configured.version);
    }
    const auto removed = model_.removed.find(configured.queue);
    if (removed != model_.removed.end() && configured.version >= removed->second)
      model_.removed.erase(removed);
    return {};
  }

  Reply run(const engine::Tick&) { return {}; }
  Reply run(const auto& /*command of a shard of queues*/) { return fail(errc::invalid_argument); }

 private:
  static Reply fail(errc code, std::string detail = {}) {
    Reply reply;
    reply.code = code;
    reply.detail = std::move(detail);
    return reply;
  }

  static Reply answer(const CatalogModel::Known& known) {
    Reply reply;
    reply.config = known.config;
    return reply;
  }

  std::pair<errc, CatalogModel::Known*> find(std::string_view name, QueueId queue) {
    const auto known = model_.queues.find(name);
    const bool there = known != model_.queues.end() && (queue.value == 0 || queue == known->second.config.id);
    if (there) return {errc::ok, &known->second};
    return {queue.value == 0 ? errc::queue_not_found : errc::queue_deleted, nullptr};
  }

  /// S11: never itself, its source's durability or a stronger, no cycle, at most 8.
  errc check_dead_letter(const std::string& name, const QueueOptions& options) const {
    std::size_t length = 0;
    for (std::string next = options.dead_letter_queue; !next.empty();) {
      if (next == name || ++length > limits::dead_letter_chain_max) return errc::invalid_argument;
      const auto known = model_.queues.find(next);
      if (known == model_.queues.end()) break;
      const auto& target = known->second.config.options;
      if (target.type != options.type) return errc::invalid_argument;
      if (target.durability > options.durability) return errc::invalid_argument;
      next = target.dead_letter_queue;
    }
    return errc::ok;
  }

  CatalogModel::Known& add(const std::string& name, const QueueOptions& options, QueueId dead_letter) {
    auto& known = model_.queues[name];
    known.config = {model_.next, 1, name, options, dead_letter, false};
    model_.next = QueueId(model_.next.value + 1);
    return known;
  }

  /// A missing dead-letter queue is created in the same operation, with defaults.
  QueueId settle_dead_letter(const QueueOptions& options) {
    if (options.dead_letter_queue.empty()) return {};
    const auto known = model_.queues.find(options.dead_letter_queue);
    if (known != model_.queues.end()) return known->second.config.id;
    QueueOptions defaults;
    defaults.type = options.type;
    defaults.durability = options.durability;
    return add(options.dead_letter_queue, defaults, {}).config.id;
  }

  CatalogModel& model_;
};

}  // namespace

engine::Effects CatalogModel::apply(const engine::EntryView& entry) {
  engine::Effects effects;
  for (const auto& command : entry.commands) {
    effects.replies.push_back(
        std::visit([this](const auto& body) { return Catalog(*this).run(body); }, command.body));
  }
  return effects;
}

}  // namespace peerq::model
