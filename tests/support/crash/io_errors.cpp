#include "support/crash/io_errors.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <new>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/crash/recovered.hpp"
#include "support/storage/whole_file.hpp"

namespace peerq::crash {

namespace {

constexpr std::array<const char*, 4> ways = {"EIO", "ENOSPC", "EINTR", "short"};
constexpr auto scenario_time_max = std::chrono::seconds(40);

/// What a call may be answered after something failed.
const std::set<std::string>& clean_errors() {
  static const std::set<std::string> errors = {"node_failed",     "storage_full",    "data_dir_unsupported",
                                               "outcome_unknown", "queue_not_found", "closed",
                                               "timeout"};
  return errors;
}

struct Shared {
  std::atomic<std::uint64_t> sites{0};
  std::atomic<std::uint64_t> acknowledged{0};
  std::atomic<std::uint64_t> violations{0};

  static Shared& make() {
    void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("errors: no shared memory");
    return *new (memory) Shared;
  }
};

/// What the scenario noted.
struct Notes {
  std::set<std::uint64_t> begun;
  std::set<std::uint64_t> sent;
  std::set<std::uint64_t> erasing;
  std::set<std::uint64_t> erased;
  std::vector<std::string> unclean;
  bool done = false;

  static Notes read(const std::string& path) {
    Notes notes;
    bool failed = false;
    std::istringstream lines(test::read_file(path));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string what;
      std::string argument;
      words >> what >> argument;
      const auto number = [&] { return std::stoull(argument); };
      if (what == "send") notes.begun.insert(number());
      if (what == "sent") notes.sent.insert(number());
      if (what == "erase") notes.erasing.insert(number());
      if (what == "erased") notes.erased.insert(number());
      if (what == "session") failed = false;
      failed = failed || argument == "node_failed";
      if (failed && (what == "sent" || what == "erased")) {
        notes.unclean.push_back("acknowledged after the node failed: " + line);
      }
      if (what == "altered") notes.unclean.push_back("a body was altered");
      if (what == "error" && !clean_errors().contains(argument)) notes.unclean.push_back("unclean: " + line);
      if (what == "done") notes.done = true;
    }
    return notes;
  }
};

/// Opens the directory without faults and compares it with the notes. The exit status: 0 fine, 1 not.
int verify(const std::string& store, const Notes& notes,
           const std::function<void(const std::string&)>& wrong) {
  const auto check = [&](const Result<Recovered>& recovered) {
    if (!recovered) return wrong("does not open afterwards: " + recovered.error().text()), 1;
    int status = 0;
    std::set<std::uint64_t> there;
    for (const auto& queue : recovered->queues) {
      if (queue.name != "orders" && queue.name != "dead") continue;
      for (const auto& message : queue.messages) {
        const bool known = message.body && notes.begun.contains(message.body->number);
        if (!known) status = 1, wrong("a message from nowhere, or altered, in " + queue.name);
        if (known && !there.insert(message.body->number).second) {
          status = 1, wrong(fmt::format("message {} is there twice", message.body->number));
        }
      }
    }
    for (const auto number : notes.sent) {
      if (there.contains(number) || notes.erasing.contains(number)) continue;
      status = 1, wrong(fmt::format("message {} was acknowledged and is lost", number));
    }
    for (const auto number : notes.erased) {
      if (there.contains(number))
        status = 1, wrong(fmt::format("message {} was deleted and is back", number));
    }
    return status;
  };
  if (const int status = check(recover_store(store)); status != 0) return status;
  auto node = Node::open({.data_dir = store});
  if (!node) return wrong("no node opens afterwards: " + node.error().text()), 1;
  if (const int status = check(list_node(*node)); status != 0) return status;
  if (auto closed = node->close(); !closed)
    return wrong("does not close afterwards: " + closed.error().text()), 1;
  return 0;
}

class IoErrorRun {
 public:
  explicit IoErrorRun(const IoErrorOptions& options)
      : options_(&options), shared_(&Shared::make()), scratch_("errors") {}

