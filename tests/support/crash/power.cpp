#include "support/crash/power.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/crash/crash_disk.hpp"
#include "support/crash/image_directory.hpp"
#include "support/crash/power_oracle.hpp"
#include "support/crash/process.hpp"
#include "support/crash/recorded_workload.hpp"
#include "support/storage/whole_file.hpp"

namespace peerq::crash {

namespace {

using Clock = std::chrono::steady_clock;

/// Every so many images one goes through a node.
constexpr std::uint64_t node_every = 20;
/// An image that takes longer hangs.
constexpr auto image_time_max = std::chrono::seconds(60);
constexpr std::uint64_t reports_max = 10;
constexpr std::size_t workers_max = 16;

/// What a worker tells its parent, in shared memory.
struct WorkerState {
  std::atomic<std::uint64_t> done{0};
  /// The image being worked on, as a number in the whole run, from 1.
  std::atomic<std::uint64_t> image{0};
  std::atomic<std::uint64_t> violations{0};
  std::atomic<std::uint64_t> make_us{0};
  std::atomic<std::uint64_t> open_us{0};
  std::atomic<bool> failed{false};
};

struct SharedStates {
  std::array<WorkerState, workers_max> workers;

  static SharedStates& make() {
    void* memory =
        mmap(nullptr, sizeof(SharedStates), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("power: no shared memory");
    return *new (memory) SharedStates;
  }
};

/// Which images belong to a workload: [first, first + count), numbered from 1 over all workloads.
struct Part {
  std::uint64_t workload = 0;
  std::uint64_t first = 1;
  std::uint64_t count = 0;
  std::string directory;
};

std::uint64_t micros_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

/// One recorded workload, and its images one after the other.
class Campaign {
 public:
  Campaign(const PowerOptions& options, const Part& part, WorkerState& state, const std::string& scratch)
      : options_(&options),
        part_(&part),
        state_(&state),
        trace_(Trace::read(part.directory + "/" + recorded_trace)),
        disk_(trace_),
        oracle_(trace_, Journal::read(part.directory + "/" + recorded_journal)),
        directory_(scratch) {
    check_trace();
    choose_positions();
  }

  /// From the first image after `done` (a number in the whole run).
  void run(std::uint64_t done) {
    for (std::uint64_t i = 0; i < part_->count; ++i) {
      const std::uint64_t image = part_->first + i;
      if (image <= done || (options_->only_image != 0 && image != options_->only_image)) continue;
      state_->image = image;
      try_image(image, positions_[i]);
      ++state_->done;
    }
  }

 private:
  /// The trace told everything: the last image without a crash is what the files are.
  void check_trace() const {
    CrashDisk disk(trace_);
    disk.advance(trace_.records().size());
    const Image image = disk.intact();
    std::string bytes;
    for (const auto& [path, file] : image.files) {
      if (path.ends_with("lock.mdb")) continue;  // written through its map
      Image::contents(file, bytes);
      if (bytes != test::read_file(part_->directory + "/disk/" + path)) {
        throw std::runtime_error("power: the trace does not tell all of " + path);
      }
    }
    if (image.files.empty()) throw std::runtime_error("power: the trace has no files");
  }

  void choose_positions() {
    Random random(options_->seed, part_->workload);
    const std::uint64_t begin = oracle_.first_opened() + 40;
    for (std::uint64_t i = 0; i < part_->count; ++i) {
      const bool early = random.chance(1, 10);
      positions_.push_back(random.below(early ? begin : trace_.records().size() + 1));
    }
    std::sort(positions_.begin(), positions_.end());
  }

