#include "sqlite_queue.hpp"

#include <chrono>

#include "session.hpp"

namespace peerq::bench {

namespace {

constexpr std::int64_t lease_ms = 30'000;

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

SqliteQueue::SqliteQueue(SqliteFile& file) : file_(&file) {
  const std::lock_guard lock(file.writing);
  sqlite3* connection = nullptr;
  const int code = sqlite3_open(file.path.c_str(), &connection);
  connection_.reset(connection);
  if (code != SQLITE_OK) fail();
  sqlite3_busy_timeout(connection, 10'000);
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA synchronous=FULL");
  run("CREATE TABLE IF NOT EXISTS messages("
      "id INTEGER PRIMARY KEY, visible_at INTEGER NOT NULL, attempt INTEGER NOT NULL, body BLOB NOT NULL)");
  run("CREATE INDEX IF NOT EXISTS by_time ON messages(visible_at, id)");
  begin_ = prepare("BEGIN IMMEDIATE");
  commit_ = prepare("COMMIT");
  insert_ = prepare("INSERT INTO messages(visible_at, attempt, body) VALUES(?1, 0, ?2)");
  lease_ = prepare(
      "UPDATE messages SET visible_at = ?1, attempt = attempt + 1 WHERE id IN "
      "(SELECT id FROM messages WHERE visible_at <= ?2 ORDER BY visible_at, id LIMIT ?3) "
      "RETURNING id, attempt, body");
  delete_ = prepare("DELETE FROM messages WHERE id = ?1 AND attempt = ?2");
}

void SqliteQueue::fail() { throw CannotMeasure(std::string("SQLite: ") + sqlite3_errmsg(connection_.get())); }

void SqliteQueue::run(const char* sql) {
  if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

SqliteQueue::Statement SqliteQueue::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection_.get(), sql, -1, &statement, nullptr) != SQLITE_OK) fail();
  return Statement(statement);
}

void SqliteQueue::step(const Statement& statement) {
  if (sqlite3_step(statement.get()) != SQLITE_DONE) fail();
  sqlite3_reset(statement.get());
}

void SqliteQueue::send(std::string_view body, std::size_t count) {
  const std::lock_guard lock(file_->writing);
  step(begin_);
  for (std::size_t i = 0; i < count; ++i) {
    sqlite3_bind_int64(insert_.get(), 1, now_ms());
    sqlite3_bind_blob(insert_.get(), 2, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
    step(insert_);
  }
  step(commit_);
}

std::vector<SqliteQueue::Handed> SqliteQueue::receive(std::size_t max_messages) {
  const std::lock_guard lock(file_->writing);
  std::vector<Handed> out;
  out.reserve(max_messages);
  const std::int64_t now = now_ms();
  step(begin_);
  sqlite3_bind_int64(lease_.get(), 1, now + lease_ms);
  sqlite3_bind_int64(lease_.get(), 2, now);
  sqlite3_bind_int64(lease_.get(), 3, static_cast<std::int64_t>(max_messages));
  int code = 0;
  while ((code = sqlite3_step(lease_.get())) == SQLITE_ROW) {
    const auto* body = static_cast<const char*>(sqlite3_column_blob(lease_.get(), 2));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(lease_.get(), 2));
    out.push_back({sqlite3_column_int64(lease_.get(), 0), sqlite3_column_int64(lease_.get(), 1),
                   std::string(body, size)});
  }
  if (code != SQLITE_DONE) fail();
  sqlite3_reset(lease_.get());
  step(commit_);
  return out;
}

void SqliteQueue::erase(std::span<const Handed> handed) {
  const std::lock_guard lock(file_->writing);
  step(begin_);
  for (const Handed& message : handed) {
    sqlite3_bind_int64(delete_.get(), 1, message.id);
    sqlite3_bind_int64(delete_.get(), 2, message.attempt);
    step(delete_);
  }
  step(commit_);
}

}  // namespace peerq::bench
