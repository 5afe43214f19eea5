#pragma once
// A node with one queue in a folder of its own.

#include <memory>
#include <string>

#include "log_counters.hpp"
#include "peerq/node.hpp"
#include "scratch.hpp"

namespace peerq::bench {

struct OpenQueueOptions {
  std::filesystem::path parent = {};
  std::string name = {};
  Durability durability = Durability::sync;
};

/// **Errors** the constructor throws BadResult.
class OpenQueue {
 public:
  explicit OpenQueue(const OpenQueueOptions& options)
      : folder_(options.parent, options.name),
        log_(std::make_shared<LogCounters>()),
        node_(Node::open({.data_dir = (folder_ / "peerq").string(), .observer = log_}).value()),
        queue_(node_.create_queue("bench", {.durability = options.durability}).value()) {}

  const Queue& queue() const noexcept { return queue_; }
  LogCounters& log() noexcept { return *log_; }
  std::filesystem::path path() const { return folder_ / "peerq"; }

 private:
  ScratchFolder folder_;
  std::shared_ptr<LogCounters> log_;
  Node node_;
  Queue queue_;
};

}  // namespace peerq::bench
