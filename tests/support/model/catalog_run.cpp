#include "support/model/catalog_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>
#include <sstream>
#include <variant>

#include "support/model/catalog_model.hpp"
#include "support/model/compare.hpp"
#include "support/model/dice.hpp"

namespace peerq::model {

namespace {

constexpr std::size_t genes_per_catalog_log = 150;
constexpr QueueId first_queue_id{(std::uint64_t{9} << 32) + 1};

std::string show(const engine::QueueConfig& c) {
  const auto& o = c.options;
  return fmt::format("'{}' id {} version {} dead_letter {} '{}' paused {} durability {} receives {} tags {}",
                     c.name, c.id.value & 0xffffffff, c.version, c.dead_letter.value & 0xffffffff,
                     o.dead_letter_queue, c.paused, static_cast<int>(o.durability), o.max_receives,
                     o.tags.size());
}

class CatalogRun {
 public:
  CatalogRun(CatalogSystem& system, QueueId first_queue, bool trace) : system_(system), trace_(trace) {
    model_.next = first_queue;
    header_.stamps = {{1'000}, {1'000}};
    header_.proposer = PeerId(1);
  }

  LogResult run(const Genes& genes) {
    for (const std::uint64_t gene : genes) {
      Dice dice(gene);
      add(dice);
      if (dice.chance(60)) continue;
      apply();
      if (result_.violation.empty() && dice.chance(5)) system_.restart();
      if (!result_.violation.empty()) break;
    }
    if (result_.violation.empty() && !commands_.empty()) apply();
    result_.trace = words_.str();
    return std::move(result_);
  }

 private:
  static std::string some_name(Dice& dice) {
    if (dice.chance(2)) {
      return dice.pick<std::string>({"", ".dot", "with space", std::string(81, 'n'), "slash/", "\xc3\xa4"});
    }
    if (dice.chance(2)) return dice.pick<std::string>({"_sys", std::string(80, 'n'), "A.b-c_9", "-", "_"});
    return "q" + std::to_string(dice.below(7));
  }

  QueueOptions some_options(Dice& dice) const {
    QueueOptions options;
    if (dice.chance(30)) options.dead_letter_queue = some_name(dice);
    if (dice.chance(15)) options.type = QueueType::fifo;
    if (dice.chance(15)) options.durability = dice.pick({Durability::interval, Durability::memory});
    if (dice.chance(10)) set_groups(dice, options);
    if (dice.chance(10)) options.max_receives = static_cast<std::uint32_t>(dice.below(3));
    if (dice.chance(5)) options.max_messages = dice.below(3);
    if (dice.chance(5)) options.retention = Milliseconds(dice.pick({1000, 5000}));
    if (dice.chance(5)) options.visibility_timeout = Milliseconds(1000);
    if (dice.chance(5)) options.dead_letter_expired = false;
    if (dice.chance(5)) options.max_in_flight = 3;
    if (dice.chance(10)) options.tags["owner"] = dice.pick<std::string>({"a", "b"});
    if (options.dead_letter_queue.size() < 3 && dice.chance(3)) set_unsupported(dice, options);
    return options;
  }

