// Suite embed: what it costs to have peerq in a program: compile time, size, threads, memory, opening.

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "child.hpp"
#include "scratch.hpp"
#include "session.hpp"

namespace peerq::bench {

namespace {

namespace fs = std::filesystem;

constexpr double mebibyte = 1 << 20;

Case make_case(const std::string& name, const std::string& unit, const std::string& floor,
               double target = 1) {
  return {.suite = "embed", .name = name, .unit = unit, .floor = floor, .target = target};
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream out(path);
  out << text;
  if (!out.flush()) throw CannotMeasure("cannot write " + path.string());
}

/// Processor seconds of one compilation, as users compile.
double compile(const fs::path& source) {
  const std::string headers = std::string(PEERQ_SOURCE_DIR) + "/include";
  const ChildEnd end = run_program({PEERQ_CXX_COMPILER, "-std=c++20", "-O2", "-I", headers, "-c",
                                    source.string(), "-o", source.string() + ".o"});
  if (end.status != 0) throw CannotMeasure("cannot compile " + source.string());
  return end.cpu_seconds;
}

void run_compile(Session& session) {
  const Case of = make_case("compile/peerq-queue.hpp", "s", "chrono+functional+string+vector", 0.7);
  if (!session.begins(of.name)) return;
  setenv("CCACHE_DISABLE", "1", 1);
  const ScratchFolder folder(session.settings().data, "embed-compile");
  const fs::path ours = folder / "ours.cpp";
  const fs::path bare = folder / "bare.cpp";
  write_file(ours, "#include <peerq/queue.hpp>\n");
  write_file(bare, "#include <chrono>\n#include <functional>\n#include <string>\n#include <vector>\n");
  compile(ours);
  compile(bare);
  Rounds rounds(Kind::latency);
  for (std::size_t round = 0; round < session.settings().rounds(); ++round) {
    const double value = compile(ours);
    rounds.add(value, compile(bare));
  }
  session.report(of, rounds);
}

void run_size(Session& session) {
  if (!session.begins("program-size")) return;
  const ScratchFolder folder(session.settings().data, "embed-size");
  const fs::path stripped = folder / "send_one";
  if (run_program({"strip", "-o", stripped.string(), PEERQ_SEND_ONE}).status != 0) {
    throw CannotMeasure("cannot strip the program");
  }
  if (run_program({stripped.string(), (folder / "peerq").string()}).status != 0) {
    throw CannotMeasure("the stripped program fails");
  }
  Rounds rounds(Kind::latency);
  rounds.add(static_cast<double>(fs::file_size(stripped)) / mebibyte, 6);
  session.report(make_case("program-size/stripped", "MiB", "limit"), rounds);
}

void run_idle(Session& session) {
  if (!session.begins("idle-node")) return;
  Rounds threads(Kind::latency);
  Rounds memory(Kind::latency);
  Rounds opening(Kind::latency);
  std::vector<double> anonymous;
  for (std::size_t round = 0; round < session.settings().rounds(); ++round) {
    const ScratchFolder folder(session.settings().data, "embed-idle");
    const Figures figures = run_for_figures({PEERQ_IDLE_NODE, (folder / "peerq").string()});
    threads.add(need(figures, "threads"), 4);
    memory.add(need(figures, "memory_mib"), 16);
    opening.add(need(figures, "open_ms"), 30);
    anonymous.push_back(need(figures, "anonymous_mib"));
  }
  session.report(make_case("idle-node/threads", "threads", "limit"), threads);
  session.report(make_case("idle-node/memory", "MiB", "limit"), memory,
                 {{"anonymous_mib", median(anonymous)}});
  session.report(make_case("open/new-directory", "ms", "limit"), opening);
}

}  // namespace

void run_embed_suite(Session& session) {
  run_compile(session);
  run_size(session);
  run_idle(session);
  session.finish_suite();
}

}  // namespace peerq::bench
