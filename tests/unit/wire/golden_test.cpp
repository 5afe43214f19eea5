// Bytes are forever: what this version writes is compared with files in the tree. A difference here means
// that directories of older versions could not be read: it needs a new version of the format and a decision
// entry. PEERQ_WRITE_GOLDEN=1 writes the files anew.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "peerq/engine/moving_rows.hpp"
#include "peerq/engine/outcome_rows.hpp"
#include "peerq/engine/queue_rows.hpp"
#include "peerq/engine/reply_layout.hpp"
#include "peerq/engine/rows.hpp"
#include "peerq/engine/schedule_rows.hpp"
#include "peerq/engine/session_rows.hpp"
#include "support/paths.hpp"
#include "unit/wire/samples.hpp"
#include "wire/configuration.hpp"

using namespace peerq;
using namespace peerq::engine;

namespace {

std::string hex(Bytes bytes, std::size_t per_line) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    constexpr char digits[] = "0123456789abcdef";
    const auto byte = std::to_integer<unsigned>(bytes[i]);
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
    if ((i + 1) % per_line == 0) out.push_back('\n');
  }
  if (out.empty() || out.back() != '\n') out.push_back('\n');
  return out;
}

std::string path_of(const std::string& name) { return test::source_dir() + "tests/unit/wire/golden/" + name; }

