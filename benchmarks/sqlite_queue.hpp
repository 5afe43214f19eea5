#pragma once
// What a user would otherwise write: a table with leases in SQLite (WAL, synchronous=FULL), a connection per
// thread.

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peerq::bench {

/// The file, and what its connections share: writers of one process take turns by a mutex, which is faster
/// than SQLite's own waiting.
struct SqliteFile {
  std::filesystem::path path = {};
  std::mutex writing = {};
};

/// One thread's connection. **Errors** every member throws CannotMeasure.
class SqliteQueue {
 public:
  struct Handed {
    std::int64_t id = 0;
    std::int64_t attempt = 0;
    std::string body = {};
  };

  explicit SqliteQueue(SqliteFile& file);

  /// A transaction each.
  void send(std::string_view body, std::size_t count);
  /// Leases up to so many for 30 s, the oldest first.
  std::vector<Handed> receive(std::size_t max_messages);
  void erase(std::span<const Handed> handed);

 private:
  struct CloseConnection {
    void operator()(sqlite3* connection) const noexcept { sqlite3_close(connection); }
  };
  struct CloseStatement {
    void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
  };
  using Statement = std::unique_ptr<sqlite3_stmt, CloseStatement>;

  void run(const char* sql);
  Statement prepare(const char* sql);
  /// Runs a prepared statement that gives no rows, and makes it ready again.
  void step(const Statement& statement);
  [[noreturn]] void fail();

  SqliteFile* file_;
  std::unique_ptr<sqlite3, CloseConnection> connection_;
  Statement begin_;
  Statement commit_;
  Statement insert_;
  Statement lease_;
  Statement delete_;
};

}  // namespace peerq::bench