  Image make(std::uint64_t image, std::uint64_t position) {
    disk_.advance(position);
    Random random(options_->seed, 1'000 + image);
    Image made = disk_.crash(random);
    for (auto& [path, file] : made.files) {
      if (!path.ends_with("lock.mdb") || !random.chance(1, 3)) continue;
      // Written through its map: any bytes may have reached the disk.
      garbage_.resize(random.below(12'000));
      for (char& byte : garbage_) byte = static_cast<char>(random.next());
      file = {.base = &garbage_, .patches = {}, .size = garbage_.size()};
    }
    return made;
  }

  void try_image(std::uint64_t image, std::uint64_t position) {
    auto start = Clock::now();
    const Image made = make(image, position);
    directory_.put(made);
    state_->make_us += micros_since(start);
    start = Clock::now();
    const std::string store = directory_.root() + "/store";
    auto recovered = recover_store(store);
    if (!recovered) {
      report(image, position, "refused: " + recovered.error().text());
    } else {
      for (const auto& wrong : oracle_.check(*recovered, position)) report(image, position, wrong);
    }
    if (image % node_every == 0 || options_->only_image != 0) {
      directory_.put(made);
      try_node(image, position, store);
    }
    state_->open_us += micros_since(start);
  }

  void try_node(std::uint64_t image, std::uint64_t position, const std::string& store) {
    auto node = Node::open({.data_dir = store, .memory_budget = limits::memory_budget_min});
    if (!node) return report(image, position, "node refused: " + node.error().text());
    auto listed = list_node(*node);
    if (!listed) return report(image, position, "node does not list: " + listed.error().text());
    for (const auto& wrong : oracle_.check(*listed, position)) report(image, position, "node: " + wrong);
    drained_.clear();
    std::map<MessageId, const RecoveredMessage*> left;
    for (const auto& queue : listed->queues) {
      for (const auto& message : queue.messages) left[message.id] = &message;
    }
    for (const auto& queue : listed->queues) drain_queue(image, position, *node, queue.name, left);
    if (auto closed = node->close(); !closed)
      report(image, position, "node does not close: " + closed.error().text());
  }

  /// What is ready is delivered as it was listed, once; perhaps by the dead-letter queue, where it went
  /// meanwhile.
  void drain_queue(std::uint64_t image, std::uint64_t position, Node& node, const std::string& queue,
                   std::map<MessageId, const RecoveredMessage*>& left) {
    auto drained = drain(node, queue);
    if (!drained) return report(image, position, "drain: " + drained.error().text());
    for (const auto& message : *drained) {
      const auto found = left.find(message.id);
      const std::string name = text_of(message.id) + " in " + queue;
      if (found == left.end()) {
        // One past its time is not listed, and goes to the dead-letter queue soon.
        if (oracle_.may_expire(message.id) && !drained_.contains(message.id)) continue;
        report(image, position, name + " is delivered twice, or was not listed");
        continue;
      }
      if (message.body != found->second->body)
        report(image, position, name + " is delivered with another body");
      if (message.attempt <= found->second->attempt) report(image, position, name + " gets an attempt again");
      left.erase(found);
      drained_.insert(message.id);
    }
  }

  void report(std::uint64_t image, std::uint64_t position, const std::string& what) {
    if (++state_->violations <= reports_max) {
      options_->report(fmt::format("power: seed {} workload {} image {} position {} of {}: {}",
                                   options_->seed, part_->workload, image, position, trace_.records().size(),
                                   what));
    }
  }

  const PowerOptions* options_;
  const Part* part_;
  WorkerState* state_;
  Trace trace_;
  CrashDisk disk_;
  PowerOracle oracle_;
  ImageDirectory directory_;
  std::vector<std::uint64_t> positions_;
  std::string garbage_;
  std::set<MessageId> drained_;
};

/// The run: parts, workers, and what becomes of them.
class PowerRun {
 public:
  explicit PowerRun(const PowerOptions& options)
      : options_(&options), scratch_("power"), states_(&SharedStates::make()) {
    const std::uint64_t workloads = options.recording.empty() ? options.workloads : 1;
    std::uint64_t first = 1;
    for (std::uint64_t i = 0; i < workloads; ++i) {
      const std::uint64_t count = options.images * (i + 1) / workloads - options.images * i / workloads;
      const std::string directory = fmt::format("{}/workload-{}", scratch_.path(), i);
      parts_.push_back({i, first, count, options.recording.empty() ? directory : options.recording});
      first += count;
    }
    workers_ = std::min<std::uint64_t>({options.workers, workloads, workers_max});
  }

  PowerResult run() {
    std::vector<Child> children;
    for (std::uint64_t i = 0; i < workers_; ++i) children.push_back(start_worker(i));
    try {
      look_after_all(children);
    } catch (...) {  // the others would go on in a directory that is being removed
      for (const Child& child : children) kill_hard(child.process);
      throw;
    }
    const PowerResult out = result();
    if (out.violations > 0 && scratch_.keep()) {
      options_->report("power: the recordings are kept in " + scratch_.path() +
                       "; --recording <one> --image <number>");
    }
    return out;
  }

 private:
  struct Child {
    pid_t process = 0;
    std::uint64_t worker = 0;
    std::uint64_t image = 0;
    Clock::time_point since = Clock::now();
  };

  void look_after_all(std::vector<Child>& children) {
    while (!children.empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      for (std::size_t i = 0; i < children.size();) {
        if (look_after(children[i])) {
          ++i;
        } else {
          children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
      if (options_->progress) options_->progress(result().images);
    }
  }

  Child start_worker(std::uint64_t worker) {
    WorkerState& state = states_->workers[worker];
    const pid_t process = start_fork([this, worker, &state] { return work(worker, state); });
    return {.process = process, .worker = worker};
  }

  int work(std::uint64_t worker, WorkerState& state) {
    const std::uint64_t done = state.image;
    for (const Part& part : parts_) {
      if (part.workload % workers_ != worker || part.first + part.count <= done + 1) continue;
      const bool recorded = std::filesystem::exists(part.directory + "/" + recorded_journal);
      if (!recorded)
        record(part.directory, {.seed = options_->seed * 1'000 + part.workload, .calls = options_->calls});
      const std::string images = fmt::format("{}/images-{}", scratch_.path(), worker);
      std::filesystem::create_directories(images);
      Campaign(*options_, part, state, images).run(done);
    }
    return 0;
  }

  /// False when the worker is through.
  bool look_after(Child& child) {
    WorkerState& state = states_->workers[child.worker];
    if (state.image != child.image) {
      child.image = state.image;
      child.since = Clock::now();
    }
    const bool hangs = child.image != 0 && Clock::now() - child.since > image_time_max;
    if (hangs) kill_hard(child.process);
    const auto ended = hangs ? std::optional(wait_for(child.process)) : wait_for(child.process, {});
    if (!ended) return true;
    if (ended->clean()) return false;
    if (state.image == 0 || ended->signal == 0)
      throw std::runtime_error("power: a worker ended: " + ended->text());
    options_->report(fmt::format("power: seed {} image {}: {}", options_->seed, state.image.load(),
                                 hangs ? "the opener hangs" : "the opener crashes: " + ended->text()));
    ++state.violations;
    ++state.done;
    child = start_worker(child.worker);
    return true;
  }

  PowerResult result() const {
    PowerResult out;
    for (const auto& state : states_->workers) {
      out.images += state.done;
      out.violations += state.violations;
      out.make_seconds += static_cast<double>(state.make_us) / 1e6;
      out.open_seconds += static_cast<double>(state.open_us) / 1e6;
    }
    return out;
  }

  const PowerOptions* options_;
  ScratchDirectory scratch_;
  SharedStates* states_;
  std::vector<Part> parts_;
  std::uint64_t workers_ = 1;
};

}  // namespace

PowerResult run_power(const PowerOptions& options) { return PowerRun(options).run(); }

}  // namespace peerq::crash
