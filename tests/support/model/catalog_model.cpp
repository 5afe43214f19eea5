#include "support/model/catalog_model.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "peerq/base/limits.hpp"

namespace peerq::model {

using engine::Reply;

namespace {

bool valid_name(std::string_view name) {  // S5
  constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return !name.empty() && name.size() <= limits::queue_name_size_max && name.front() != '.' &&
         name.substr(0, 5) != "_sys." && name.find_first_not_of(allowed) == name.npos;
}

struct Field {
  std::string name;
  std::string text;
  bool valid = true;
};

/// Every parameter that this version knows, in the order of the table; tags do not count (S6).
std::vector<Field> fields(const QueueOptions& o) {
  const Milliseconds zero{0};
  const auto number = [](const char* name, auto value, auto least, auto most) {
    return Field{name, std::to_string(static_cast<long long>(value)), value >= least && value <= most};
  };
  const auto time = [](const char* name, Milliseconds value, Milliseconds least, Milliseconds most) {
    return Field{name, std::to_string(value.count()), value >= least && value <= most};
  };
  const auto maybe = [&](const char* name, const auto& value, auto least, auto most) {
    if (!value) return Field{name, "none"};
    if constexpr (std::is_same_v<decltype(least), Milliseconds>)
      return time(name, *value, least, most);
    else
      return number(name, *value, least, most);
  };
  return {
      number("type", static_cast<int>(o.type), 0, 1),
      number("durability", static_cast<int>(o.durability), 0, 2),
      time("sync_interval", o.sync_interval, limits::sync_interval_min, limits::sync_interval_max),
      number("partitions", o.partitions, 1U, 64U),
      number("max_message_size", o.max_message_size, 1U, limits::max_message_size_max),
      maybe("max_messages", o.max_messages, std::uint64_t{0}, limits::max_messages_max),
      maybe("max_bytes", o.max_bytes, o.max_message_size, limits::max_bytes_max),
      time("visibility_timeout", o.visibility_timeout, limits::visibility_timeout_min,
           limits::visibility_timeout_max),
      time("max_lease_time", o.max_lease_time, o.visibility_timeout, limits::max_lease_time_max),
      time("delay", o.delay, zero, limits::delay_max),
      maybe("time_to_live", o.time_to_live, limits::time_to_live_min, Milliseconds(limits::expiry_max)),
      maybe("retention", o.retention, Milliseconds(limits::retention_min), Milliseconds(limits::expiry_max)),
      number("max_receives", o.max_receives, 0U, limits::max_receives_max),
      {"dead_letter_queue", o.dead_letter_queue},
      {"dead_letter_expired", o.dead_letter_expired ? "true" : "false"},
      time("retry.base", o.retry.base, zero, limits::retry_base_max),
      time("retry.cap", o.retry.cap, zero, limits::retry_cap_max),
      number("retry.factor", o.retry.factor_thousandths, 1000U, 10000U),
      number("retry.jitter", o.retry.jitter_thousandths, 0U, 1000U),
      number("max_in_flight", o.max_in_flight, 0U, limits::max_in_flight_max)};
}

errc check_options(const QueueOptions& o) {
  const QueueOptions d;
  if (o.type != d.type || o.partitions > 1 || o.overflow != d.overflow || o.poison != d.poison ||
      o.max_in_flight_per_group != 0 || o.priority_mode != d.priority_mode || o.weights != d.weights ||
      o.priority_aging != d.priority_aging || o.rate != d.rate || o.group_rate != d.group_rate ||
      o.deduplication_window != d.deduplication_window || o.content_based_deduplication) {
    return errc::not_supported;
  }
  for (const auto& field : fields(o)) {
    if (!field.valid) return errc::invalid_argument;
  }
  if (o.tags.size() > limits::tags_max) return errc::invalid_argument;
  for (const auto& [key, value] : o.tags) {
    if (key.size() > limits::tag_key_size_max || value.size() > limits::tag_value_size_max)
      return errc::invalid_argument;
  }
  return o.dead_letter_queue.empty() || valid_name(o.dead_letter_queue) ? errc::ok : errc::invalid_name;
}

class Catalog {
 public:
  explicit Catalog(CatalogModel& model) : model_(model) {}

  Reply run(const engine::CreateQueue& create) {
    if (const errc bad = check_options(create.options); bad != errc::ok) return fail(bad);
    if (!valid_name(create.name)) return fail(errc::invalid_name);
    const std::string name(create.name);
    if (const auto known = model_.queues.find(name); known != model_.queues.end()) {
      const auto mine = fields(create.options);
      const auto theirs = fields(known->second.config.options);
      for (std::size_t i = 0; i < mine.size(); ++i) {
        if (mine[i].text != theirs[i].text) return fail(errc::queue_exists, mine[i].name);
      }
      return answer(known->second.config);
    }
    if (const errc bad = check_dead_letter(name, create.options); bad != errc::ok) return fail(bad);
    const std::string& target = create.options.dead_letter_queue;
    const bool two = !target.empty() && !model_.queues.contains(target);
    if (model_.queues.size() + (two ? 2 : 1) > limits::queues_max) return fail(errc::limit_exceeded);  // S83
    return settle_dead_letter(add(name, create.options));
  }

