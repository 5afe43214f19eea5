// The catalog: S5-S7, S9-S11, S53, S83.

#include "engine_fixture.hpp"
#include "peerq/engine/catalog_engine.hpp"

namespace peerq::test {
namespace {

struct Catalog {
  Reply apply(CommandBody body) {
    Command command;
    command.body = std::move(body);
    EntryView entry;
    entry.header.stamps.wall = WallTime{1'700'000'000'000};
    entry.commands = {&command, 1};
    Effects effects;
    engine.apply(index = next(index), entry, effects);
    REQUIRE(effects.replies.size() == 1);
    check_rows();
    return std::move(effects.replies.front());
  }
  Reply create(std::string_view name, const QueueOptions& options = {}) {
    return apply(CreateQueue{name, options});
  }
  Reply create_into(std::string_view name, const std::string& dead_letter) {
    QueueOptions options;
    options.dead_letter_queue = dead_letter;
    return create(name, options);
  }
  Reply point(std::string_view name, const std::string& dead_letter) {
    QueueOptions options;
    options.dead_letter_queue = dead_letter;
    return apply(UpdateQueue{name, QueueId{0}, options});
  }
  Reply remove(std::string_view name, bool force = false) {
    return apply(DeleteQueue{name, QueueId{0}, force});
  }
  void confirm(const Reply& reply) {
    for (const Configure& configure : reply.to_configure) {
      apply(Configured{configure.config.id, configure.config.version});
    }
  }

  /// Names, ids, sources and the count agree.
  void check_rows() {
    std::size_t sources = 0;
    for (const auto& [key, row] : tables.rows<CatalogQueueRow>()) {
      CHECK(key.text == row.config.name);
      CHECK(tables.find<CatalogIdRow>(QueueKey{row.config.id}).value().name == key.text);
      CHECK(row.confirmed <= row.config.version);
      CHECK((row.config.dead_letter.value != 0) == !row.config.options.dead_letter_queue.empty());
      if (row.config.dead_letter.value == 0) continue;
      ++sources;
      CHECK(tables.find<CatalogSourceRow>({row.config.dead_letter, row.config.id}).has_value());
      CHECK(engine.find(row.config.options.dead_letter_queue).value().id == row.config.dead_letter);
    }
    CHECK(tables.rows<CatalogSourceRow>().size() == sources);
    CHECK(tables.rows<CatalogIdRow>().size() == tables.rows<CatalogQueueRow>().size());
    const auto counters = tables.find<CatalogCountersRow>(SingleKey{}).value_or(CatalogCountersRow{});
    CHECK(counters.queue_count == tables.rows<CatalogQueueRow>().size());
  }

