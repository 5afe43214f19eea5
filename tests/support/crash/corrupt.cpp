#include "support/crash/corrupt.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/crash/crash_disk.hpp"
#include "support/crash/damage.hpp"
#include "support/crash/image_directory.hpp"
#include "support/crash/journal.hpp"
#include "support/crash/process.hpp"
#include "support/crash/recorded_workload.hpp"
#include "support/crash/recovered.hpp"

namespace peerq::crash {

namespace {

constexpr auto open_time_max = std::chrono::seconds(30);
constexpr std::size_t text_size_max = 400;
constexpr std::size_t kinds_max = 64;
constexpr std::uint64_t reports_max = 40;

/// What one opener says to its parent, in shared memory.
struct Verdict {
  enum class Kind : std::uint8_t { none, harmless, detected, wrong };
  Kind kind = Kind::none;
  std::array<char, text_size_max> text{};

  void say(Kind what, const std::string& words) {
    kind = what;
    std::strncpy(text.data(), words.c_str(), text.size() - 1);
  }
};

/// How often something went wrong in one way.
struct KindCount {
  std::array<char, 80> name{};
  std::uint64_t count = 0;
};

struct SharedCounts {
  std::atomic<std::uint64_t> runs{0};
  std::atomic<std::uint64_t> detected{0};
  std::atomic<std::uint64_t> violations{0};
  std::atomic<bool> lock{false};
  std::array<KindCount, kinds_max> kinds;

  void add(const std::string& kind) {
    while (lock.exchange(true)) std::this_thread::yield();
    for (auto& one : kinds) {
      if (one.count != 0 && kind != one.name.data()) continue;
      std::strncpy(one.name.data(), kind.c_str(), one.name.size() - 1);
      ++one.count;
      break;
    }
    lock = false;
  }
};

template <class T>
T& shared() {
  void* memory = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("corrupt: no shared memory");
  return *new (memory) T;
}

/// The errors with which damage is refused.
bool says_damage(const Error& error) {
  // An entry that is in the log and met damage when it was applied.
  if (error == errc::outcome_unknown) return error.detail.starts_with("corrupt");
  return error == errc::corrupt || error == errc::data_dir_unsupported || error == errc::version_mismatch ||
         error == errc::node_failed;
}

std::map<history::BodyTag, std::string> messages_of(const Recovered& recovered) {
  std::map<history::BodyTag, std::string> out;
  for (const auto& queue : recovered.queues) {
    for (const auto& message : queue.messages) {
      if (message.body) out[*message.body] = queue.name;
    }
  }
  return out;
}

/// Runs in a process of its own, which the damage may bring down.
class Opener {
 public:
  Opener(const std::string& store, const Recovered& truth, Verdict& verdict)
      : store_(store), truth_(&truth), verdict_(&verdict) {}

  void run() {
    auto recovered = recover_store(store_);
    if (!recovered) return refused("open", recovered.error());
    if (!is_truth(*recovered)) return;
    // It looks whole. Damage may still lie where only writing comes by: work with it, and look again.
    auto node = Node::open({.data_dir = store_, .memory_budget = limits::memory_budget_min});
    if (!node) return refused("node", node.error());
    if (!work(*node)) return;
    if (auto closed = node->close(); !closed) return refused("close", closed.error());
    auto after = recover_store(store_);
    if (!after) return refused("open again", after.error());
    if (holds_expected(*after)) verdict_->say(Verdict::Kind::harmless, "");
  }

 private:
  void refused(const std::string& where, const Error& error) {
    const bool clear = says_damage(error) && !error.detail.empty();
    verdict_->say(clear ? Verdict::Kind::detected : Verdict::Kind::wrong,
                  (clear ? "" : "unclear error: ") + where + ": " + error.text());
  }
  void wrong(const std::string& what) { verdict_->say(Verdict::Kind::wrong, what); }

  bool is_truth(const Recovered& recovered) {
    if (recovered.names != truth_->names) return wrong("silent: other queues"), false;
    for (const auto& [shard, truth] : truth_->shards) {
      const auto& found = recovered.shards.at(shard);
      if (found.applied != truth.applied) {
        return wrong(
                   fmt::format("silent: shard {} is at {}, was at {}", shard, found.applied, truth.applied)),
               false;
      }
      if (found.digest != truth.digest)
        return wrong(fmt::format("silent: shard {} holds something else", shard)), false;
    }
    return true;
  }

