// Suite local: queues that use a feature, against a plain standard queue of the same node.

#include <fmt/format.h>

#include <memory>

#include "load.hpp"
#include "local_suite.hpp"
#include "peerq/node.hpp"
#include "scratch.hpp"
#include "session.hpp"
#include "varied.hpp"

namespace peerq::bench {

namespace {

struct LocalFeature {
  std::string name;
  QueueOptions options = {};
  VaryMessage vary = {};
};

void run_feature(Session& session, const LocalFeature& feature) {
  const Case of{.suite = "local",
                .name = fmt::format("features/{}/durable/100B/batch=32", feature.name),
                .unit = "messages/s",
                .floor = "the same, standard queue",
                .target = 0.4};
  if (!session.begins(of.name)) return;
  const auto& settings = session.settings();
  const ScratchFolder folder(settings.data, "local");
  Node node = Node::open({.data_dir = (folder / "peerq").string()}).value();
  const Queue ours = node.create_queue("feature", feature.options).value();
  const Queue plain = node.create_queue("plain").value();
  const Load plain_load{
      .messages = 6'400, .body_bytes = 100, .batch = 32, .producers = 2, .consumers = 2, .outstanding = 8};
  Load load = plain_load;
  load.vary = feature.vary;
  // Numbers go on: an id that was sent before would be a duplicate.
  const auto rate = [&](const Queue& queue, Load& of_queue) {
    const double per_second = lifecycle_rate(queue, of_queue);
    of_queue.first_number += of_queue.messages;
    return per_second;
  };
  load.messages = settings.count_for(rate(ours, load), load.batch, load.messages);
  Load floor_load = plain_load;
  floor_load.messages = settings.count_for(rate(plain, floor_load), load.batch, floor_load.messages);
  Rounds rounds(Kind::rate);
  for (std::size_t round = 0; round < settings.rounds(); ++round) {
    const double value = rate(ours, load);
    rounds.add(value, rate(plain, floor_load));
  }
  session.report(of, rounds);
}

}  // namespace

void run_local_features(Session& session) {
  const auto names = std::make_shared<std::vector<std::string>>(group_names(1'000));
  run_feature(session, {.name = "fifo-1000-groups",
                        .options = {.type = QueueType::fifo},
                        .vary = [names](std::uint64_t number, SendOptions& options) {
                          options.group_id = (*names)[number % names->size()];
                        }});
  run_feature(session, {.name = "priorities-10-weighted",
                        .options = {.priority_mode = PriorityMode::weighted},
                        .vary = [](std::uint64_t number, SendOptions& options) {
                          options.priority = static_cast<std::uint8_t>(number % limits::priority_count);
                        }});
  run_feature(session, {.name = "deduplication", .vary = [](std::uint64_t number, SendOptions& options) {
                          write_id(number, options.deduplication_id);
                        }});
}

}  // namespace peerq::bench
