// What the state of one queue says: how many, until when, how much it may give, and what it gives next.

#include <algorithm>
#include <tuple>

#include "support/model/reference_model.hpp"

namespace peerq::model {

using engine::Cause;
using engine::MessageState;

constexpr std::int64_t token_units = 1'000'000'000;

WallTime retention_base(const ModelMessage& message) {
  return std::max(message.arrived, message.due);
}  // S16

WallTime retention_end(const ModelQueue& queue, const ModelMessage& message) {
  const auto& retention = queue.config.options.retention;
  return retention ? retention_base(message) + *retention : WallTime::never();
}

WallTime life_end(const ModelMessage& message) {
  return message.expires.ms == 0 || message.dead_lettered ? WallTime::never() : message.expires;  // S38
}

std::optional<Cause> expiry(const ReferenceModel& model, const ModelQueue& queue,
                            const ModelMessage& message) {
  if (model.halted || message.state == MessageState::in_flight) return std::nullopt;
  if (life_end(message) <= model.now.wall) return Cause::time_to_live;
  if (retention_end(queue, message) <= model.now.wall) return Cause::retention;
  return std::nullopt;
}

std::uint64_t count(const ModelQueue& queue, MessageState state, const std::string* group) {
  return static_cast<std::uint64_t>(
      std::count_if(queue.messages.begin(), queue.messages.end(), [&](const auto& entry) {
        return entry.second.state == state && (group == nullptr || entry.second.group == *group);
      }));
}

std::uint64_t held(const ModelQueue& queue) {
  std::uint64_t sum = 0;
  for (const auto& [name, group] : queue.groups) {
    if (!group.place) sum += count(queue, MessageState::ready, &name);
  }
  return sum;
}

std::uint64_t bytes(const ModelQueue& queue) {
  std::uint64_t sum = 0;
  for (const auto& [position, message] : queue.messages) sum += message.counted_bytes;
  return sum;
}

bool fits(const ModelQueue& queue, std::uint64_t count, std::uint64_t size) {
  const auto& options = queue.config.options;
  count += queue.messages.size() + queue.totals.moving;
  size += bytes(queue) + queue.totals.moving_bytes;
  return !(options.max_messages && count > *options.max_messages) &&
         !(options.max_bytes && size > *options.max_bytes);
}

std::int64_t units(const std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now) {
  const auto whole = static_cast<std::int64_t>(rate.per_second_thousandths / 1000);
  const std::int64_t most = token_units * (rate.burst > 0 ? rate.burst : std::max<std::int64_t>(1, whole));
  if (!bucket) return most;
  const auto gain = static_cast<std::int64_t>(rate.per_second_thousandths);  // a microsecond
  const std::int64_t passed = now.us - bucket->at.us;
  return passed > (most - bucket->units) / gain ? most : std::min(most, bucket->units + passed * gain);
}

std::uint64_t tokens(const std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now) {
  if (rate.per_second_thousandths == 0) return ~std::uint64_t{0};
  return static_cast<std::uint64_t>(units(bucket, rate, now) / token_units);
}

LeaseTime next_token(const std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now) {
  if (tokens(bucket, rate, now) > 0) return now;
  const auto gain = static_cast<std::int64_t>(rate.per_second_thousandths);
  return {now.us + (token_units - units(bucket, rate, now) + gain - 1) / gain};
}

void take_token(std::optional<ModelBucket>& bucket, const RateLimit& rate, LeaseTime now) {
  if (rate.per_second_thousandths > 0) bucket = ModelBucket{units(bucket, rate, now) - token_units, now};
}

bool window_closed(const ModelQueue& queue) {
  return !queue.config.options.windows.empty() && (!queue.window || !queue.window->open);
}

std::uint64_t room_in_flight(const ModelQueue& queue) {
  const std::uint64_t cap = queue.config.options.max_in_flight;
  if (queue.config.paused || window_closed(queue)) return 0;
  return cap == 0 ? ~cap : cap - std::min(cap, count(queue, MessageState::in_flight));
}

std::uint64_t room_in_flight(const ModelQueue& queue, const std::string& group) {
  const std::uint64_t cap = queue.config.options.max_in_flight_per_group;
  return cap == 0 ? ~cap : cap - std::min(cap, count(queue, MessageState::in_flight, &group));
}

// Groups (S29, S42-S47; Additions: groups, levels, rates).

ModelGroup& group(ModelQueue& queue, const std::string& name) {
  const auto [at, made] = queue.groups.try_emplace(name);
  if (made) at->second.age = ++queue.ages;
  return at->second;
}

static bool empty(ModelQueue& queue, const std::string& name) {
  return find_if(queue, [&](const auto& message) { return message.group == name; }) == nullptr;
}

/// Something happened to the group: it opens, or closes.
void look(ModelQueue& queue, const std::string& name, const Stamps& stamps) {
  const LeaseTime now = stamps.lease;
  const auto at = queue.groups.find(name);
  if (at == queue.groups.end()) return;
  auto& group = at->second;
  if (group.retry_until.ms != 0) {  // it belongs to the message with the longest delay
    WallTime longest;
    for (const auto& [position, m] : queue.messages) {
      if (m.group != name || m.state != MessageState::ready) continue;
      if (m.due == group.retry_until || m.due > stamps.wall) longest = std::max(longest, m.due);
    }
    group.retry_until = longest;
  }
  const bool leased = queue.fifo() && count(queue, MessageState::in_flight, &name) > 0;
  const bool could = count(queue, MessageState::ready, &name) > 0 && room_in_flight(queue, name) > 0 &&
                     !leased && group.retry_until.ms == 0 && !group.paused && !group.parked;
  const LeaseTime token = next_token(group.bucket, queue.config.options.group_rate, now);
  const bool open = could && token == now;
  group.looked_at = could && !open ? token : LeaseTime::never();
  if (!open) group.place.reset();
  if (open && !group.place) group.place = ++queue.turn;
}

void forget_groups(ModelQueue& queue, LeaseTime now) {
  std::erase_if(queue.groups, [&](const auto& entry) {
    const auto& [name, group] = entry;
    const auto& rate = queue.config.options.group_rate;
    const bool full =
        rate.per_second_thousandths == 0 || units(group.bucket, rate, now) == units({}, rate, now);
    return full && !group.paused && !group.parked && empty(queue, name);
  });
}

ModelMessage* first_ready(ModelQueue& queue, const std::string& name) {
  return find_if(queue, [&](const auto& m) { return m.group == name && m.state == MessageState::ready; });
}

std::vector<ModelMessage*> droppable(ModelQueue& queue, std::uint8_t highest) {
  std::vector<ModelMessage*> out;
  for (int level = 0; level <= highest; ++level) {
    std::deque<ModelMessage*> single;
    std::deque<ModelMessage*> grouped;
    for (auto& [position, m] : queue.messages) {
      const bool parked = !m.group.empty() && queue.groups.at(m.group).parked;
      if (m.state != MessageState::ready || m.priority != level || parked) continue;
      (m.group.empty() ? single : grouped).push_back(&m);
    }
    while (!single.empty() || !grouped.empty()) {
      const bool first = !single.empty() && (grouped.empty() || single[0]->arrived <= grouped[0]->arrived);
      auto& from = first ? single : grouped;
      out.push_back(from.front());
      from.pop_front();
    }
  }
  return out;
}

void turn_window(ModelQueue& queue, WallTime now) {
  if (!queue.window) return;
  auto& [open, turns] = *queue.window;
  for (; !turns.empty() && turns.front() <= now; turns.erase(turns.begin())) open = !open;
}

// What comes next (S25, S26, S29, S47).

/// What a level gives next: the first message of the group at the front of its ring.
static const ModelMessage* first_at(const ModelQueue& queue, std::uint8_t level) {
  std::map<std::string, std::uint64_t> seen;
  std::uint64_t best = ~std::uint64_t{0};
  const ModelMessage* first = nullptr;
  for (const auto& [position, m] : queue.messages) {
    if (m.state != MessageState::ready) continue;
    const bool head = seen[m.group]++ == 0;
    if (m.priority != level || (queue.fifo() && !head)) continue;
    std::optional<std::uint64_t> place = queue.plain_places[level];
    if (!m.group.empty()) place = queue.groups.at(m.group).place;
    if (!place || *place >= best) continue;
    best = *place;
    first = &m;
  }
  return first;
}

static const ModelMessage* by_rank(const ModelQueue& queue, const std::map<int, const ModelMessage*>& levels,
                                   WallTime now) {
  std::map<std::tuple<std::int64_t, std::int64_t, int>, const ModelMessage*> ranks;
  const std::int64_t interval = queue.config.options.priority_aging.count();
  for (const auto& [level, message] : levels) {
    const std::int64_t waited = interval == 0 ? 0 : (now - retention_base(*message)).count();
    ranks[{level + (interval == 0 ? 0 : waited / interval), waited, level}] = message;
  }
  return ranks.rbegin()->second;
}

static const ModelMessage* by_weight(ModelQueue& queue, const std::map<int, const ModelMessage*>& levels) {
  auto& credits = queue.credits;
  const auto& weights = queue.config.options.weights;
  const bool none =
      std::all_of(levels.begin(), levels.end(), [&](const auto& level) { return credits[level.first] == 0; });
  if (none) std::copy(weights.begin(), weights.end(), credits.begin());
  int best = -1;
  for (const auto& [level, message] : levels) {
    if (credits[level] == 0) continue;
    if (best < 0 || credits[level] * weights[best] >= credits[best] * weights[level]) best = level;
  }
  return levels.at(best);
}

const ModelMessage* choose(ModelQueue& queue, WallTime now) {
  std::map<int, const ModelMessage*> levels;
  for (std::uint8_t level = 0; level < limits::priority_count; ++level) {
    if (const auto* first = first_at(queue, level)) levels[level] = first;
  }
  if (levels.empty()) return nullptr;
  const bool weighted = queue.config.options.priority_mode == PriorityMode::weighted;
  return weighted ? by_weight(queue, levels) : by_rank(queue, levels, now);
}

}  // namespace peerq::model