  static void set_groups(Dice& dice, QueueOptions& options) {
    switch (dice.below(8)) {
      case 0: options.poison = Poison::park_group; break;
      case 1: options.priority_mode = PriorityMode::weighted; break;
      case 2: options.weights[3] = 77; break;
      case 3: options.priority_aging = Milliseconds(2000); break;
      case 4: options.max_in_flight_per_group = 5; break;
      case 5: options.rate = {4'000'000'000, 3}; break;
      case 6: options.group_rate.per_second_thousandths = 1000; break;
      default: options.windows.resize(1 + dice.below(2)); break;
    }
  }

  static void set_unsupported(Dice& dice, QueueOptions& options) {
    switch (dice.below(4)) {
      case 0: options.partitions = 2; break;
      case 1: options.overflow = dice.pick({Overflow::drop_oldest, Overflow::block}); break;
      case 2: options.deduplication_window = Milliseconds(1000); break;
      default: options.content_based_deduplication = true; break;
    }
  }

  QueueId some_handle(Dice& dice, std::string_view name) const {
    if (dice.chance(50)) return {};
    const auto known = model_.queues.find(name);
    if (known != model_.queues.end() && dice.chance(90)) return known->second.config.id;
    return QueueId(first_queue_id.value + dice.below(20));
  }

  void add(Dice& dice) {
    const std::string_view name = texts_.emplace_back(some_name(dice));
    const auto roll = dice.below(100);
    const auto known = model_.queues.find(name);
    if (roll < 35) {
      engine::CreateQueue create{name, some_options(dice)};
      if (name.empty() || name.front() != 'q')
        create.options = {};  // one fault at a time: their order is the gate's
      if (known != model_.queues.end() && dice.chance(40)) create.options = known->second.config.options;
      return push(create);
    }
    if (roll < 55) {
      engine::UpdateQueue update{name, some_handle(dice, name), some_options(dice)};
      if (known != model_.queues.end() && dice.chance(80)) {
        update.options.durability = known->second.config.options.durability;
        update.options.type = known->second.config.options.type;
      }
      if (known != model_.queues.end() && dice.chance(10)) update.options = known->second.config.options;
      return push(update);
    }
    if (roll < 65) return push(engine::PauseQueue{name, some_handle(dice, name), dice.chance(50)});
    if (roll < 80) return push(engine::DeleteQueue{name, some_handle(dice, name), dice.chance(40)});
    if (known != model_.queues.end() && dice.chance(70)) {
      const auto& config = known->second.config;
      return push(engine::Configured{config.id, config.version - dice.below(2)});
    }
    if (!model_.removed.empty()) {
      return push(engine::Configured{model_.removed.begin()->first, model_.removed.begin()->second});
    }
    push(engine::Configured{QueueId(dice.below(100)), dice.below(3)});
  }

  void push(engine::CommandBody body) { commands_.push_back({{}, std::move(body)}); }

  void apply() {
    if (trace_) words_ << model::show(header_, commands_) << "\n";
    engine::EntryView view;
    view.header = header_;
    view.commands = commands_;
    const auto expected = model_.apply(view);
    const auto actual = system_.apply(header_, commands_);
    ++result_.entries;
    result_.steps += commands_.size();
    for (std::size_t i = 0; i < commands_.size(); ++i) {
      compare(i, expected.replies[i], actual.replies[i]);
    }
    commands_.clear();
    texts_.clear();
    header_.stamps.wall.ms += 1;
    compare_states();
  }

  void compare(std::size_t i, const engine::Reply& expected, const engine::Reply& actual) {
    const std::string where = fmt::format("command {}: ", i);
    if (expected.code != actual.code) {
      return fail(where + fmt::format("code: model {}, system {} '{}'", name_of(expected.code),
                                      name_of(actual.code), actual.detail));
    }
    if (expected.code == errc::queue_exists && actual.detail.find(expected.detail) == actual.detail.npos) {
      return fail(where + fmt::format("the detail '{}' does not name {}", actual.detail, expected.detail));
    }
    if (expected.code != errc::ok || !expected.config) return;
    if (!actual.config) return fail(where + "no config");
    const bool deleted = !model_.queues.contains(expected.config->name) ||
                         model_.queues.at(expected.config->name).config.id != expected.config->id;
    if (expected.config != actual.config && !deleted) {
      fail(where + "config:\n    model  " + show(*expected.config) + "\n    system " + show(*actual.config));
    }
    for (const auto& configure : actual.to_configure)
      told_.insert({configure.config.id, configure.config.version});
  }

  void compare_states() {
    std::set<std::pair<QueueId, std::uint64_t>> unconfirmed;
    for (const auto& [name, known] : model_.queues) {
      const auto found = system_.find(name);
      if (!found || *found != known.config) {
        fail("state:\n    model  " + show(known.config) + "\n    system " +
             (found ? show(*found) : "nothing"));
      }
      if (known.confirmed < known.config.version) unconfirmed.insert({known.config.id, known.config.version});
    }
    for (const auto& [id, version] : model_.removed) unconfirmed.insert({id, version});
    std::set<std::pair<QueueId, std::uint64_t>> told;
    for (const auto& configure : system_.unconfirmed()) {
      told.insert({configure.config.id, configure.config.version});
      if (configure.removed != model_.removed.contains(configure.config.id))
        fail("a queue is told the wrong way");
    }
    if (told != unconfirmed)
      fail(fmt::format("unconfirmed: model {}, system {}", unconfirmed.size(), told.size()));
    for (const auto& one : unconfirmed) {
      if (!told_.contains(one))
        fail(fmt::format("nobody was told of id {} version {}", one.first.value & 0xffffffff, one.second));
    }
    compare_list();
  }

  void compare_list() {
    std::vector<std::string> names;
    std::string after;
    for (bool more = true; more;) {
      const auto page = system_.list("q", after, 3);
      for (const auto& config : page) names.push_back(config.name);
      more = page.size() == 3;
      if (more) after = names.back();
    }
    std::vector<std::string> mine;
    for (const auto& [name, known] : model_.queues) {
      if (name.front() == 'q') mine.push_back(name);
    }
    if (names != mine) fail("the list of queues differs");
  }

  void fail(const std::string& what) {
    if (result_.violation.empty()) result_.violation = what;
  }

  CatalogSystem& system_;
  bool trace_;
  CatalogModel model_;
  engine::EntryHeader header_;
  std::vector<engine::Command> commands_;
  std::deque<std::string> texts_;
  LogResult result_;
  std::ostringstream words_;
  std::set<std::pair<QueueId, std::uint64_t>> told_;
};

}  // namespace

LogResult run_catalog_log(CatalogSystem& system, QueueId first_queue, const Genes& genes, bool trace) {
  return CatalogRun(system, first_queue, trace).run(genes);
}

LogResult run_catalog_logs(const CatalogFactory& make, std::uint64_t seed, std::uint64_t steps) {
  LogResult all;
  Dice dice(seed);
  while (all.steps < steps && all.violation.empty()) {
    const Genes genes = make_genes(dice.next(), genes_per_catalog_log);
    const auto run = [&](const Genes& tried, bool trace) {
      return run_catalog_log(*make(first_queue_id), first_queue_id, tried, trace);
    };
    const LogResult one = run(genes, false);
    all.add(one);
    if (one.violation.empty()) continue;
    const LogResult least =
        run(shrink(genes, [&](const Genes& tried) { return !run(tried, false).violation.empty(); }), true);
    all.violation = least.trace + "  VIOLATION " + least.violation;
  }
  return all;
}

}  // namespace peerq::model
