#pragma once
// The groups of a queue that were looked at lately. Between entries all of them are as the tables have them,
// so that any may be dropped; in an entry those that it looked at are kept where they are.
//
// Nothing depends on what is in it: it only saves look-ups.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "peerq/engine/group_rows.hpp"

namespace peerq::engine {
inline namespace v1 {

/// A group in memory: `stored` is what the tables have.
struct GroupContext {
  GroupRow row;
  GroupRow stored;
  bool in_tables = false;
  /// A purge came by since it was last looked at.
  bool renewed = false;
  /// The entry being applied has looked at it.
  bool touched = false;
};

/// **Thread** one at a time.
class GroupCache {
 public:
  GroupCache() = default;
  GroupCache(GroupCache&&) = default;
  GroupCache& operator=(GroupCache&&) = default;
  GroupCache(const GroupCache&) = delete;
  GroupCache& operator=(const GroupCache&) = delete;
  ~GroupCache() = default;

  /// The group as the entry being applied sees it, or null. Looking counts as touching.
  GroupContext* find(std::uint64_t number) {
    const auto at = groups_.find(number);
    if (at == groups_.end()) return nullptr;
    touch(number, at->second);
    return &at->second;
  }
  const GroupContext* peek(std::uint64_t number) const {
    const auto at = groups_.find(number);
    return at == groups_.end() ? nullptr : &at->second;
  }
  /// The number of the group of this name; 0: not known here.
  std::uint64_t number_of(std::string_view name) const {
    const auto at = names_.find(name);
    return at == names_.end() ? 0 : at->second;
  }
  /// Adds a group that is not there; its row keeps its name.
  GroupContext& add(std::uint64_t number, GroupRow row) {
    GroupContext& group = groups_[number];
    group.row = std::move(row);
    names_[group.row.name] = number;
    touch(number, group);
    return group;
  }
  void drop(std::uint64_t number) {
    const auto at = groups_.find(number);
    if (at->second.touched) std::erase(touched_, number);
    forget(at);
  }

  bool is_touched() const noexcept { return !touched_.empty(); }
  std::size_t size() const noexcept { return groups_.size(); }

  /// Calls `visit(number, group)` for those the entry looked at, by number; it returns whether to keep it.
  template <class Visit>
  void finish(Visit visit) {
    std::sort(touched_.begin(), touched_.end());
    for (const std::uint64_t number : touched_) {
      const auto at = groups_.find(number);
      at->second.touched = false;
      if (!visit(number, at->second)) forget(at);
    }
    touched_.clear();
  }
  /// Calls `visit(number, group)` for those the entry looked at, in the order it did.
  template <class Visit>
  void for_each_touched(Visit visit) {
    for (const std::uint64_t number : touched_) visit(number, groups_.find(number)->second);
  }
  /// After `finish`.
  void clear() noexcept {
    names_.clear();
    groups_.clear();
  }

 private:
  using Groups = std::map<std::uint64_t, GroupContext>;

  void touch(std::uint64_t number, GroupContext& group) {
    if (group.touched) return;
    group.touched = true;
    touched_.push_back(number);
  }
  void forget(Groups::iterator at) {
    names_.erase(at->second.row.name);
    groups_.erase(at);
  }

  Groups groups_;
  /// The texts are the rows'.
  std::map<std::string_view, std::uint64_t> names_;
  std::vector<std::uint64_t> touched_;
};

}  // namespace v1
}  // namespace peerq::engine
