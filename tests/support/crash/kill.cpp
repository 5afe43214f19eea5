#include "support/crash/kill.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "support/crash/kill_worker.hpp"
#include "support/crash/random.hpp"
#include "support/history/checkers.hpp"
#include "support/history/history.hpp"
#include "support/history/linearizable.hpp"
#include "support/storage/whole_file.hpp"

namespace peerq::crash {

namespace {

using history::History;
using history::Kind;
using history::Operation;
using history::Outcome;

/// A sync send that began this much after an interval's end shows that the writer had its turn.
constexpr auto interval_slack = 50ms;

class KillRun {
 public:
  explicit KillRun(const KillOptions& options)
      : options_(&options), directory_("kill", ScratchDirectory::Where::disk), paths_(directory_.path()) {}

  KillResult run() {
    Random random(options_->seed);
    for (std::uint32_t cycle = 1; cycle <= options_->cycles; ++cycle) {
      if (!live_and_die(cycle, random)) break;
      ++result_.cycles;
      if (options_->progress) options_->progress(result_.cycles);
    }
    heal();
    if (result_.violations > 0 && directory_.keep()) {
      options_->report("kill: directory and histories are kept in " + directory_.path());
    }
    return result_;
  }

 private:
  Task task(const char* name, std::uint32_t process, std::uint64_t seed) const {
    return {name,
            {{"directory", directory_.path()},
             {"process", std::to_string(process)},
             {"seed", std::to_string(seed)}}};
  }

  bool live_and_die(std::uint32_t cycle, Random& random) {
    // A quarter of them hardly live: kills during start and recovery.
    const bool young = random.chance(1, 4);
    const auto most = static_cast<std::uint64_t>(options_->life_max.count());
    const auto life = std::chrono::milliseconds(young ? random.below(60) : random.below(most));
    const auto openings = test::read_file(paths_.openings).size();
    const pid_t child = start(task("kill", cycle, random.next()), {.output = paths_.log});
    auto ended = young ? std::nullopt : wait_until_open(child, openings);
    if (!ended) ended = wait_for(child, life);
    if (ended) {
      violation(fmt::format("process {} ended by itself with {}: {}", cycle, ended->text(), last_words()));
      return false;
    }
    kill_hard(child);
    wait_for(child);
    return true;
  }

  /// However slow the machine is: the others' lives begin when they have opened the directory.
  std::optional<Ended> wait_until_open(pid_t child, std::size_t openings) const {
    for (auto waited = 0ms; waited < 60s; waited += 5ms) {
      if (test::read_file(paths_.openings).size() > openings) break;
      if (auto ended = wait_for(child, 5ms)) return ended;
    }
    return std::nullopt;
  }

  std::string last_words() const {
    const std::string said = test::read_file(paths_.log);
    return said.size() <= 1'000 ? said : said.substr(said.size() - 1'000);
  }

  void heal() {
    const auto process = static_cast<std::uint32_t>(options_->cycles + 1);
    const pid_t child = start(task("heal", process, 1), {.output = paths_.log});
    const auto ended = wait_for(child, std::chrono::minutes(5));
    if (!ended) kill_hard(child), wait_for(child);
    if (!ended || !ended->clean()) {
      return violation(
          fmt::format("the last process ended with {}: {}", ended ? ended->text() : "nothing", last_words()));
    }
    check_durable();
    check_interval();
    check_bodies_of(paths_.memory);
    check_scratch();
    check_queues();
    check_openings();
  }

  void check_durable() {
    const History history = history::read_files({paths_.durable});
    history::Rules rules;
    rules.dead_letter = {{"orders", "orders.dead"}};
    count_records(history);
    for (const auto& [message, operations] : history::by_message(history)) {
      const auto grants = std::count_if(operations.begin(), operations.end(),
                                        [](const Operation* o) { return history::is_grant(*o); });
      result_.duplicates += grants > 1 ? static_cast<std::uint64_t>(grants) - 1 : 0;
    }
    const auto check = [&](const char* name, const history::Findings& findings) {
      take(findings);
      // Each kill leaves some calls without a reply; a short run on a slow machine has little else.
      if (findings.undecided > std::max(findings.checked / 20, 4 * options_->cycles)) {
        violation(
            fmt::format("{}: {} of {} could not be decided", name, findings.undecided, findings.checked));
      }
    };
    check("I1", history::check_no_loss(history, rules));
    check("I2", history::check_bodies(history, rules));
    check("I3", history::check_exclusive_leases(history, rules));
    check("I4", history::check_deleted_stays_deleted(history, rules));
    check("I5", history::check_stale_receipts(history, rules));
    check("I8", history::check_one_place(history, rules));
    check("I9", history::check_counts(history, rules));
    check("I10", check_orders(history, rules));
    if (result_.records < options_->cycles)
      violation(fmt::format("only {} sends were acknowledged", result_.records));
  }

