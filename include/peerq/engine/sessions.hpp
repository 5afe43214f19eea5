#pragma once
// Sessions of a shard (S18): every request of a session is applied once, however often it comes. Used by both
// state machines; like them it works on tables that it does not own.

#include <optional>
#include <string>

#include "peerq/base/limits.hpp"
#include "peerq/engine/lower_bound.hpp"
#include "peerq/engine/reply_layout.hpp"
#include "peerq/engine/session_rows.hpp"

namespace peerq::engine {
inline namespace v1 {

template <class T>
class Sessions {
 public:
  explicit Sessions(T& tables) noexcept : tables_(&tables) {}

  /// What is to be done with a request.
  enum class Course : std::uint8_t { run, answered, repeated };

  /// `answered`: the reply says why it must not run. `repeated`: `stored` is the reply it had.
  Course begin(const Origin& origin, LeaseTime now, Reply& reply, StoredReply& stored) {
    auto row = tables_->template find<SessionRow>({origin.session});
    if (!row || row->last + limits::session_idle <= now) return refuse(reply, errc::session_expired);
    row->last = now;
    tables_->template update<SessionRow>({origin.session}, *row);
    if (const auto kept = tables_->template find<SessionReplyRow>({origin.session, origin.sequence})) {
      if (decode_row(as_bytes(kept->reply), stored)) return Course::repeated;
      return refuse(reply, errc::outcome_unknown);
    }
    if (origin.sequence <= row->forgotten) return refuse(reply, errc::outcome_unknown);
    return Course::run;
  }

  void end(const Origin& origin, const StoredReply& stored) {
    auto row = tables_->template find<SessionRow>({origin.session});
    if (!row) return;  // the request closed it
    SessionReplyRow kept;
    encode_row(stored, kept.reply);
    tables_->template insert<SessionReplyRow>({origin.session, origin.sequence}, kept);
    if (++row->kept > limits::session_window) forget_first(origin.session, *row);
    tables_->template update<SessionRow>({origin.session}, *row);
  }

  /// Opens it, or finds it open. **Errors** limit_exceeded.
  Error open(SessionId session, LeaseTime now) {
    if (session.value == 0) return {errc::invalid_argument, "a session without an id"};
    if (auto row = tables_->template find<SessionRow>({session})) {
      row->last = now;
      tables_->template update<SessionRow>({session}, *row);
      return {};
    }
    SessionCountRow count = counted();
    if (count.open >= limits::sessions_max) {
      return {errc::limit_exceeded, "sessions, the limit is " + std::to_string(limits::sessions_max)};
    }
    ++count.open;
    save(count);
    const LeaseTime timer = now + limits::session_idle;
    tables_->template insert<SessionRow>({session}, {.last = now, .timer = timer});
    insert_timer({timer, session});
    return {};
  }

  bool has(SessionId session) const { return tables_->template find<SessionRow>({session}).has_value(); }

  /// Its time is over now.
  void expire(SessionId session, LeaseTime now) {
    auto row = tables_->template find<SessionRow>({session});
    if (!row) return;
    tables_->template erase<SessionTimerRow>({row->timer, session});
    row->last = LeaseTime{now.us - Microseconds(limits::session_idle).count()};
    row->timer = now;
    tables_->template update<SessionRow>({session}, *row);
    insert_timer({row->timer, session});
  }

  /// Takes its replies away, and says how many; none when there is no such session. The leases bound to it
  /// are ended by the caller before.
  std::optional<std::size_t> close(SessionId session) {
    const auto row = tables_->template find<SessionRow>({session});
    if (!row) return std::nullopt;
    std::size_t replies = 0;
    const typename SessionReplyRow::Key end{SessionId(session.value + 1), 0};
    typename SessionReplyRow::Key from{session, row->forgotten};
    while (const auto kept = tables_->template first<SessionReplyRow>(from, end)) {
      from = kept->key;
      tables_->template erase<SessionReplyRow>(from);
      ++replies;
    }
    tables_->template erase<SessionTimerRow>({row->timer, session});
    tables_->template erase<SessionRow>({session});
    SessionCountRow count = counted();
    --count.open;
    save(count);
    return replies;
  }

  /// A session whose timer has come and that was not used since; the timers of others are set again. None
  /// when there is none, or the budget of timers ended first.
  std::optional<SessionId> expired(LeaseTime now, std::size_t& budget) {
    for (; budget > 0; --budget) {
      const typename SessionTimerRow::Key end{LeaseTime{now.us + 1}, SessionId(0)};
      if (timers_.nothing_before(end)) return std::nullopt;
      const auto found = timers_.first(*tables_, {}, {LeaseTime::never(), SessionId(0)});
      if (!found || !(found->key < end)) return std::nullopt;
      const SessionId session = found->key.session;
      auto row = tables_->template find<SessionRow>({session});
      if (!row) return session;
      if (row->last + limits::session_idle <= now) return session;
      tables_->template erase<SessionTimerRow>(found->key);
      row->timer = row->last + limits::session_idle;
      tables_->template update<SessionRow>({session}, *row);
      insert_timer({row->timer, session});
    }
    return std::nullopt;
  }

  LeaseTime next_timer() const {
    const auto found = timers_.first(*tables_, {}, {LeaseTime::never(), SessionId(0)});
    return found ? found->key.at : LeaseTime::never();
  }

 private:
  using Timers = LowerBound<SessionTimerRow>;

  static Course refuse(Reply& reply, errc code) {
    reply.code = code;
    return Course::answered;
  }
  void insert_timer(const typename SessionTimerRow::Key& key) {
    tables_->template insert<SessionTimerRow>(key, {});
    timers_.note(key);
  }
  void forget_first(SessionId session, SessionRow& row) {
    const auto oldest =
        tables_->template first<SessionReplyRow>({session, row.forgotten}, {SessionId(session.value + 1), 0});
    if (!oldest) return;
    row.forgotten = oldest->key.sequence;
    --row.kept;
    tables_->template erase<SessionReplyRow>(oldest->key);
  }
  SessionCountRow counted() const {
    return tables_->template find<SessionCountRow>(SingleKey{}).value_or(SessionCountRow{});
  }
  void save(const SessionCountRow& count) {
    if (tables_->template find<SessionCountRow>(SingleKey{})) {
      tables_->template update<SessionCountRow>(SingleKey{}, count);
    } else {
      tables_->template insert<SessionCountRow>(SingleKey{}, count);
    }
  }

  T* tables_;
  mutable Timers timers_;
};

}  // namespace v1
}  // namespace peerq::engine
