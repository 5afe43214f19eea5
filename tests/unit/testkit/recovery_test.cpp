// Production state machines, replicator and codec on the simulated disk, with power cuts at any moment: what
// was acknowledged is there afterwards, however many checkpoints came in between.
#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <string>
#include <vector>

#include "peerq/testkit/simulation.hpp"
#include "replication/single_replicator.hpp"
#include "wire/codec.hpp"

using namespace peerq;
using namespace std::chrono_literals;
using testkit::Simulation;

namespace {

const QueueId queue(std::uint64_t{7} << 32);

/// One life of a process: the data shard alone, driven one entry at a time.
class Life {
 public:
  explicit Life(Simulation& sim) : sim_(sim), codec_(wire::make_codec()), decoder_(codec_->make_decoder()) {
    port::StoreOptions options;
    options.initial_configuration = SharedBytes::copy(as_bytes("configuration"));
    store_ = sim.disk().open(options, *sim.entropy()).value();
    const auto found = store_->log().state(data_shard).value();
    replicator_ = replication::make_single_replicator(found, {.shard = data_shard});
    replay(found.last);
  }

  port::QueueMachine& machine() { return store_->queues(data_shard); }

  /// False when the power went meanwhile.
  bool run(engine::CommandBody command) {
    engine::EntryHeader header;
    header.stamps = {{sim_.clock()->steady().ns / 1'000}, sim_.clock()->wall()};
    const engine::Command one{{}, std::move(command)};
    port::ReplicatorUpdate update;
    const auto bytes = codec_->encode_entry(header, {&one, 1});
    const auto index = replicator_->propose(port::EntryType::command, bytes, update).value();
    CHECK(update.committed < index);
    if (!store_->log().commit(update.writes)) return false;
    replicator_->persisted(index, update);
    CHECK(update.committed == index);
    apply(index, bytes);
    return true;
  }

  bool send(const std::string& text) {
    port::MessageParts parts;
    parts.body = as_bytes(text);
    const auto payload = codec_->make_message(parts);
    engine::SendItem item;
    item.payload = payload.bytes();
    item.counted_bytes = static_cast<std::uint32_t>(text.size());
    return run(engine::Send{queue, false, {&item, 1}});
  }

  bool configure() {
    engine::Configure configure;
    configure.config.id = queue;
    configure.config.version = 1;
    configure.config.name = "orders";
    return run(std::move(configure));
  }

  /// False when the power went meanwhile.
  bool checkpoint() {
    if (!machine().freeze(machine().applied())) return true;
    if (!machine().write_checkpoint()) return false;
    const auto checkpoint = machine().finish_checkpoint().value();
    port::LogWrite write;
    write.shard = data_shard;
    write.snapshot = port::SnapshotMeta{checkpoint.index, checkpoint.term, checkpoint.configuration_index,
                                        checkpoint.configuration, 1};
    return store_->log().commit({write}).has_value();
  }

  std::vector<std::string> bodies() {
    std::vector<std::string> out;
    engine::PageRequest request;
    request.queue = queue;
    request.max_messages = limits::page_max;
    while (true) {
      const auto page = machine().page(request, machine().stamps()).value();
      for (const auto& message : page.messages) out.push_back(body_of(message.payload));
      if (!page.next) return out;
      request.after = *page.next;
    }
  }

 private:
  void replay(LogIndex last) {
    const auto visit = [&](const port::LogRecord& record) -> Result<void> {
      if (record.type != port::EntryType::command) {
        return machine().pass(record.index, record.term, record.type == port::EntryType::change,
                              record.body.bytes());
      }
      apply(record.index, record.body);
      return {};
    };
    if (machine().applied() < last)
      store_->log().read(data_shard, next(machine().applied()), last, visit).value();
  }

  void apply(LogIndex index, const SharedBytes& bytes) {
    engine::Effects effects;
    machine().apply(index, Term(1), decoder_->decode(bytes).value(), effects).value();
    for (const auto& reply : effects.replies) CHECK(reply.code == errc::ok);
  }

  std::string body_of(const engine::Payload& payload) {
    const auto bytes = payload.cold ? payload.cold->fetch().value() : payload.bytes;
    return std::string(as_text(codec_->read_message(bytes).value().body));
  }

  Simulation& sim_;
  std::unique_ptr<port::Codec> codec_;
  std::unique_ptr<port::EntryDecoder> decoder_;
  std::unique_ptr<port::Store> store_;
  std::unique_ptr<port::Replicator> replicator_;
};

/// Works until the power goes; `acknowledged` grows by what was said to be sent.
void live(Simulation& sim, Life& life, std::vector<std::string>& acknowledged, std::uint64_t& number) {
  while (true) {
    if (sim.scheduler().once_in(5)) {
      if (!life.checkpoint()) return;
      continue;
    }
    const std::string text = "message " + std::to_string(number++);
    if (!life.send(text)) return;
    acknowledged.push_back(text);
  }
}

/// Everything acknowledged, in order; besides, only messages that were under way when the power went.
void check(const std::vector<std::string>& found, const std::vector<std::string>& acknowledged,
           std::size_t cuts) {
  std::size_t at = 0;
  for (const auto& text : found) {
    if (at < acknowledged.size() && text == acknowledged[at]) ++at;
  }
  CHECK(at == acknowledged.size());
  CHECK(found.size() <= acknowledged.size() + cuts);
}

void live_many_lives(std::uint64_t seed, std::size_t lives, testkit::SimDiskFacts& facts) {
  Simulation sim({.seed = seed});
  std::vector<std::string> acknowledged;
  std::uint64_t number = 0;
  bool configured = false;
  for (std::size_t cuts = 0; cuts < lives; ++cuts) {
    Life life(sim);
    INFO("seed " << seed << ", life " << cuts);
    if (configured) check(life.bodies(), acknowledged, cuts);
    if (!configured) configured = life.configure();
    sim.scheduler().after(std::chrono::microseconds(sim.scheduler().below(200'000)),
                          [&] { sim.cut_power(); });
    live(sim, life, acknowledged, number);
    if (cuts + 1 < lives) sim.boot();
  }
  facts.checkpoints += sim.disk().facts().checkpoints;
  facts.commits_lost += sim.disk().facts().commits_lost;
}

}  // namespace

TEST_CASE("after any number of power cuts everything acknowledged is there, in order") {
  testkit::SimDiskFacts facts;
  for (std::uint64_t seed = 0; seed < 40; ++seed) live_many_lives(seed, 6, facts);
  CHECK(facts.checkpoints > 500);
  CHECK(facts.commits_lost > 5);
}

TEST_CASE("a log that was continued in term 2 by somebody else is replayed") {
  Simulation sim;
  {
    Life life(sim);
    REQUIRE(life.configure());
    REQUIRE(life.send("first"));
  }
  const auto state = sim.disk().log().state(data_shard).value();
  port::LogWrite write;
  write.shard = data_shard;
  write.hard = port::HardState{Term(2), PeerId(2)};
  write.records.push_back({next(state.last), Term(2), port::EntryType::barrier, SharedBytes()});
  sim.disk().log().commit({write}).value();
  Life life(sim);
  CHECK(life.machine().applied() == next(state.last));
  CHECK(life.bodies() == std::vector<std::string>{"first"});
}
