// What went wrong: a batch into a FIFO queue put messages of a group behind one of the same group that had
// failed. Found by random logs.
#include <catch2/catch_test_macros.hpp>

#include "support/model/small_log.hpp"
#include "support/model/systems.hpp"

namespace peerq::model {
namespace {

TEST_CASE("S14 in a FIFO batch entries of a group fail after a failed one of that group") {
  const auto system = setting("naive").make();
  SmallLog log(*system);
  QueueOptions options;
  options.type = QueueType::fifo;
  options.max_message_size = 10;
  const QueueId queue = log.create(options);
  std::vector<engine::SendItem> items(4);
  for (auto& item : items) {
    item.payload = as_bytes("body");
    item.counted_bytes = 4;
    item.group_id = as_bytes("a");
  }
  items[1].counted_bytes = 11;
  items[3].group_id = as_bytes("b");
  const auto reply = log.run(engine::Send{queue, false, items});
  CHECK(reply.items.at(0).code == errc::ok);
  CHECK(reply.items.at(1).code == errc::message_too_large);
  CHECK(reply.items.at(2).code == errc::message_too_large);
  CHECK(reply.items.at(3).code == errc::ok);
}

}  // namespace
}  // namespace peerq::model