  NaiveTables tables;
  CatalogEngine<NaiveTables> engine{tables, QueueId{1'000}};
  LogIndex index;
};

std::vector<std::string> names(const std::vector<QueueConfig>& configs) {
  std::vector<std::string> out;
  for (const QueueConfig& config : configs) out.push_back(config.name);
  return out;
}

TEST_CASE("creating a queue gives it an id, version 1, and a shard to tell until it has confirmed") {
  Catalog catalog;
  const Reply reply = catalog.create("orders");
  CHECK(reply.code == errc::ok);
  CHECK(reply.config->id == QueueId{1'000});
  CHECK(reply.config->version == 1);
  REQUIRE(reply.to_configure.size() == 1);
  CHECK(reply.to_configure[0].config == reply.config);
  CHECK_FALSE(reply.to_configure[0].removed);
  CHECK(catalog.engine.unconfirmed().size() == 1);
  catalog.confirm(reply);
  CHECK(catalog.engine.unconfirmed().empty());
  CHECK(catalog.engine.find("orders").value() == reply.config);
  CHECK_FALSE(catalog.engine.find("order").has_value());
  CHECK(catalog.create("other").config->id == QueueId{1'001});
}

TEST_CASE("S5 names are case-sensitive, and a bad one is invalid_name") {
  Catalog catalog;
  CHECK(catalog.create("a").config->id != catalog.create("A").config->id);
  CHECK(catalog.create("_sys.a").code == errc::ok);  // the node's own; users are refused before
  CHECK(catalog.create("").code == errc::invalid_name);
  CHECK(catalog.create_into("b", "not a name").code == errc::invalid_name);
}

TEST_CASE(
    "S6 creating an existing name with equal parameters gives the same queue; tags and pause do not count") {
  Catalog catalog;
  const Reply first = catalog.create("q");
  catalog.confirm(first);
  catalog.confirm(catalog.apply(PauseQueue{"q", QueueId{0}, true}));
  QueueOptions options;
  options.tags["team"] = "x";
  const Reply again = catalog.create("q", options);
  CHECK(again.code == errc::ok);
  CHECK(again.config->id == first.config->id);
  CHECK(again.config->options.tags.empty());
  CHECK(again.to_configure.empty());
}

TEST_CASE("S6 creating an existing name again before its shard confirmed tells the shard again") {
  Catalog catalog;
  catalog.create("q");
  CHECK(catalog.create("q").to_configure.size() == 1);
}

TEST_CASE("S6 other parameters are queue_exists and the first difference is named") {
  Catalog catalog;
  catalog.create("q");
  QueueOptions options;
  options.visibility_timeout = 1s;
  options.max_receives = 3;
  const Reply reply = catalog.create("q", options);
  CHECK(reply.code == errc::queue_exists);
  CHECK(reply.detail == "visibility_timeout is 30000 ms, not 1000 ms");
  CHECK(reply.to_configure.empty());
}

TEST_CASE("a bad parameter is refused before anything is stored") {
  Catalog catalog;
  QueueOptions options;
  options.partitions = 2;
  CHECK(catalog.create("q", options).code == errc::not_supported);
  options = {};
  options.visibility_timeout = 0ms;
  CHECK(catalog.create("q", options).code == errc::invalid_argument);
  CHECK(catalog.tables.dump().empty());
}

TEST_CASE("S7 a deleted name can be used at once: a new incarnation") {
  Catalog catalog;
  const Reply first = catalog.create("q");
  catalog.confirm(first);
  const Reply removed = catalog.remove("q");
  CHECK(removed.code == errc::ok);
  REQUIRE(removed.to_configure.size() == 1);
  CHECK(removed.to_configure[0].removed);
  CHECK(removed.to_configure[0].config.id == first.config->id);
  CHECK(removed.to_configure[0].config.version > first.config->version);
  const Reply second = catalog.create("q");
  CHECK(second.config->id != first.config->id);
  CHECK(catalog.engine.unconfirmed().size() == 2);
  catalog.apply(Configured{first.config->id, first.config->version});  // a late word about an older version
  CHECK(catalog.engine.unconfirmed().size() == 2);
  catalog.confirm(removed);
  catalog.confirm(second);
  CHECK(catalog.engine.unconfirmed().empty());
  CHECK(catalog.tables.rows<CatalogRemovedRow>().empty());
}

TEST_CASE("S7 old handles do not bind to a new incarnation") {
  Catalog catalog;
  const QueueId old = catalog.create("q").config->id;
  catalog.remove("q");
  CHECK(catalog.apply(DeleteQueue{"q", old, false}).code == errc::queue_deleted);
  catalog.create("q");
  CHECK(catalog.apply(UpdateQueue{"q", old, {}}).code == errc::queue_deleted);
  CHECK(catalog.apply(PauseQueue{"q", old, true}).code == errc::queue_deleted);
  CHECK(catalog.apply(DeleteQueue{"q", old, false}).code == errc::queue_deleted);
  CHECK(catalog.remove("nothing").code == errc::queue_not_found);
  CHECK(catalog.apply(UpdateQueue{"nothing", QueueId{0}, {}}).code == errc::queue_not_found);
  CHECK(catalog.apply(PauseQueue{"nothing", QueueId{0}, true}).code == errc::queue_not_found);
}

TEST_CASE(
    "S9 an update raises the version; an equal one does not; what is fixed at creation is refused by name") {
  Catalog catalog;
  catalog.confirm(catalog.create("q"));
  QueueOptions options;
  options.visibility_timeout = 1s;
  const Reply reply = catalog.apply(UpdateQueue{"q", QueueId{0}, options});
  CHECK(reply.code == errc::ok);
  CHECK(reply.config->version == 2);
  CHECK(reply.to_configure.size() == 1);
  catalog.confirm(reply);
  const Reply same = catalog.apply(UpdateQueue{"q", QueueId{0}, options});
  CHECK(same.config->version == 2);
  CHECK(same.to_configure.empty());
  options.tags["a"] = "b";
  CHECK(catalog.apply(UpdateQueue{"q", QueueId{0}, options}).config->version == 3);
  options.durability = Durability::memory;
  const Reply fixed = catalog.apply(UpdateQueue{"q", QueueId{0}, options});
  CHECK(fixed.code == errc::invalid_argument);
  CHECK(fixed.detail == "fixed at creation: durability is sync, not memory");
  options.durability = Durability::sync;
  options.visibility_timeout = 0ms;
  CHECK(catalog.apply(UpdateQueue{"q", QueueId{0}, options}).code == errc::invalid_argument);
}

TEST_CASE("S10 pause and resume are durable and raise the version only when they change something") {
  Catalog catalog;
  catalog.confirm(catalog.create("q"));
  const Reply paused = catalog.apply(PauseQueue{"q", QueueId{0}, true});
  CHECK(paused.config->paused);
  CHECK(paused.config->version == 2);
  CHECK(catalog.apply(PauseQueue{"q", QueueId{0}, true}).config->version == 2);
  CHECK(catalog.apply(PauseQueue{"q", QueueId{0}, false}).config->version == 3);
  CHECK_FALSE(catalog.engine.find("q").value().paused);
}

TEST_CASE("S11 a missing dead-letter queue is created in the same operation with its source's durability") {
  Catalog catalog;
  QueueOptions options;
  options.durability = Durability::memory;
  options.visibility_timeout = 1s;
  options.dead_letter_queue = "dead";
  const Reply reply = catalog.create("q", options);
  CHECK(reply.code == errc::ok);
  REQUIRE(reply.to_configure.size() == 2);
  const QueueConfig dead = reply.to_configure[0].config;  // first: it must be there when the source needs it
  CHECK(dead.name == "dead");
  CHECK(dead.options.durability == Durability::memory);
  CHECK(dead.options.visibility_timeout == limits::visibility_timeout_default);
  CHECK(reply.config->dead_letter == dead.id);
  CHECK(reply.to_configure[1].config == reply.config);
  CHECK(dead.id != reply.config->id);
}

TEST_CASE("S11 an update to a missing dead-letter queue creates it, and none lets go of it") {
  Catalog catalog;
  catalog.confirm(catalog.create("q"));
  const Reply reply = catalog.point("q", "dead");
  CHECK(reply.to_configure.size() == 2);
  CHECK(catalog.remove("dead").code == errc::in_use);
  const Reply moved = catalog.point("q", "other");
  CHECK(moved.config->dead_letter == catalog.engine.find("other").value().id);
  CHECK(catalog.remove("dead").code == errc::ok);
  CHECK(catalog.point("q", "").config->dead_letter == QueueId{0});
  CHECK(catalog.remove("other").code == errc::ok);
}

TEST_CASE("S11 a dead-letter queue of lower durability is refused, one of higher is another shard's") {
  Catalog catalog;
  QueueOptions memory;
  memory.durability = Durability::memory;
  QueueOptions interval;
  interval.durability = Durability::interval;
  catalog.create("memory", memory);
  catalog.create("interval", interval);
  catalog.create("sync");
  CHECK(catalog.create_into("a", "memory").code == errc::invalid_argument);
  CHECK(catalog.create_into("a", "interval").code == errc::invalid_argument);
  CHECK(catalog.create_into("a", "sync").code == errc::ok);
  memory.dead_letter_queue = "sync";
  CHECK(catalog.create("b", memory).code == errc::ok);
  memory.dead_letter_queue = "interval";
  CHECK(catalog.create("c", memory).code == errc::ok);
  memory.dead_letter_queue = "memory";
  CHECK(catalog.create("d", memory).code == errc::ok);
}

TEST_CASE("S11 a queue is never its own dead-letter queue, and cycles are refused") {
  Catalog catalog;
  CHECK(catalog.create_into("q", "q").code == errc::invalid_argument);
  catalog.create("c");
  CHECK(catalog.create_into("b", "c").code == errc::ok);
  CHECK(catalog.create_into("a", "b").code == errc::ok);
  const Reply reply = catalog.point("c", "a");
  CHECK(reply.code == errc::invalid_argument);
  CHECK(reply.detail == "dead_letter_queue \"a\" makes a cycle");
  CHECK(catalog.point("b", "a").code == errc::invalid_argument);
  CHECK(catalog.point("c", "c").code == errc::invalid_argument);
}

TEST_CASE("S11 chains of 8 are taken, of 9 refused, wherever the link is added") {
  Catalog catalog;
  catalog.create("q8");
  for (int i = 7; i >= 0; --i) {
    CHECK(catalog.create_into("q" + std::to_string(i), "q" + std::to_string(i + 1)).code == errc::ok);
  }
  CHECK(catalog.create_into("one-too-many", "q0").code == errc::invalid_argument);
  CHECK(catalog.point("q8", "missing").code == errc::invalid_argument);
  CHECK_FALSE(catalog.engine.find("missing").has_value());
  catalog.create("tail");
  CHECK(catalog.point("q8", "tail").code == errc::invalid_argument);
  CHECK(catalog.point("q7", "tail").code == errc::ok);
  catalog.create_into("b", "a");
  CHECK(catalog.point("a", "q1").code == errc::invalid_argument);  // b, a, q1 ... tail: 9
  CHECK(catalog.point("a", "q2").code == errc::ok);
}

TEST_CASE("S11 deleting a dead-letter queue is in_use unless forced; then its sources lose the setting") {
  Catalog catalog;
  catalog.confirm(catalog.create_into("a", "dead"));
  catalog.confirm(catalog.create_into("b", "dead"));
  const Reply refused = catalog.remove("dead");
  CHECK(refused.code == errc::in_use);
  CHECK(refused.detail == "dead-letter queue of \"a\"");
  const Reply forced = catalog.remove("dead", true);
  CHECK(forced.code == errc::ok);
  REQUIRE(forced.to_configure.size() == 3);
  for (const std::size_t i : {0U, 1U}) {
    const Configure& source = forced.to_configure[i];
    CHECK_FALSE(source.removed);
    CHECK(source.config.version == 2);
    CHECK(source.config.dead_letter == QueueId{0});
    CHECK(source.config.options.dead_letter_queue.empty());
  }
  CHECK(forced.to_configure[2].removed);
  CHECK(forced.config->name == "dead");
  CHECK(catalog.engine.find("a").value().version == 2);
}

TEST_CASE("S83 100,000 queues are taken, one more is limit_exceeded and names the limit") {
  Catalog catalog;
  catalog.create("first");
  catalog.tables.rows<CatalogCountersRow>().begin()->second.queue_count = limits::queues_max - 1;
  QueueOptions both;
  both.dead_letter_queue = "dead";
  Command command;
  const auto code = [&](CommandBody body) {
    command.body = std::move(body);
    EntryView entry;
    entry.commands = {&command, 1};
    Effects effects;
    catalog.engine.apply(LogIndex{9}, entry, effects);
    return effects.replies.front();
  };
  CHECK(code(CreateQueue{"q", both}).code == errc::limit_exceeded);
  CHECK(code(CreateQueue{"last", {}}).code == errc::ok);
  const Reply reply = code(CreateQueue{"beyond", {}});
  CHECK(reply.code == errc::limit_exceeded);
  CHECK(reply.detail == "at most 100000 queues");
  CHECK(code(UpdateQueue{"first", QueueId{0}, both}).code == errc::limit_exceeded);
}

TEST_CASE("a list gives names in order, by prefix, in pages") {
  Catalog catalog;
  for (const char* name : {"b", "a.2", "a", "a.1", "a.10", "B", "c"}) catalog.create(name);
  CHECK(names(catalog.engine.list("", "", 100)) ==
        std::vector<std::string>{"B", "a", "a.1", "a.10", "a.2", "b", "c"});
  CHECK(names(catalog.engine.list("a.", "", 100)) == std::vector<std::string>{"a.1", "a.10", "a.2"});
  CHECK(names(catalog.engine.list("a.", "a.1", 1)) == std::vector<std::string>{"a.10"});
  CHECK(names(catalog.engine.list("a.", "B", 100)) == std::vector<std::string>{"a.1", "a.10", "a.2"});
  CHECK(names(catalog.engine.list("a.", "a.2", 100)).empty());
  CHECK(names(catalog.engine.list("", "zzz", 100)).empty());
  CHECK(names(catalog.engine.list("", "", 0)).empty());
}

TEST_CASE("a word about an unknown queue changes nothing; other shards' commands are refused") {
  Catalog catalog;
  CHECK(catalog.apply(Configured{QueueId{5}, 1}).code == errc::ok);
  CHECK(catalog.apply(Purge{QueueId{5}}).code == errc::invalid_argument);
  CHECK(catalog.apply(Tick{}).code == errc::ok);
  CHECK(catalog.tables.dump().empty());
}

TEST_CASE("S53 the catalog refuses an entry of a newer format") {
  Catalog catalog;
  EntryView entry;
  entry.header.version = entry_version + 1;
  Effects effects;
  CHECK_THROWS_AS(catalog.engine.apply(LogIndex{1}, entry, effects), TablesFailure);
}

}  // namespace
}  // namespace peerq::test