  Reply run(const engine::UpdateQueue& update) {
    if (const errc bad = check_options(update.options); bad != errc::ok) return fail(bad);
    const auto [code, known] = find(update.name, update.queue);
    if (code != errc::ok) return fail(code);
    if (known->config.options.durability != update.options.durability)
      return fail(errc::invalid_argument);  // S9
    if (const errc bad = check_dead_letter(known->config.name, update.options); bad != errc::ok)
      return fail(bad);
    if (known->config.options != update.options) ++known->config.version;
    known->config.options = update.options;
    return settle_dead_letter(*known);
  }

  Reply run(const engine::PauseQueue& pause) {
    const auto [code, known] = find(pause.name, pause.queue);
    if (code != errc::ok) return fail(code);
    if (known->config.paused != pause.paused) ++known->config.version;
    known->config.paused = pause.paused;
    return answer(known->config);
  }

  Reply run(const engine::DeleteQueue& remove) {
    const auto [code, known] = find(remove.name, remove.queue);
    if (code != errc::ok) return fail(code);
    engine::QueueConfig config = known->config;
    Reply reply = answer(config);
    for (auto& [name, source] : model_.queues) {  // S11
      if (source.config.dead_letter != config.id) continue;
      if (!remove.force) return fail(errc::in_use);
      source.config.options.dead_letter_queue.clear();
      source.config.dead_letter = {};
      ++source.config.version;
      reply.to_configure.push_back({source.config, false});
    }
    model_.queues.erase(config.name);
    ++config.version;
    model_.removed[config.id] = config;
    reply.to_configure.front() = {config, true};
    return reply;
  }

  Reply run(const engine::Configured& configured) {
    for (auto& [name, known] : model_.queues) {
      if (known.config.id == configured.queue)
        known.confirmed = std::max(known.confirmed, configured.version);
    }
    const auto removed = model_.removed.find(configured.queue);
    if (removed != model_.removed.end() && configured.version >= removed->second.version)
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

  static Reply answer(const engine::QueueConfig& config) {
    Reply reply;
    reply.config = config;
    reply.to_configure.push_back({config, false});
    return reply;
  }

  std::pair<errc, CatalogModel::Known*> find(std::string_view name, QueueId queue) {
    const auto known = model_.queues.find(name);
    const bool there = known != model_.queues.end() && (queue.value == 0 || queue == known->second.config.id);
    if (there) return {errc::ok, &known->second};
    return {queue.value == 0 ? errc::queue_not_found : errc::queue_deleted, nullptr};
  }

  /// S11: never itself, its source's type and durability (stronger is another shard: not built), no cycle, at
  /// most 8.
  errc check_dead_letter(const std::string& name, const QueueOptions& options) const {
    std::size_t length = 0;
    for (std::string next = options.dead_letter_queue; !next.empty();) {
      if (next == name || ++length > limits::dead_letter_chain_max) return errc::invalid_argument;
      const auto known = model_.queues.find(next);
      if (known == model_.queues.end()) break;
      const auto& target = known->second.config.options;
      if (target.durability > options.durability) return errc::invalid_argument;
      if (target.durability < options.durability) return errc::not_supported;
      next = target.dead_letter_queue;
    }
    return errc::ok;
  }

  CatalogModel::Known& add(const std::string& name, const QueueOptions& options) {
    auto& known = model_.queues[name];
    known.config = {model_.next, 1, name, options, {}, false};
    model_.next = QueueId(model_.next.value + 1);
    return known;
  }

  /// A missing dead-letter queue is created in the same operation.
  Reply settle_dead_letter(CatalogModel::Known& source) {
    const auto& options = source.config.options;
    source.config.dead_letter = {};
    if (options.dead_letter_queue.empty()) return answer(source.config);
    std::vector<engine::Configure> created;
    if (!model_.queues.contains(options.dead_letter_queue)) {
      QueueOptions defaults;
      defaults.durability = options.durability;
      created.push_back({add(options.dead_letter_queue, defaults).config, false});
    }
    source.config.dead_letter = model_.queues.find(options.dead_letter_queue)->second.config.id;
    Reply reply = answer(source.config);
    reply.to_configure.insert(reply.to_configure.end(), created.begin(), created.end());
    return reply;
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

std::vector<engine::Configure> CatalogModel::unconfirmed() const {
  std::vector<engine::Configure> all;
  for (const auto& [name, known] : queues) {
    if (known.confirmed < known.config.version) all.push_back({known.config, false});
  }
  for (const auto& [id, config] : removed) all.push_back({config, true});
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.config.id < b.config.id; });
  return all;
}

}  // namespace peerq::model
