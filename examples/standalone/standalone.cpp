// About a hundred lines on an installed peerq and nothing else: a job runner whose jobs survive it.
//
//   standalone add TEXT...   adds jobs
//   standalone run           does what is there, with two threads, and ends when nothing is left
//   standalone dead          shows jobs that failed every time, and removes them
//   standalone               all of these on a few sample jobs
//
// A job is a text; doing it is counting its words. An empty job fails. Kill it: what was added stays.

#include <atomic>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <peerq/peerq.hpp>

namespace {

using namespace std::chrono_literals;

struct Jobs {
  peerq::Node node;
  peerq::Queue todo;
  peerq::Queue dead;
};

/// The same call creates the queues the first time and finds them later.
peerq::Result<Jobs> open_jobs(const std::string& directory) {
  auto node = peerq::Node::open({.data_dir = directory});
  if (!node) return node.error();
  auto todo = node->create_queue("jobs", {.visibility_timeout = 10s,
                                          .max_receives = 3,
                                          .dead_letter_queue = "jobs.dead",
                                          .retry = {.base = 20ms, .cap = 1s}});
  if (!todo) return todo.error();
  auto dead = node->open_queue("jobs.dead");
  if (!dead) return dead.error();
  return Jobs{std::move(*node), std::move(*todo), std::move(*dead)};
}

int count_words(const std::string& text) {
  std::istringstream words(text);
  int count = 0;
  for (std::string word; words >> word;) ++count;
  return count;
}

bool add(const Jobs& jobs, const std::vector<std::string>& texts) {
  for (const auto& text : texts) {
    const auto sent = jobs.todo.send(text);
    if (!sent) {
      std::cerr << "not added: " << sent.error().text() << '\n';
      return false;
    }
  }
  return true;
}

std::uint64_t left(const peerq::Queue& queue) {
  const auto now = queue.statistics().value();
  return now.ready + now.delayed + now.in_flight + now.parked;
}

/// Returns how many were done.
int run(const Jobs& jobs) {
  std::atomic<int> done_count = 0;
  peerq::Consumer worker(jobs.todo, {.concurrency = 2}, [&](const peerq::Delivery& job) -> peerq::Outcome {
    const int words = count_words(std::string(job.body()));
    if (words == 0) return peerq::retry("nothing to count");
    std::cout << std::to_string(words) + " words: " + std::string(job.body()) + "\n";
    ++done_count;
    return peerq::done;
  });
  while (left(jobs.todo) > 0 && worker.status()) std::this_thread::sleep_for(10ms);
  return done_count;
}

int take_dead(const Jobs& jobs) {
  int count = 0;
  for (const auto& job : jobs.dead.receive({.max_messages = 1'000}).value()) {
    std::cout << "dead: " << to_string(job.id()) << ": " << job.failure().last_error << '\n';
    job.erase().value();
    ++count;
  }
  return count;
}

int sample(const Jobs& jobs) {
  std::vector<std::string> texts(16, "four words are here");
  texts.emplace_back("");
  if (!add(jobs, texts)) return 1;
  const int done_count = run(jobs);
  const int dead_count = take_dead(jobs);
  std::cout << done_count << " jobs done, " << dead_count << " dead-lettered, " << left(jobs.todo)
            << " left\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  auto jobs = open_jobs("jobs.peerq");
  if (!jobs) {
    std::cerr << jobs.error().text() << '\n';
    return 1;
  }
  const std::string_view command = argc > 1 ? argv[1] : "sample";
  int status = 0;
  if (command == "add")
    status = add(*jobs, {argv + 2, argv + argc}) ? 0 : 1;
  else if (command == "run")
    std::cout << run(*jobs) << " jobs done\n";
  else if (command == "dead")
    std::cout << take_dead(*jobs) << " dead jobs\n";
  else if (command == "sample")
    status = sample(*jobs);
  else
    status = 2;
  jobs->node.close().value();
  return status;
} catch (const peerq::BadResult& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
