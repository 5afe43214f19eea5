#pragma once
// The engine suite's floor: the least that a program of one thread could do for itself. A deque of bodies, a
// map of those in flight. No priorities, delays, deadlines, counters, receipts.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace peerq::bench {

class NaiveQueue {
 public:
  struct Handed {
    std::uint64_t id = 0;
    std::string_view body = {};
  };

  void send(std::span<const std::string_view> bodies) {
    for (const std::string_view body : bodies) ready_.emplace_back(++last_id_, std::string(body));
  }

  void receive(std::size_t max_messages, std::vector<Handed>& out) {
    for (; max_messages > 0 && !ready_.empty(); --max_messages) {
      auto& [id, body] = ready_.front();
      const auto at = in_flight_.emplace(id, std::move(body)).first;
      out.push_back({id, at->second});
      ready_.pop_front();
    }
  }

  void erase(std::span<const Handed> handed) {
    for (const Handed& message : handed) in_flight_.erase(message.id);
  }

 private:
  std::uint64_t last_id_ = 0;
  std::deque<std::pair<std::uint64_t, std::string>> ready_;
  std::unordered_map<std::uint64_t, std::string> in_flight_;
};

}  // namespace peerq::bench
