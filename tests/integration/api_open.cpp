// Directories that cannot be used: what an open says, and that it changes nothing.

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <fstream>

#include "interposed.hpp"
#include "opened.hpp"
#include "peerq/peerq.hpp"

namespace peerq::test {
namespace {

using Catch::Matchers::ContainsSubstring;

TEST_CASE("api node: a directory of a newer version is refused, and kept", "[api][bad-input]") {
  Opened opened;
  REQUIRE(opened.node.create_queue("orders"));
  REQUIRE(opened.node.close());
  const std::string format = opened.directory.inside("data") + "/FORMAT";
  std::string own;
  std::getline(std::ifstream(format), own);
  std::ofstream(format) << "peerq 99\n";
  const Error error = Node::open({.data_dir = opened.directory.inside("data")}).error();
  CHECK(error == errc::data_dir_unsupported);
  CHECK_THAT(error.text(), ContainsSubstring("99") && ContainsSubstring("upgrade"));
  std::ofstream(format) << own << '\n';
  auto node = Node::open({.data_dir = opened.directory.inside("data")}).value();
  CHECK(node.open_queue("orders"));
}

TEST_CASE("api node: a network file system is refused by name", "[api][bad-input]") {
  constexpr long nfs = 0x6969;
  const FaultsUntilEnd end;
  TemporaryDirectory directory;
  faults().file_system_type = nfs;
  const Error error = Node::open({.data_dir = directory.inside("data")}).error();
  CHECK(error == errc::data_dir_unsupported);
  CHECK_THAT(error.text(), ContainsSubstring("NFS") && ContainsSubstring("local disk"));
  CHECK_FALSE(std::filesystem::exists(directory.inside("data")));
}

TEST_CASE("api node: a directory that may not be written is refused with what to do", "[api][bad-input]") {
  constexpr uid_t nobody = 65'534;
  TemporaryDirectory directory;
  const std::string path = directory.inside("data");
  REQUIRE(std::filesystem::create_directory(path));
  REQUIRE(::chmod(path.c_str(), 0555) == 0);
  REQUIRE(::chmod(directory.inside("").c_str(), 0755) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // The superuser may write everywhere.
    if (::geteuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0)) ::_exit(2);
    const auto opened = Node::open({.data_dir = path});
    const std::string text = opened ? std::string() : opened.error().text();
    const bool told = text.starts_with("data_dir_unsupported") && text.find(path) != std::string::npos &&
                      text.find("change its owner or mode") != std::string::npos;
    ::_exit(told ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(std::filesystem::is_empty(path));
}

}  // namespace
}  // namespace peerq::test
