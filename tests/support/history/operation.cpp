#include "support/history/operation.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace peerq::history {

namespace {

constexpr std::array<std::string_view, 11> kinds = {
    "send", "receive", "erase", "extend", "nack", "release", "reject", "kick", "purge", "state", "drained"};
constexpr std::array<std::string_view, 3> outcomes = {"ok", "fail", "info"};

template <class Enum, std::size_t size>
std::optional<Enum> find(const std::array<std::string_view, size>& names, std::string_view name) {
  for (std::size_t i = 0; i < size; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

template <class Number>
bool parse(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::pair<std::string_view, std::string_view> split(std::string_view text, char at) {
  const auto found = text.find(at);
  if (found == text.npos) return {text, {}};
  return {text.substr(0, found), text.substr(found + 1)};
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const auto [word, rest] = split(line, ' ');
    if (!word.empty()) words.push_back(word);
    line = rest;
  }
  return words;
}

bool parse_code(std::string_view name, errc& code) {
  for (int i = 0; i < 256; ++i) {
    if (name_of(static_cast<errc>(i)) == name) {
      code = static_cast<errc>(i);
      return true;
    }
  }
  return false;
}

bool parse_body(std::string_view text, Operation& operation) {
  if (text == "bad") return operation.body_bad = true;
  const auto [producer, number] = split(text, ':');
  BodyTag tag;
  if (!parse(producer, tag.producer) || !parse(number, tag.number)) return false;
  operation.body = tag;
  return true;
}

bool parse_word(std::string_view word, Operation& o) {
  const auto [key, value] = split(word, '=');
  if (value.empty()) {
    if (key == "gone") return o.already_gone = true;
    if (key == "returned") return o.already_returned = true;
    if (key == "again") return o.again = true;
    if (key == "erase") return o.erased = true;
    if (key == "empty") return o.empty = true;
    return false;
  }
  if (key == "q") return o.queue = value, true;
  if (key == "m") return o.message = value, true;
  if (key == "src") return o.source = value, true;
  if (key == "n") return parse(value, o.attempt);
  if (key == "c") return parse(value, o.receive_count);
  if (key == "v") return parse(value, o.lease_ms);
  if (key == "d") return parse(value, o.delay_ms);
  if (key == "i") return parse(value, o.log_index);
  if (key == "dump") return parse(value, o.dump);
  if (key == "code") return parse_code(value, o.code);
  if (key == "body") return parse_body(value, o);
  return false;
}

bool parse_name(std::string_view text, Operation& o) {
  const auto [process, rest] = split(text, '.');
  const auto [number, part] = split(rest, '.');
  return parse(process, o.process) && (number.empty() || parse(number, o.number)) &&
         (part.empty() || parse(part, o.part));
}

bool parse_times(std::string_view text, Operation& o) {
  const auto [start, end] = split(text, '-');
  if (!parse(start, o.start_us)) return false;
  if (end == "?") return true;
  std::int64_t time = 0;
  if (!parse(end, time)) return false;
  o.end_us = time;
  return time >= o.start_us;
}

}  // namespace

std::string_view name_of(Kind kind) noexcept { return kinds[static_cast<std::size_t>(kind)]; }
std::string_view name_of(Outcome outcome) noexcept { return outcomes[static_cast<std::size_t>(outcome)]; }

std::string to_text(const Operation& o) {
  std::string out =
      fmt::format("{}.{}.{} {}-{} {} {} q={}", o.process, o.number, o.part, o.start_us,
                  o.end_us ? std::to_string(*o.end_us) : "?", name_of(o.kind), name_of(o.outcome), o.queue);
  if (!o.message.empty()) out += " m=" + o.message;
  if (o.attempt != 0) out += fmt::format(" n={}", o.attempt);
  if (o.receive_count != 0) out += fmt::format(" c={}", o.receive_count);
  if (o.lease_ms != 0) out += fmt::format(" v={}", o.lease_ms);
  if (o.delay_ms != 0) out += fmt::format(" d={}", o.delay_ms);
  if (o.log_index != 0) out += fmt::format(" i={}", o.log_index);
  if (o.body) out += fmt::format(" body={}:{}", o.body->producer, o.body->number);
  if (o.body_bad) out += " body=bad";
  if (o.code != errc::ok) out += fmt::format(" code={}", peerq::name_of(o.code));
  if (!o.source.empty()) out += " src=" + o.source;
  if (o.dump != 0) out += fmt::format(" dump={}", o.dump);
  if (o.already_gone) out += " gone";
  if (o.already_returned) out += " returned";
  if (o.again) out += " again";
  if (o.erased) out += " erase";
  if (o.empty) out += " empty";
  return out;
}

std::optional<Operation> parse_operation(std::string_view line) {
  const auto words = words_of(line);
  Operation operation;
  if (words.size() < 4 || !parse_name(words[0], operation) || !parse_times(words[1], operation))
    return std::nullopt;
  const auto kind = find<Kind>(kinds, words[2]);
  const auto outcome = find<Outcome>(outcomes, words[3]);
  if (!kind || !outcome) return std::nullopt;
  operation.kind = *kind;
  operation.outcome = *outcome;
  for (std::size_t i = 4; i < words.size(); ++i) {
    if (!parse_word(words[i], operation)) return std::nullopt;
  }
  return operation;
}

}  // namespace peerq::history