  IoErrorResult run() {
    std::uint64_t runs = 0;
    for (std::uint64_t i = 0; i < options_->runs; ++i) {
      seed_ = options_->seed + i;
      std::vector<pid_t> workers;
      for (std::uint64_t worker = 0; worker < options_->workers; ++worker) {
        workers.push_back(start_fork([this, worker] { return work(worker); }));
      }
      for (const pid_t worker : workers) {
        while (true) {
          const auto ended = wait_for(worker, std::chrono::milliseconds(100));
          if (options_->progress) options_->progress(shared_->sites);
          if (!ended) continue;
          if (!ended->clean()) throw std::runtime_error("errors: a worker ended: " + ended->text());
          break;
        }
      }
      ++runs;
    }
    if (shared_->violations > 0 && scratch_.keep()) {
      options_->report("errors: what failed is kept in " + scratch_.path());
    }
    return {.sites = shared_->sites,
            .runs = runs,
            .acknowledged = shared_->acknowledged,
            .violations = shared_->violations};
  }

 private:
  /// Of the calls, those with number = worker modulo workers, until one is beyond the scenario's last.
  int work(std::uint64_t worker) {
    for (std::uint64_t call = 1 + worker * options_->stride;; call += options_->stride * options_->workers) {
      if (options_->only_call != 0 && call != options_->only_call) {
        if (call > options_->only_call) return 0;
        continue;
      }
      bool any = false;
      for (const std::string way : ways) {
        if (!options_->only_way.empty() && way != options_->only_way) continue;
        const std::string struck = try_one(worker, call, way);
        any = any || struck != "-";
        if (struck != "-" && struck != "none") ++shared_->sites;
      }
      if (!any) return 0;
    }
  }

  /// The name of the call that failed; "-" if the scenario ended before.
  std::string try_one(std::uint64_t worker, std::uint64_t call, const std::string& way) {
    const std::string directory = fmt::format("{}/{}-{}-{}", scratch_.path(), worker, call, way);
    std::filesystem::create_directories(directory + "/disk");
    const std::string store = directory + "/disk/store";
    const Task task{"scenario",
                    {{"store", store}, {"notes", directory + "/notes"}, {"seed", std::to_string(seed_)}}};
    const Launch launch{.preload = "fail",
                        .environment = {{"PEERQ_FAIL_DIRECTORY", directory + "/disk"},
                                        {"PEERQ_FAIL_AT", std::to_string(call)},
                                        {"PEERQ_FAIL_WITH", way},
                                        {"PEERQ_FAIL_REPORT", directory + "/report"}},
                        .output = directory + "/output"};
    const pid_t child = start(task, launch);
    const auto ended = wait_for(child, scenario_time_max);
    if (!ended) kill_hard(child), wait_for(child);
    std::uint64_t calls = 0;
    std::string struck = "?";
    std::istringstream(test::read_file(directory + "/report")) >> calls >> struck;
    bool fine = true;
    const auto wrong = [&](const std::string& what) {
      fine = false;
      ++shared_->violations;
      options_->report(fmt::format("errors: seed {} call {} ({}) {}: {}", seed_, call, struck, way, what));
    };
    if (!ended) {
      wrong("hangs");
    } else if (!ended->clean()) {
      wrong(fmt::format("ended with {}: {}", ended->text(), test::read_file(launch.output)));
    }
    const Notes notes = Notes::read(directory + "/notes");
    for (const auto& unclean : notes.unclean) wrong(unclean);
    if (ended && !notes.done) wrong("did not come to its end");
    shared_->acknowledged += notes.sent.size();
    if (struck == "-" && notes.sent.empty()) wrong("no call failed, and no send was acknowledged");
    const pid_t opener = start_fork([&] { return verify(store, notes, wrong); });
    const auto verified = wait_for(opener, scenario_time_max);
    if (!verified) kill_hard(opener), wait_for(opener);
    if (!verified || verified->signal != 0)
      wrong(verified ? "the opener ended with " + verified->text() : "the opener hangs");
    if (verified && !verified->clean()) fine = false;
    if (fine) std::filesystem::remove_all(directory);
    return struck;
  }

  const IoErrorOptions* options_;
  Shared* shared_;
  ScratchDirectory scratch_;
  std::uint64_t seed_ = 1;
};

}  // namespace

IoErrorResult run_io_errors(const IoErrorOptions& options) { return IoErrorRun(options).run(); }

}  // namespace peerq::crash