  /// I10, message by message, each with the lost replies of the processes that can have touched it: a reply
  /// that was lost to a kill belongs to a call that took effect before the next process began, or never.
  static history::Findings check_orders(const History& history, const history::Rules& rules) {
    std::map<std::uint32_t, std::int64_t> begins;
    std::map<history::BodyTag, std::int64_t> sends;
    std::vector<const Operation*> nameless;
    for (const auto& o : history.operations) {
      if (o.kind == Kind::send && o.body) sends[*o.body] = o.start_us;
      const auto [known, fresh] = begins.emplace(o.process, o.start_us);
      if (!fresh) known->second = std::min(known->second, o.start_us);
      const bool lost = o.kind == Kind::receive && o.outcome == Outcome::info;
      if (o.message.empty() && (lost || o.kind == Kind::drained)) nameless.push_back(&o);
    }
    const auto end_of = [&](std::uint32_t process) {
      const auto after = begins.upper_bound(process);
      return after == begins.end() ? std::numeric_limits<std::int64_t>::max() : after->second;
    };
    history::Findings findings;
    for (const auto& [message, operations] : history::by_message(history)) {
      History part;
      std::int64_t first = std::numeric_limits<std::int64_t>::max();
      std::int64_t last = 0;
      for (const auto* o : operations) {
        part.operations.push_back(*o);
        first = std::min(first, o->start_us);
        last = std::max(last, o->end_us.value_or(end_of(o->process)));
        if (o->body && sends.contains(*o->body)) first = std::min(first, sends[*o->body]);
      }
      for (const auto* o : nameless) {
        const bool near = o->start_us <= last && end_of(o->process) >= first;
        if (near || o->kind == Kind::drained) part.operations.push_back(*o);
      }
      findings.add(history::check_linearizable(part, rules));
    }
    return findings;
  }

  void count_records(const History& history) {
    for (const auto& o : history.operations) {
      if (o.kind == Kind::send && o.outcome == Outcome::ok) ++result_.records;
    }
  }

  void take(const history::Findings& findings) {
    for (const auto& found : findings.violations) {
      if (found.loss) ++result_.lost;
      violation(history::name_of(found.invariant) + ": " + found.what);
    }
  }

  void check_bodies_of(const std::string& path) {
    const History history = history::read_files({path});
    count_records(history);
    take(history::check_bodies(history, {}));
  }

  void check_scratch() {
    const History history = history::read_files({paths_.scratch});
    count_records(history);
    take(history::check_bodies(history, {}));
    take(history::check_deleted_stays_deleted(history, {}));
  }

  /// Of what one process sent to the interval queue, a beginning is left; what is missing is young.
  void check_interval() {
    const History history = history::read_files({paths_.interval});
    count_records(history);
    take(history::check_bodies(history, {}));
    std::set<history::BodyTag> left;
    for (const auto& o : history.operations) {
      if (o.kind == Kind::receive && o.body) left.insert(*o.body);
    }
    const auto alive_until = last_sync_sends();
    for (auto it = history.operations.rbegin(); it != history.operations.rend(); ++it) {
      const Operation& o = *it;
      if (o.kind != Kind::send || o.outcome != Outcome::ok || !o.body) continue;
      if (left.contains(*o.body)) {
        seen_.insert(o.process);
        continue;
      }
      if (seen_.contains(o.process)) {
        violation(
            fmt::format("interval: message {} is missing, a later one of its process is there", o.message));
        ++result_.lost;
      }
      const auto alive = alive_until.find(o.process);
      const std::int64_t due =
          *o.end_us + std::chrono::microseconds(kill_sync_interval + interval_slack).count();
      if (alive != alive_until.end() && alive->second > due) {
        violation(fmt::format("interval: message {} was {} us old and is lost", o.message,
                              alive->second - *o.end_us));
        ++result_.lost;
      }
    }
  }

  /// By process: when the last acknowledged send to a sync queue began.
  std::map<std::uint32_t, std::int64_t> last_sync_sends() const {
    std::map<std::uint32_t, std::int64_t> out;
    for (const auto& o : history::read_files({paths_.durable}).operations) {
      if (o.kind == Kind::send && o.outcome == Outcome::ok)
        out[o.process] = std::max(out[o.process], o.start_us);
    }
    return out;
  }

  void check_queues() {
    std::set<std::string> made;
    std::set<std::string> ending;
    std::set<std::string> gone;
    std::set<std::string> there;
    std::istringstream lines(test::read_file(paths_.queues));
    for (std::string word, name; lines >> word >> name;) {
      if (word == "made") made.insert(name);
      if (word == "end") ending.insert(name);
      if (word == "gone") gone.insert(name);
      if (word == "there") there.insert(name);
    }
    for (const auto& name : made) {
      if (!ending.contains(name) && !there.contains(name))
        violation("queue " + name + " was created and is not there");
    }
    for (const auto& name : gone) {
      if (there.contains(name)) violation("queue " + name + " was deleted and is there");
    }
  }

  /// How long it took to open what a kill left, where the next kill did not come first.
  void check_openings() {
    std::vector<std::uint64_t> milliseconds;
    std::istringstream lines(test::read_file(paths_.openings));
    for (std::uint64_t one = 0; lines >> one;) milliseconds.push_back(one);
    if (milliseconds.size() * 2 < options_->cycles) {
      return violation(fmt::format("only {} processes opened the directory", milliseconds.size()));
    }
    std::sort(milliseconds.begin(), milliseconds.end());
    result_.recovery_p99_ms = milliseconds[(milliseconds.size() - 1) * 99 / 100];
  }

  void violation(const std::string& what) {
    if (++result_.violations <= 20) options_->report("kill: " + what);
  }

  const KillOptions* options_;
  ScratchDirectory directory_;
  KillPaths paths_;
  KillResult result_;
  std::set<std::uint32_t> seen_;
};

}  // namespace

KillResult run_kill(const KillOptions& options) { return KillRun(options).run(); }

}  // namespace peerq::crash