std::string read_file(const std::string& name) {
  std::ifstream in(path_of(name), std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void compare(const std::string& name, const std::string& text) {
  INFO(name);
  if (std::getenv("PEERQ_WRITE_GOLDEN") != nullptr) std::ofstream(path_of(name), std::ios::binary) << text;
  CHECK(text == read_file(name));
}

SharedBytes from_hex(const std::string& name) {
  std::string digits = read_file(name);
  std::erase(digits, '\n');
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return SharedBytes::copy(as_bytes(bytes));
}

SharedBytes rich_message() {
  const std::vector<port::AttributeView> attributes = {{"content-type", as_bytes("text/plain")},
                                                       {"empty", {}}};
  port::MessageParts parts;
  parts.body = as_bytes("the body");
  parts.attributes = attributes;
  parts.reply_to = "replies";
  parts.correlation_id = as_bytes("42");
  return test::codec().make_message(parts);
}

/// A line for each row: its table, name, key and row; each is read back, too.
class RowLines {
 public:
  template <class Row>
  void add(const char* name, const typename Row::Key& key, const Row& row) {
    std::string key_bytes;
    std::string row_bytes;
    encode_key<Row>(key, key_bytes);
    encode_row(row, row_bytes);
    out_ << static_cast<int>(Row::table) << ' ' << name << "\n  key " << hex(as_bytes(key_bytes), ~0UL)
         << "  row " << hex(as_bytes(row_bytes), ~0UL);

    typename Row::Key key_again;
    Row row_again;
    INFO(name);
    CHECK(decode_key<Row>(as_bytes(key_bytes), key_again));
    CHECK(key_again == key);
    CHECK(decode_row(as_bytes(row_bytes), row_again));
    CHECK(row_again == row);
    if (row_bytes.empty()) return;
    CHECK_FALSE((decode_row(as_bytes(row_bytes + 'x'), row_again) && row_again == row));
  }
  std::string text() const { return out_.str(); }

 private:
  std::ostringstream out_;
};

const QueueId queue(0x0102'0304'0506'0708);
const MessageKey message_key{queue, Sequence::make(4, 0x99)};

MessageRow full_message() {
  MessageRow row;
  row.state = MessageState::in_flight;
  row.has_note = true;
  row.dead_lettered = true;
  row.counted_bytes = 100;
  row.attempt = 7;
  row.receive_count = 5;
  row.arrived = {1'700'000'000'000};
  row.first_sent = {1'600'000'000'000};
  row.due = {1'700'000'000'001};
  row.expires = {1'800'000'000'000};
  row.deadline = {31'000'000};
  row.latest_deadline = {1'000'000};
  row.attempt_token = 11;
  row.foreign_id = {QueueId(9), Sequence{10}};
  return row;
}

void add_message_rows(RowLines& lines) {
  MessageRow fresh;
  fresh.counted_bytes = 100;
  fresh.arrived = fresh.first_sent = {1'700'000'000'000};
  lines.add("MessageRow, fresh", message_key, fresh);
  lines.add("MessageRow, every field", message_key, full_message());
  lines.add("ReadyRow", message_key, ReadyRow{});
  lines.add("ParkedRow", message_key, ParkedRow{});
  lines.add("AgedRow", {queue, {1'700'000'000'000}, message_key.sequence}, AgedRow{});
  lines.add("LeaseDueRow", {{31'000'000}, queue, message_key.sequence}, LeaseDueRow{});
  lines.add("WallDueRow", {{1'700'000'000'000}, queue, message_key.sequence, WallDue::retention},
            WallDueRow{});
  NoteRow note;
  note.cause = Cause::rejected;
  note.last_error = "the printer is on fire";
  note.source = QueueId(3);
  note.source_name = "orders";
  note.origin = QueueId(2);
  note.origin_name = "first";
  note.attempts = 4;
  note.dead_lettered_at = {1'700'000'000'002};
  lines.add("NoteRow", message_key, note);
  lines.add("ForeignRow", {queue, {QueueId(9), Sequence{10}}}, ForeignRow{Sequence{12}});
  lines.add("AttemptRow", {queue, 11}, AttemptRow{"attempt", {Sequence{1}, Sequence{2}}});
  lines.add("AttemptIdRow", {queue, "attempt"}, AttemptIdRow{11});
}

QueueRow full_queue() {
  QueueRow row;
  std::uint64_t number = 1;
  for (auto* field : {&row.ready, &row.delayed, &row.in_flight, &row.parked, &row.moving, &row.bytes,
                      &row.sent, &row.arrived, &row.received, &row.redelivered, &row.deleted, &row.expired,
                      &row.dead_lettered, &row.purged}) {
    *field = number++;
  }
  row.retention_timer = {1'700'000'000'003};
  row.last_attempt_token = 15;
  row.receipt_epoch = 16;
  return row;
}

QueueConfig full_config(test::Age age) {
  return {.id = queue,
          .version = 3,
          .name = "orders",
          .options = test::unusual_options(age),
          .dead_letter = QueueId(5),
          .paused = true};
}

void add_queue_rows(RowLines& lines) {
  const QueueConfig config = full_config(test::Age::first_format);
  QueueConfig plain;
  plain.id = queue;
  plain.name = "orders";
  lines.add("QueueRow", {queue}, full_queue());
  lines.add("LaneRow", {queue, 9}, LaneRow{5, 4, 3, 2});
  lines.add("EpochRow", {}, EpochRow{2, 3});
  lines.add("ReclaimRow", {queue}, ReclaimRow{true});
  lines.add("ConfigRow, defaults", {queue}, ConfigRow{plain});
  lines.add("ConfigRow, every field", {queue}, ConfigRow{config});
  ShardRow shard;
  shard.applied = LogIndex(7);
  shard.applied_term = Term(2);
  shard.stamps = {{8}, {9}};
  shard.configuration_index = LogIndex(1);
  shard.configuration = std::string("\x01\x00", 2);
  shard.digest_high = 10;
  shard.digest_low = 11;
  lines.add("ShardRow", {}, shard);
  lines.add("CatalogQueueRow", {"orders"}, CatalogQueueRow{config, 2, {1'700'000'000'004}});
  lines.add("CatalogIdRow", {queue}, CatalogIdRow{"orders"});
  lines.add("CatalogSourceRow", {queue, QueueId(5)}, CatalogSourceRow{});
  lines.add("CatalogRemovedRow", {queue}, CatalogRemovedRow{config});
  lines.add("CatalogCountersRow", {}, CatalogCountersRow{QueueId(6), 7});
}

void add_group_rows(RowLines& lines) {
  lines.add("GroupNameRow", {queue, "customer-7"}, GroupNameRow{3});
  GroupRow group;
  group.name = "customer-7";
  std::uint64_t number = 1;
  for (auto* field : {&group.live, &group.ready, &group.in_flight, &group.held, &group.turn, &group.lease}) {
    *field = number++;
  }
  group.ranks = 7;
  group.levels = 8;
  group.purges = 9;
  group.paused = true;
  group.parked = true;
  group.held_until = {1'700'000'000'007};
  group.bucket = {10, {11}};
  group.timer = {12};
  lines.add("GroupRow", {queue, 3}, group);
  lines.add("GroupOrderRow", {queue, 3, 5, Sequence::make(10, 4)}, GroupOrderRow{6});
  lines.add("GroupFlightRow", {queue, 3, Sequence::make(10, 4)}, GroupFlightRow{});
  lines.add("RankRow", {queue, 5, 6, 3}, RankRow{});
  lines.add("GroupTimerRow", {{12}, queue, 3}, GroupTimerRow{});
}

void add_moving_rows(RowLines& lines) {
  MovingRow moving;
  moving.after = 1;
  moving.id = {queue, Sequence::make(4, 1)};
  moving.counted_bytes = 2;
  moving.attempt = 3;
  moving.receive_count = 4;
  moving.priority = 5;
  moving.arrived = {1'700'000'000'000};
  moving.first_sent = {1'700'000'000'001};
  moving.time_to_live_ms = 60'000;
  moving.redriven = true;
  moving.group = "customer-7";
  moving.note.cause = Cause::overflow;
  moving.note.source_name = "orders";
  lines.add("MovingRow", {queue, QueueId(5), 2}, moving);
  lines.add("TransferRow", {queue, TransferRow::Way::in, QueueId(5)}, TransferRow{2});
  RedriveRow redrive;
  std::uint64_t number = 1;
  for (auto* field : {&redrive.left, &redrive.number, &redrive.moved, &redrive.skipped, &redrive.failed}) {
    *field = number++;
  }
  redrive.target = QueueId(5);
  redrive.source = queue;
  redrive.causes = 6;
  redrive.rate = 7;
  redrive.lane = 8;
  for (auto& end : redrive.ends) end = number++;
  redrive.finished = true;
  redrive.started = {1'700'000'000'002};
  redrive.bucket = {9, {10}};
  redrive.timer = {11};
  lines.add("RedriveRow", {queue}, redrive);
}

void add_schedule_rows(RowLines& lines) {
  const MessageId id{queue, Sequence::make(4, 1)};
  lines.add("OutcomeRow", {id},
            OutcomeRow{Fate::failed, Cause::rejected, {1'700'000'000'003}, "bad address", "result"});
  lines.add("OutcomeDueRow", {{1'700'000'000'003}, id}, OutcomeDueRow{});
  ScheduleRow schedule;
  schedule.version = 1;
  schedule.specification = "0 3 * * *";
  schedule.zone = "Europe/Berlin";
  schedule.missed = MissedRuns::all;
  schedule.anchor = {1'700'000'000'004};
  schedule.payload = "message";
  schedule.counted_bytes = 2;
  schedule.priority = 3;
  schedule.time_to_live_ms = 60'000;
  schedule.group = "customer-7";
  schedule.runs = {{1'700'000'000'005}, {1'700'000'000'006}};
  schedule.last = {1'700'000'000'007};
  schedule.sent = 4;
  schedule.lost = 5;
  schedule.missed_runs = 6;
  schedule.owes_one = true;
  schedule.caught_up = 7;
  lines.add("ScheduleRow", {queue, "nightly"}, schedule);
  lines.add("FarDueRow", {3'320'312, queue, Sequence::make(4, 7), WallDue::time_to_live}, FarDueRow{});
  lines.add("ScheduleDueRow", {{1'700'000'000'005}, queue, "nightly"}, ScheduleDueRow{});
  lines.add("ScheduleCountRow", {}, ScheduleCountRow{1, 2});
}

void add_session_rows(RowLines& lines) {
  const std::string id = "order-1";
  const WallTime until{1'700'000'000'008};
  lines.add("DeduplicationRow", {queue, id}, DeduplicationRow{{queue, Sequence::make(4, 1)}, until});
  lines.add("DeduplicationEndRow", {queue, until, Sequence::make(4, 1)}, DeduplicationEndRow{id});
  lines.add("MessageDeduplicationRow", message_key, MessageDeduplicationRow{id});
  const SessionId session(0x0908'0706'0504'0302);
  lines.add("SessionRow", {session}, SessionRow{{1}, {2}, 3, 4});
  StoredReply reply;
  reply.code = errc::queue_full;
  reply.detail = "full";
  reply.count = 5;
  reply.items.emplace_back().id = {queue, Sequence::make(4, 1)};
  reply.leases.push_back({queue, {Sequence::make(4, 1), 2}});
  reply.config = full_config(test::Age::now);
  SessionReplyRow kept;
  RowWriter writer(kept.reply);
  StoredReply::layout(writer, reply);
  lines.add("SessionReplyRow", {session, 6}, kept);
  lines.add("SessionTimerRow", {{7}, session}, SessionTimerRow{});
  lines.add("SessionLeaseRow", {session, queue, Sequence::make(4, 1)}, SessionLeaseRow{});
  lines.add("SessionCountRow", {}, SessionCountRow{8});
}

/// What the second format added.
void add_second_rows(RowLines& lines) {
  MessageRow message = full_message();
  message.group = 12;
  message.priority = 8;
  message.group_lease = 13;
  message.session = SessionId(14);
  message.has_deduplication = true;
  message.has_outcome = true;
  message.time_to_live_ms = 60'000;
  lines.add("MessageRow, every field", message_key, message);
  QueueRow row = full_queue();
  std::uint64_t number = 17;
  for (auto* field : {&row.cancelled, &row.dropped, &row.redriven, &row.moving_bytes, &row.held,
                      &row.next_group, &row.turn, &row.purged_turn}) {
    *field = number++;
  }
  row.purges = 23;
  row.credits = {24, 25, 26, 27, 28, 29, 30, 31, 32, 33};
  row.bucket = {34, {35}};
  row.timer = {36};
  lines.add("QueueRow", {queue}, row);
  lines.add("LaneRow", {queue, 9}, LaneRow{5, 4, 3, 2, 1});
  const QueueConfig config = full_config(test::Age::now);
  lines.add("ConfigRow", {queue}, ConfigRow{config});
  lines.add("CatalogQueueRow", {"orders"}, CatalogQueueRow{config, 2, {1'700'000'000'004}});
  lines.add("CatalogRemovedRow", {queue}, CatalogRemovedRow{config});
  lines.add("WindowRow", {queue}, WindowRow{3, true, {{1'700'000'000'005}, {1'700'000'000'006}}});
}

}  // namespace

TEST_CASE("messages are written as they were always written") {
  port::MessageParts plain;
  plain.body = as_bytes("hello");
  compare("message_plain.hex", hex(test::codec().make_message(plain).bytes(), 8));
  compare("message_rich.hex", hex(rich_message().bytes(), 8));
}

TEST_CASE("messages that were always written can be read") {
  const auto plain = from_hex("message_plain.hex");
  CHECK(as_text(test::codec().read_message(plain).value().body) == "hello");
  const auto rich = from_hex("message_rich.hex");
  const auto view = test::codec().read_message(rich).value();
  CHECK(view.attributes.at(0).key == "content-type");
  CHECK(as_text(view.attributes.at(0).value) == "text/plain");
  CHECK(view.reply_to == "replies");
}

TEST_CASE("entries are written as they were always written") {
  const auto sample = test::every_command(test::codec());
  compare("entry_2.hex", hex(test::codec().encode_entry(sample.header, sample.commands).bytes(), 8));
}

TEST_CASE("entries that were always written can be read") {
  auto decoder = test::codec().make_decoder();
  const auto sample = test::every_command(test::codec());
  CHECK(test::same(decoder->decode(from_hex("entry_2.hex")).value(), sample));
  const auto first = test::every_command(test::codec(), test::Age::first_format);
  CHECK(test::same(decoder->decode(from_hex("entry_1.hex")).value(), first));
}

TEST_CASE("configurations are written as they were always written") {
  compare("configuration.hex",
          hex(wire::encode_configuration({{PeerId(1), "tcp://a:7400", wire::ServerRole::voter},
                                          {PeerId(2), "tcp://b:7400", wire::ServerRole::standby}})
                  .bytes(),
              8));
}

TEST_CASE("keys and rows are written as they were always written and can be read") {
  RowLines lines;
  add_message_rows(lines);
  add_queue_rows(lines);
  compare("rows_1.txt", lines.text());
  RowLines second;
  add_second_rows(second);
  add_group_rows(second);
  add_session_rows(second);
  add_moving_rows(second);
  add_schedule_rows(second);
  compare("rows_2.txt", second.text());
}
