#include "unit/wire/samples.hpp"

#include <algorithm>
#include <chrono>
#include <random>

#include "wire/codec.hpp"

namespace peerq::test {

using namespace std::chrono_literals;
using engine::Command;
using engine::CommandBody;
using engine::SendItem;
using engine::SettleItem;

const port::Codec& codec() {
  static const auto instance = wire::make_codec();
  return *instance;
}

Bytes Sample::keep(std::string_view text) {
  if (text.empty()) return {};
  return buffers.emplace_back(SharedBytes::copy(as_bytes(text))).bytes();
}

QueueOptions unusual_options(Age age) {
  QueueOptions options;
  options.type = QueueType::fifo;
  options.durability = Durability::interval;
  options.sync_interval = 250ms;
  options.partitions = 3;
  options.max_message_size = 1'000'001;
  options.max_messages = 77;
  options.max_bytes = 88'000'000;
  options.overflow = Overflow::block;
  options.visibility_timeout = 31s;
  options.max_lease_time = 11h;
  options.delay = 5ms;
  options.time_to_live = 6s;
  options.retention = 7s;
  options.max_receives = 8;
  options.dead_letter_queue = "orders.dead";
  options.dead_letter_expired = false;
  options.retry = {.base = 1s, .cap = 2min, .factor_thousandths = 1'500, .jitter_thousandths = 100};
  options.max_in_flight = 9;
  options.max_in_flight_per_group = 10;
  options.poison = Poison::park_group;
  options.priority_mode = PriorityMode::weighted;
  for (std::size_t i = 0; i < options.weights.size(); ++i)
    options.weights[i] = static_cast<std::uint16_t>(i + 1);
  options.priority_aging = 12s;
  options.rate = {13'000, 14};
  options.group_rate = {15'000, 16};
  options.deduplication_window = 17s;
  options.content_based_deduplication = true;
  if (age == Age::now) {
    options.rate.per_second_thousandths = limits::rate_thousandths_max;
    options.group_rate.per_second_thousandths = limits::rate_thousandths_max - 1;
    options.windows = {{"Europe/Berlin", std::chrono::minutes(600), std::chrono::minutes(60), 0x1f}, {}};
  }
  options.tags = {{"owner", "payments"}, {"empty", ""}};
  return options;
}

namespace {

void add(Sample& sample, CommandBody body, engine::Origin origin = {}) {
  sample.commands.push_back({origin, std::move(body)});
}

Bytes message(Sample& sample, const port::Codec& codec, std::string_view body) {
  port::MessageParts parts;
  parts.body = as_bytes(body);
  return sample.buffers.emplace_back(codec.make_message(parts)).bytes();
}

void add_sends(Sample& sample, const port::Codec& codec, Age age) {
  std::vector<SendItem> plain(2);
  plain[0].payload = message(sample, codec, "hello");
  plain[0].counted_bytes = 5;
  plain[1].payload = message(sample, codec, "");
  std::vector<SendItem> rich(2);
  rich[0] = {.payload = message(sample, codec, "a message of nineteen"),
             .counted_bytes = 21,
             .priority = 9,
             .due = {1'700'000'000'500},
             .time_to_live_ms = 60'000,
             .group_id = sample.keep("customer-7"),
             .deduplication_id = sample.keep("order-1"),
             .outcome_until = {age == Age::now ? 1'700'000'000'700 : 0}};
  rich[1].payload = message(sample, codec, "b");
  rich[1].counted_bytes = 1;
  sample.sends = {std::move(plain), std::move(rich)};
  add(sample, engine::Send{QueueId(0x1'0000'0001), false, sample.sends[0]});
  add(sample, engine::Send{QueueId(0x1'0000'0002), true, sample.sends[1]}, {SessionId(5), 6, PrincipalId(7)});
  add(sample, engine::Send{QueueId(0x1'0000'0003), false, {}});
}

void add_settles(Sample& sample) {
  const auto queue = QueueId(0x1'0000'0001);
  using enum engine::Verb;
  for (const auto verb : {erase, extend, nack, release, reject}) {
    std::vector<SettleItem> items(2);
    items[0].lease = {Sequence::make(4, 10), 1};
    items[1].lease = {Sequence::make(9, 11), 2};
    if (verb == extend) items[0].value_ms = 30'000;
    if (verb == nack) items[1].value_ms = 0;
    if (verb == nack || verb == reject) items[1].reason = sample.keep("the printer is on fire");
    sample.settles.push_back(std::move(items));
  }
  for (std::size_t i = 0; i < sample.settles.size(); ++i) {
    add(sample, engine::Settle{queue, static_cast<engine::Verb>(i), sample.settles[i]});
  }
}

void add_groups(Sample& sample) {
  const auto queue = QueueId(0x1'0000'0001);
  add(sample, engine::Cancel{queue, sample.ids[0]});
  add(sample, engine::Cancel{queue, {}});
  using enum engine::GroupVerb;
  for (const auto verb : {pause, resume, park, unpark}) {
    add(sample, engine::ChangeGroup{queue, verb, sample.keep(verb == park ? "" : "customer-7")});
  }
  sample.turns.push_back({1'700'000'000'000, 1'700'000'060'000});
  add(sample, engine::SetWindow{queue, 3, false, sample.turns[0]});
  add(sample, engine::SetWindow{queue, 4, true, {}});
}

engine::Arrive arrival(Sample& sample, const port::Codec& codec) {
  engine::Arrive arrive;
  arrive.queue = QueueId(0x1'0000'0002);
  arrive.id = {QueueId(0x1'0000'0001), Sequence::make(4, 10)};
  arrive.from = QueueId(0x1'0000'0001);
  arrive.transfer = 7;
  arrive.after = 6;
  arrive.payload = message(sample, codec, "moved");
  arrive.counted_bytes = 5;
  arrive.priority = 9;
  arrive.attempt = 3;
  arrive.first_sent = {1'700'000'000'000};
  arrive.time_to_live_ms = 60'000;
  arrive.redriven = true;
  arrive.group_id = sample.keep("customer-7");
  arrive.note = sample.keep("a note");
  return arrive;
}

engine::PutSchedule schedule(Sample& sample, const port::Codec& codec) {
  engine::PutSchedule put;
  put.queue = QueueId(0x1'0000'0001);
  put.name = "nightly";
  put.specification = "0 3 * * *";
  put.zone = "Europe/Berlin";
  put.missed = MissedRuns::all;
  put.anchor = {1'700'000'000'000};
  put.item.payload = message(sample, codec, "run");
  put.item.counted_bytes = 3;
  put.item.priority = 8;
  put.item.time_to_live_ms = 3'600'000;
  put.item.group_id = sample.keep("customer-7");
  put.runs_ms = sample.turns.emplace_back(std::vector<std::int64_t>{1'700'000'000'000, 1'700'086'400'000});
  return put;
}

void add_transactions(Sample& sample, const port::Codec& codec) {
  const auto queue = QueueId(0x1'0000'0001);
  sample.weighted = {{queue, 3}, {QueueId(0x1'0000'0002), 1}};
  add(sample, engine::ReceiveSeveral{sample.weighted, 10, 4096, 30'000});
  add(sample, engine::ReceiveSeveral{});
  engine::Receive bound;
  bound.queue = queue;
  bound.bind_to_session = true;
  add(sample, bound, {SessionId(5), 6, {}});
  std::vector<SettleItem> done(2);
  done[0].lease = {Sequence::make(4, 10), 1};
  done[0].result = message(sample, codec, "the result");
  done[1].lease = {Sequence::make(4, 11), 1};
  sample.settles.push_back(std::move(done));
  add(sample, engine::Settle{queue, engine::Verb::erase, sample.settles.back()});
  std::vector<SendItem> sends(1);
  sends[0].payload = message(sample, codec, "next");
  sends[0].counted_bytes = 4;
  sends[0].deduplication_id = sample.keep("order-1");
  sample.sends.push_back(std::move(sends));
  sample.parts = {{queue, sample.settles.back(), sample.sends.back()},
                  {QueueId(0x1'0000'0002), {}, sample.sends.back()},
                  {QueueId(0x1'0000'0003), sample.settles[0], {}}};
  add(sample, engine::Transact{sample.parts});
  add(sample, engine::Transact{});
}

void add_movements(Sample& sample, const port::Codec& codec) {
  const auto queue = QueueId(0x1'0000'0001);
  add(sample, engine::OpenSession{SessionId(5)});
  add(sample, engine::CloseSession{SessionId(5)});
  add(sample, engine::StartRedrive{.queue = queue,
                                   .target = QueueId(4),
                                   .causes = 5,
                                   .source = QueueId(6),
                                   .rate = 7,
                                   .max_messages = 8});
  add(sample, engine::StopRedrive{queue});
  add(sample, arrival(sample, codec));
  add(sample, engine::Moved{queue, QueueId(4), 7, errc::queue_deleted});
  add(sample, schedule(sample, codec));
  add(sample, engine::ExtendSchedule{queue, "nightly", 3, sample.turns[0]});
  add(sample, engine::RemoveSchedule{queue, "nightly"});
  add(sample, engine::RemoveSchedule{queue, ""});
}

void add_catalog(Sample& sample, Age age) {
  const auto queue = QueueId(0x1'0000'0004);
  engine::Configure configure;
  configure.config = {.id = queue,
                      .version = 3,
                      .name = "orders",
                      .options = unusual_options(age),
                      .dead_letter = QueueId(0x1'0000'0005),
                      .paused = true};
  add(sample, configure);
  configure.config.options = QueueOptions{};
  configure.removed = true;
  add(sample, std::move(configure));
  add(sample, engine::CreateQueue{"orders", unusual_options(age)});
  add(sample, engine::UpdateQueue{"orders", queue, QueueOptions{}});
  add(sample, engine::PauseQueue{"orders", queue, true});
  add(sample, engine::PauseQueue{"orders", QueueId(0), false});
  add(sample, engine::DeleteQueue{"orders", queue, true});
  add(sample, engine::Configured{queue, 3});
  add(sample, engine::NewEpoch{std::uint64_t{1} << 32});
}

}  // namespace

Sample every_command(const port::Codec& codec, Age age) {
  Sample sample;
  sample.header.stamps = {{1'234'567}, {1'700'000'000'000}};
  sample.header.proposer = PeerId(1);
  sample.header.expiry_halted = true;
  if (age == Age::first_format) sample.header.version = 1;
  add(sample, engine::Tick{});
  add_sends(sample, codec, age);
  engine::Receive receive;
  receive.queue = QueueId(0x1'0000'0001);
  add(sample, receive);
  receive.max_messages = 10;
  receive.max_bytes = 1'000;
  receive.visibility_ms = 45'000;
  receive.erase = true;
  receive.attempt_id = sample.keep("attempt");
  add(sample, receive, {SessionId(8), 9, PrincipalId(10)});
  add_settles(sample);
  sample.ids.push_back({{QueueId(1), Sequence{2}}, {QueueId(3), Sequence{4}}});
  add(sample, engine::Kick{QueueId(0x1'0000'0001), sample.ids[0], 0});
  add(sample, engine::Kick{QueueId(0x1'0000'0001), {}, 50});
  add(sample, engine::Purge{QueueId(0x1'0000'0001)});
  add_catalog(sample, age);
  if (age == Age::now) {
    add_groups(sample);
    add_transactions(sample, codec);
    add_movements(sample, codec);
  }
  return sample;
}

namespace {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  std::uint64_t number() { return random_() >> below(64); }
  bool rarely() { return below(4) == 0; }
  std::string text(std::size_t size_max) {
    std::string out(below(size_max + 1), '\0');
    for (auto& c : out) c = static_cast<char>(random_());
    return out;
  }

 private:
  std::mt19937_64 random_;
};

std::vector<SendItem> random_items(Sample& sample, const port::Codec& codec, Draw& draw) {
  std::vector<SendItem> items(draw.below(5));
  for (auto& item : items) {
    item.payload = message(sample, codec, draw.text(300));
    item.counted_bytes = static_cast<std::uint32_t>(draw.number());
    if (draw.rarely()) item.priority = static_cast<std::uint8_t>(draw.below(10));
    if (draw.rarely()) item.due = {static_cast<std::int64_t>(draw.number())};
    if (draw.rarely()) item.time_to_live_ms = static_cast<std::int64_t>(draw.number());
    if (draw.rarely()) item.group_id = sample.keep(draw.text(40));
    if (draw.rarely()) item.deduplication_id = sample.keep(draw.text(40));
    if (draw.rarely()) item.outcome_until = {static_cast<std::int64_t>(draw.number())};
  }
  return items;
}

std::vector<SettleItem> random_settles(Sample& sample, Draw& draw) {
  std::vector<SettleItem> items(draw.below(5));
  for (auto& item : items) {
    item.lease = {{draw.number()}, static_cast<std::uint32_t>(draw.number())};
    if (draw.rarely()) item.value_ms = static_cast<std::int64_t>(draw.number());
    if (draw.rarely()) item.reason = sample.keep(draw.text(100));
  }
  return items;
}

std::string_view kept_text(Sample& sample, const std::string& text) { return as_text(sample.keep(text)); }

}  // namespace

Sample random_entry(const port::Codec& codec, std::uint64_t seed) {
  Draw draw(seed);
  Sample sample;
  sample.header.stamps = {{static_cast<std::int64_t>(draw.number())},
                          {static_cast<std::int64_t>(draw.number())}};
  sample.header.proposer = PeerId(draw.number());
  sample.header.expiry_halted = draw.rarely();
  const std::size_t count = draw.below(8);
  sample.sends.reserve(count);
  sample.settles.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const QueueId queue(draw.number());
    const engine::Origin origin{SessionId(draw.rarely() ? draw.number() : 0), 0, {}};
    QueueOptions options = draw.rarely() ? unusual_options() : QueueOptions{};
    options.dead_letter_queue = draw.text(20);
    switch (draw.below(9)) {
      case 0: add(sample, engine::Tick{}, origin); break;
      case 6:
        sample.ids.emplace_back(draw.below(4), MessageId{QueueId(draw.number()), Sequence{draw.number()}});
        add(sample, engine::Cancel{queue, sample.ids.back()}, origin);
        break;
      case 7:
        add(sample,
            engine::ChangeGroup{queue, static_cast<engine::GroupVerb>(draw.below(4)),
                                sample.keep(draw.text(128))},
            origin);
        break;
      case 8:
        sample.turns.emplace_back(draw.below(4), static_cast<std::int64_t>(draw.number()));
        add(sample, engine::SetWindow{queue, draw.number(), draw.rarely(), sample.turns.back()}, origin);
        break;
      case 1:
        sample.sends.push_back(random_items(sample, codec, draw));
        add(sample, engine::Send{queue, draw.rarely(), sample.sends.back()}, origin);
        break;
      case 2:
        sample.settles.push_back(random_settles(sample, draw));
        add(sample, engine::Settle{queue, static_cast<engine::Verb>(draw.below(5)), sample.settles.back()},
            origin);
        break;
      case 3: add(sample, engine::CreateQueue{kept_text(sample, draw.text(80)), options}, origin); break;
      case 4:
        add(sample, engine::DeleteQueue{kept_text(sample, draw.text(80)), queue, draw.rarely()}, origin);
        break;
      default: {
        engine::Receive receive;
        receive.queue = queue;
        receive.visibility_ms = static_cast<std::int64_t>(draw.number());
        receive.attempt_id = sample.keep(draw.text(40));
        add(sample, receive, origin);
      }
    }
  }
  return sample;
}

namespace {

bool same_item(const SendItem& a, const SendItem& b) {
  return equal(a.payload, b.payload) && a.counted_bytes == b.counted_bytes && a.priority == b.priority &&
         a.due == b.due && a.time_to_live_ms == b.time_to_live_ms && equal(a.group_id, b.group_id) &&
         equal(a.deduplication_id, b.deduplication_id) && a.outcome_until == b.outcome_until;
}

bool same_settle(const SettleItem& a, const SettleItem& b) {
  return a.lease == b.lease && a.value_ms == b.value_ms && equal(a.reason, b.reason) &&
         equal(a.result, b.result);
}

struct SameBody {
  bool operator()(const engine::Tick&, const engine::Tick&) const { return true; }
  bool operator()(const engine::Send& a, const engine::Send& b) const {
    return a.queue == b.queue && a.atomic == b.atomic &&
           std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_item);
  }
  bool operator()(const engine::Receive& a, const engine::Receive& b) const {
    return a.queue == b.queue && a.max_messages == b.max_messages && a.max_bytes == b.max_bytes &&
           a.visibility_ms == b.visibility_ms && a.erase == b.erase && equal(a.attempt_id, b.attempt_id) &&
           a.bind_to_session == b.bind_to_session;
  }
  bool operator()(const engine::Settle& a, const engine::Settle& b) const {
    return a.queue == b.queue && a.verb == b.verb &&
           std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_settle);
  }
  bool operator()(const engine::Kick& a, const engine::Kick& b) const {
    return a.queue == b.queue && a.max_messages == b.max_messages && std::ranges::equal(a.ids, b.ids);
  }
  bool operator()(const engine::Purge& a, const engine::Purge& b) const { return a.queue == b.queue; }
  bool operator()(const engine::Configure& a, const engine::Configure& b) const {
    return a.config == b.config && a.removed == b.removed;
  }
  bool operator()(const engine::CreateQueue& a, const engine::CreateQueue& b) const {
    return a.name == b.name && a.options == b.options;
  }
  bool operator()(const engine::UpdateQueue& a, const engine::UpdateQueue& b) const {
    return a.name == b.name && a.queue == b.queue && a.options == b.options;
  }
  bool operator()(const engine::PauseQueue& a, const engine::PauseQueue& b) const {
    return a.name == b.name && a.queue == b.queue && a.paused == b.paused;
  }
  bool operator()(const engine::DeleteQueue& a, const engine::DeleteQueue& b) const {
    return a.name == b.name && a.queue == b.queue && a.force == b.force;
  }
  bool operator()(const engine::Configured& a, const engine::Configured& b) const {
    return a.queue == b.queue && a.version == b.version;
  }
  bool operator()(const engine::NewEpoch& a, const engine::NewEpoch& b) const {
    return a.number_floor == b.number_floor;
  }
  bool operator()(const engine::Cancel& a, const engine::Cancel& b) const {
    return a.queue == b.queue && std::ranges::equal(a.ids, b.ids);
  }
  bool operator()(const engine::ChangeGroup& a, const engine::ChangeGroup& b) const {
    return a.queue == b.queue && a.verb == b.verb && equal(a.group_id, b.group_id);
  }
  bool operator()(const engine::SetWindow& a, const engine::SetWindow& b) const {
    return a.queue == b.queue && a.version == b.version && a.open == b.open &&
           std::ranges::equal(a.turns_ms, b.turns_ms);
  }
  bool operator()(const engine::ReceiveSeveral& a, const engine::ReceiveSeveral& b) const {
    const auto same_queue = [](const auto& x, const auto& y) {
      return x.queue == y.queue && x.weight == y.weight;
    };
    return std::ranges::equal(a.queues, b.queues, same_queue) && a.max_messages == b.max_messages &&
           a.max_bytes == b.max_bytes && a.visibility_ms == b.visibility_ms;
  }
  bool operator()(const engine::Transact& a, const engine::Transact& b) const {
    return std::ranges::equal(a.parts, b.parts, [](const auto& x, const auto& y) {
      return x.queue == y.queue && std::ranges::equal(x.erases, y.erases, same_settle) &&
             std::ranges::equal(x.sends, y.sends, same_item);
    });
  }
  bool operator()(const engine::OpenSession& a, const engine::OpenSession& b) const {
    return a.session == b.session;
  }
  bool operator()(const engine::CloseSession& a, const engine::CloseSession& b) const {
    return a.session == b.session;
  }
  bool operator()(const engine::StartRedrive& a, const engine::StartRedrive& b) const {
    return a.queue == b.queue && a.target == b.target && a.causes == b.causes && a.source == b.source &&
           a.rate == b.rate && a.max_messages == b.max_messages;
  }
  bool operator()(const engine::StopRedrive& a, const engine::StopRedrive& b) const {
    return a.queue == b.queue;
  }
  bool operator()(const engine::Arrive& a, const engine::Arrive& b) const {
    return a.queue == b.queue && a.id == b.id && a.from == b.from && a.transfer == b.transfer &&
           a.after == b.after && equal(a.payload, b.payload) && a.counted_bytes == b.counted_bytes &&
           a.priority == b.priority && a.attempt == b.attempt && a.first_sent == b.first_sent &&
           a.time_to_live_ms == b.time_to_live_ms && a.redriven == b.redriven &&
           equal(a.group_id, b.group_id) && equal(a.note, b.note);
  }
  bool operator()(const engine::Moved& a, const engine::Moved& b) const {
    return a.queue == b.queue && a.target == b.target && a.transfer == b.transfer && a.refused == b.refused;
  }
  bool operator()(const engine::PutSchedule& a, const engine::PutSchedule& b) const {
    return a.queue == b.queue && a.name == b.name && a.specification == b.specification && a.zone == b.zone &&
           a.missed == b.missed && a.anchor == b.anchor && same_item(a.item, b.item) &&
           std::ranges::equal(a.runs_ms, b.runs_ms);
  }
  bool operator()(const engine::ExtendSchedule& a, const engine::ExtendSchedule& b) const {
    return a.queue == b.queue && a.name == b.name && a.version == b.version &&
           std::ranges::equal(a.runs_ms, b.runs_ms);
  }
  bool operator()(const engine::RemoveSchedule& a, const engine::RemoveSchedule& b) const {
    return a.queue == b.queue && a.name == b.name;
  }
  template <class A, class B>
  bool operator()(const A&, const B&) const {
    return false;
  }
};

}  // namespace

bool same(const Command& a, const Command& b) {
  return a.origin == b.origin && std::visit(SameBody{}, a.body, b.body);
}

bool same(const engine::EntryView& a, const Sample& b) {
  return a.header == b.header &&
         std::equal(a.commands.begin(), a.commands.end(), b.commands.begin(), b.commands.end(),
                    [](const Command& x, const Command& y) { return same(x, y); });
}

}  // namespace peerq::test