  bool work(Node& node) {
    expected_ = messages_of(*truth_);
    auto queue = node.open_queue("plain");
    for (std::uint64_t i = 1; queue && i <= 40; ++i) {
      const history::BodyTag tag{900'000, i};
      auto sent = queue->send(history::make_body(tag, i % 10 == 0 ? 20'000 : 200));
      if (!sent) return refused("send", sent.error()), false;
      expected_[tag] = "plain";
    }
    for (const auto& name : truth_->names) {
      auto drained = drain(node, name);
      if (!drained) return refused("drain", drained.error()), false;
      for (const auto& message : *drained) {
        const bool known = message.body && expected_.contains(*message.body);
        if (!known) return wrong("served an altered or unknown message"), false;
        expected_.erase(*message.body);
      }
    }
    return true;
  }

  /// Everything not drained is there, and nothing else; but for what expired meanwhile.
  bool holds_expected(const Recovered& after) {
    for (const auto& [tag, queue] : messages_of(after)) {
      if (!expected_.contains(tag)) return wrong("a message is back after work"), false;
      expected_.erase(tag);
    }
    for (const auto& [tag, queue] : expected_) {
      if (queue == "orders" || queue.ends_with(".dead")) continue;  // may have expired, or moved
      // A queue whose deletion the damage found half done is gone now.
      const bool known = std::find(truth_->names.begin(), truth_->names.end(), queue) != truth_->names.end();
      if (queue == "memory" || !known) continue;
      return wrong(fmt::format("silent: message {}:{} of {} is lost after work", tag.producer, tag.number,
                               queue)),
             false;
    }
    return true;
  }

  std::string store_;
  const Recovered* truth_;
  Verdict* verdict_;
  std::map<history::BodyTag, std::string> expected_;
};

/// The runs of one worker on one recorded workload.
class DamageCampaign {
 public:
  DamageCampaign(const CorruptOptions& options, const std::string& recording, const std::string& scratch,
                 SharedCounts& counts)
      : options_(&options),
        counts_(&counts),
        verdict_(&shared<Verdict>()),
        trace_(Trace::read(recording + "/" + recorded_trace)),
        damage_(trace_),
        directory_(scratch) {
    std::uint64_t first = ~std::uint64_t{0};
    for (const auto& entry : Journal::read(recording + "/" + recorded_journal)) {
      if (entry.did != Did::opened) continue;
      if (entry.start != 0) closed_.push_back(entry.start);
      first = std::min(first, entry.end);
    }
    first_opened_ = first;
  }

  void run(std::uint64_t number) {
    Random random(options_->seed, number);
    const std::uint64_t span = trace_.records().size() - first_opened_;
    const bool closed = random.chance(1, 2) && !closed_.empty();
    const std::uint64_t position =
        closed ? closed_[random.below(closed_.size())] : first_opened_ + random.below(span + 1);
    const Recovered* truth = truth_at(position);
    if (truth == nullptr) return;
    DamagedFiles files = files_;
    const std::string what = damage_.inflict(files, position, random);
    put(files);
    *verdict_ = Verdict();
    const pid_t child = start_fork([&] {
      Opener(directory_.root() + "/store", *truth, *verdict_).run();
      return 0;
    });
    const auto ended = wait_for(child, open_time_max);
    if (!ended) kill_hard(child), wait_for(child);
    judge(number, position, what, ended);
    ++counts_->runs;
  }

 private:
  /// Sets `files_` to what a killed process left at `position`, and recovers it undamaged.
  const Recovered* truth_at(std::uint64_t position) {
    if (truth_ && position == truth_position_) return &*truth_;
    CrashDisk disk(trace_);
    disk.advance(position);
    const Image image = disk.intact();
    files_.clear();
    directories_ = image.directories;
    for (const auto& [path, file] : image.files) Image::contents(file, files_[path]);
    put(files_);
    auto recovered = recover_store(directory_.root() + "/store");
    if (!recovered)
      throw std::runtime_error("corrupt: the undamaged directory does not open: " + recovered.error().text());
    truth_ = std::move(*recovered);
    truth_position_ = position;
    return &*truth_;
  }

  void put(const DamagedFiles& files) {
    Image image;
    image.directories = directories_;
    for (const auto& [path, bytes] : files) image.files[path] = {&bytes, {}, bytes.size()};
    directory_.put(image);
  }

  void judge(std::uint64_t number, std::uint64_t position, const std::string& what,
             const std::optional<Ended>& ended) {
    std::string wrong;
    if (!ended) {
      wrong = "hangs";
    } else if (ended->signal != 0) {
      wrong = "crashes: " + ended->text();
    } else if (verdict_->kind == Verdict::Kind::wrong) {
      wrong = verdict_->text.data();
    } else if (verdict_->kind == Verdict::Kind::detected) {
      ++counts_->detected;
      if (options_->only_run != 0)
        options_->report(fmt::format("corrupt: detected: {}", verdict_->text.data()));
    } else if (verdict_->kind == Verdict::Kind::none) {
      wrong = "the opener said nothing";
    }
    if (wrong.empty()) return;
    counts_->add(fmt::format("{:.12}{}: {:.30}", what.substr(0, what.find(':')),
                             what.find("log/") != what.npos ? " log" : " state", wrong));
    if (++counts_->violations > reports_max) return;
    options_->report(fmt::format("corrupt: seed {} run {} position {}: {}: {}", options_->seed, number,
                                 position, what, wrong));
  }

  const CorruptOptions* options_;
  SharedCounts* counts_;
  Verdict* verdict_;
  Trace trace_;
  Damage damage_;
  ImageDirectory directory_;
  std::vector<std::uint64_t> closed_;
  std::uint64_t first_opened_ = 0;
  std::optional<Recovered> truth_;
  std::uint64_t truth_position_ = 0;
  DamagedFiles files_;
  std::set<std::string, std::less<>> directories_;
};

class CorruptRun {
 public:
  explicit CorruptRun(const CorruptOptions& options)
      : options_(&options), scratch_("corrupt"), counts_(&shared<SharedCounts>()) {}

  CorruptResult run() {
    std::vector<pid_t> workers;
    for (std::uint64_t i = 0; i < options_->workers; ++i)
      workers.push_back(start_fork([this, i] { return work(i); }));
    for (const pid_t worker : workers) {
      for (;;) {
        const auto ended = wait_for(worker, std::chrono::milliseconds(100));
        if (options_->progress) options_->progress(counts_->runs);
        if (!ended) continue;
        if (!ended->clean()) throw std::runtime_error("corrupt: a worker ended: " + ended->text());
        break;
      }
    }
    if (counts_->violations > 0 && scratch_.keep()) {
      options_->report("corrupt: the recordings are kept in " + scratch_.path() +
                       "; --recording <one> --run <number>");
    }
    CorruptResult result{
        .runs = counts_->runs, .detected = counts_->detected, .violations = counts_->violations, .kinds = {}};
    for (const auto& kind : counts_->kinds) {
      if (kind.count != 0) result.kinds[kind.name.data()] = kind.count;
    }
    return result;
  }

 private:
  /// Runs number worker + 1, worker + 1 + workers, ...; each worker has recordings of its own.
  int work(std::uint64_t worker) {
    const std::uint64_t share = std::max<std::uint64_t>(1, options_->workloads / options_->workers);
    const std::string images = fmt::format("{}/images-{}", scratch_.path(), worker);
    std::filesystem::create_directories(images);
    std::uint64_t number = worker + 1;
    for (std::uint64_t i = 0; i < share; ++i) {
      std::string recording = options_->recording;
      if (recording.empty()) {
        recording = fmt::format("{}/workload-{}-{}", scratch_.path(), worker, i);
        record(recording, {.seed = options_->seed * 1'000 + worker * 100 + i, .calls = options_->calls});
      }
      DamageCampaign campaign(*options_, recording, images, *counts_);
      const std::uint64_t last = options_->runs * (i + 1) / share;
      for (; number <= last; number += options_->workers) {
        if (options_->only_run == 0 || options_->only_run == number) campaign.run(number);
      }
    }
    return 0;
  }

  const CorruptOptions* options_;
  ScratchDirectory scratch_;
  SharedCounts* counts_;
};

}  // namespace

CorruptResult run_corrupt(const CorruptOptions& options) { return CorruptRun(options).run(); }

}  // namespace peerq::crash
