// The comparison itself is tested: against the model it finds nothing, against a model that lies it finds the
// lie.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>

#include "model/model_test.hpp"
#include "support/model/model_system.hpp"

namespace peerq::model {
namespace {

/// Tells one lie in a while.
class Liar : public ModelSystem {
 public:
  using Lie = std::function<bool(engine::Effects&)>;
  explicit Liar(Lie lie) : lie_(std::move(lie)) {}

  engine::Effects apply(const engine::EntryHeader& header,
                        std::span<const engine::Command> commands) override {
    auto effects = ModelSystem::apply(header, commands);
    lie_(effects);
    return effects;
  }

 private:
  Lie lie_;
};

/// Lies at the first grant of which `change` makes something.
Liar::Lie about_grants(std::function<bool(engine::Grant&)> change) {
  return [change = std::move(change)](engine::Effects& effects) {
    for (auto& reply : effects.replies) {
      for (auto& grant : reply.grants) {
        if (change(grant)) return true;
      }
    }
    return false;
  };
}

Liar::Lie about_items(std::function<bool(engine::ItemReply&)> change) {
  return [change = std::move(change)](engine::Effects& effects) {
    for (auto& reply : effects.replies) {
      for (auto& item : reply.items) {
        if (change(item)) return true;
      }
    }
    return false;
  };
}

LogResult against(const Liar::Lie& lie) {
  return run_logs([&] { return std::make_unique<Liar>(lie); }, test_seed(), 20'000, {});
}

TEST_CASE("the model does not differ from itself") {
  const LogResult result = run_logs([] { return std::make_unique<ModelSystem>(); }, test_seed(), 50'000, {});
  if (!result.violation.empty()) FAIL(result.violation);
  CHECK(result.steps >= 50'000);
}

TEST_CASE("a wrong attempt, receive count, deadline, id, note or body of a delivery is found") {
  CHECK_FALSE(against(about_grants([](auto& g) {
                return g.lease.attempt > 2 && --g.lease.attempt;
              })).violation.empty());
  CHECK_FALSE(against(about_grants([](auto& g) { return ++g.receive_count; })).violation.empty());
  CHECK_FALSE(against(about_grants([](auto& g) { return g.deadline.us-- > 0; })).violation.empty());
  CHECK_FALSE(against(about_grants([](auto& g) { return ++g.id.sequence.value; })).violation.empty());
  CHECK_FALSE(against(about_grants([](auto& g) {
                return !g.note.empty() && (g.note.back() ^= 1);
              })).violation.empty());
  CHECK_FALSE(against(about_grants([](auto& g) {
                g.payload.bytes = SharedBytes::copy(as_bytes("another body"));
                return true;
              })).violation.empty());
}

TEST_CASE("a wrong code, id, flag or time of a batch entry is found") {
  const auto instead = [](errc was, errc is) {
    return about_items([=](auto& item) {
      if (item.code != was) return false;
      item.code = is;
      return true;
    });
  };
  CHECK_FALSE(against(instead(errc::stale_receipt, errc::ok)).violation.empty());
  CHECK_FALSE(against(instead(errc::lease_expired, errc::ok)).violation.empty());
  CHECK_FALSE(against(instead(errc::queue_full, errc::message_too_large)).violation.empty());
  CHECK_FALSE(against(about_items([](auto& item) {
                return std::exchange(item.already_gone, false);
              })).violation.empty());
  CHECK_FALSE(against(about_items([](auto& i) {
                return std::exchange(i.already_returned, false);
              })).violation.empty());
  CHECK_FALSE(against(about_items([](auto& item) { return item.granted_ms-- > 0; })).violation.empty());
}

TEST_CASE("a forgotten wake-up and a forgotten deletion are found") {
  CHECK_FALSE(
      against([](engine::Effects& e) { return std::exchange(e.ready, {}).empty(); }).violation.empty());
  CHECK_FALSE(
      against([](engine::Effects& e) { return std::exchange(e.deleted, {}).empty(); }).violation.empty());
}

/// Loses a message, or a counter.
class Forgetful : public ModelSystem {
 public:
  Result<engine::MessagePage> page(const engine::PageRequest& request, Stamps now) override {
    auto page = ModelSystem::page(request, now);
    for (auto& message : page->messages) {
      if (message.state == engine::MessageState::parked) message.receive_count += 1;
    }
    return page;
  }
};

TEST_CASE("a state that differs without a reply that differs is found") {
  const auto make = [] { return std::make_unique<Forgetful>(); };
  CHECK_FALSE(run_logs(make, test_seed(), 100'000, {}).violation.empty());
}

TEST_CASE("a failing log is cut down to the commands that it takes") {
  const auto make = [] {
    return std::make_unique<Liar>(
        about_items([](auto& item) { return std::exchange(item.already_gone, false); }));
  };
  const Genes genes = make_genes(test_seed(), 400);
  const auto fails = [&](const Genes& tried) { return !run_log(*make(), tried, {}).violation.empty(); };
  REQUIRE(fails(genes));
  const Genes least = shrink(genes, fails);
  CHECK(fails(least));
  CHECK(least.size() < 25);
}

}  // namespace
}  // namespace peerq::model
