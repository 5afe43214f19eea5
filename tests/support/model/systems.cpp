#include "support/model/systems.hpp"

#include <stdexcept>

#include "peerq/engine/catalog_engine.hpp"
#include "support/model/engine_system.hpp"
#include "support/model/machine_system.hpp"
#include "support/naive_tables.hpp"
#include "wire/codec.hpp"

namespace peerq::model {

namespace {

std::shared_ptr<const port::Codec> codec() {
  static const std::shared_ptr<const port::Codec> instance = wire::make_codec();
  return instance;
}

class NaiveCatalog final : public CatalogSystem {
 public:
  explicit NaiveCatalog(QueueId first) : first_(first) { restart(); }

  engine::Effects apply(const engine::EntryHeader& header,
                        std::span<const engine::Command> commands) override {
    auto entry = decoder_->decode(codec()->encode_entry(header, commands));
    if (!entry) throw std::runtime_error("decode: " + entry.error().text());
    engine::Effects effects;
    index_ = next(index_);
    engine_->apply(index_, *entry, effects);
    return effects;
  }
  std::optional<engine::QueueConfig> find(std::string_view name) override { return engine_->find(name); }
  std::vector<engine::QueueConfig> list(std::string_view prefix, std::string_view after,
                                        std::size_t max) override {
    return engine_->list(prefix, after, max);
  }
  std::vector<engine::Configure> unconfirmed() override { return engine_->unconfirmed(); }
  bool restart() override {
    engine_ = std::make_unique<engine::CatalogEngine<test::NaiveTables>>(tables_, first_);
    return true;
  }

 private:
  QueueId first_;
  test::NaiveTables tables_;
  std::unique_ptr<port::EntryDecoder> decoder_ = codec()->make_decoder();
  std::unique_ptr<engine::CatalogEngine<test::NaiveTables>> engine_;
  LogIndex index_;
};

LogOptions with_restarts(std::uint64_t checkpoints, std::uint64_t restarts, std::uint64_t restores) {
  LogOptions options;
  options.restores = restores;
  options.checkpoints = checkpoints;
  options.restarts = restarts;
  return options;
}

}  // namespace

const std::vector<Setting>& settings() {
  using Naive = EngineSystem<test::NaiveTables>;
  static const std::vector<Setting> all = {
      {"naive", [] { return std::make_unique<Naive>(); }, with_restarts(0, 5, 3)},
      {"codec", [] { return std::make_unique<Naive>(codec()); }, with_restarts(0, 5, 3)},
      {"memory", [] { return std::make_unique<MachineSystem>(nullptr, codec()); }, with_restarts(0, 0, 5)},
      {"delta", [] { return std::make_unique<MachineSystem>(make_memory_home(), codec()); },
       with_restarts(60, 20, 5)},
      {"lmdb", [] { return std::make_unique<MachineSystem>(make_lmdb_home(), codec()); },
       with_restarts(20, 8, 3)},
  };
  return all;
}

const Setting& setting(std::string_view name) {
  for (const auto& one : settings()) {
    if (one.name == name) return one;
  }
  throw std::invalid_argument("no such setting: " + std::string(name));
}

std::unique_ptr<CatalogSystem> make_catalog_system(QueueId first_queue) {
  return std::make_unique<NaiveCatalog>(first_queue);
}

}  // namespace peerq::model
