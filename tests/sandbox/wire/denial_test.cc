#include "sandbox/wire/denial.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {
namespace {

const GuardRule kRule{.text = "network.forbid evil.org", .origin = {"/p.toml", 3, ""}, .why = "bad"};

TEST_CASE("a denial is one line that says what, by which rule, and what not to do") {
  CHECK(denialJson({.target = "evil.org:443", .rule = kRule}) ==
        R"({"op":"connect","target":"evil.org:443","outcome":"forbidden","rule":"network.forbid evil.org",)"
        R"("file_line":"/p.toml:3","say":"bad","next":["do not retry"]})");
  const std::string path = "/" + std::string(3000, 'x');
  CHECK(denialJson({.operation = policy::Operation::kWrite,
                    .target = path,
                    .outcome = DenialOutcome::kExpired,
                    .rule = {.text = "not granted"},
                    .say = "nobody answered"}) ==
        R"({"op":"write","target":")" + path +
            R"(","outcome":"expired","rule":"not granted","file_line":null,"say":"nobody answered","next":["ask"]})");
}

TEST_CASE("what an agent or a server chose reaches no terminal, and a connection's denial is short") {
  const std::string odd = denialJson({.target = std::string(9000, '\x1b'), .rule = kRule, .say = "\n"});
  CHECK(odd.find('\x1b') == std::string::npos);
  CHECK(odd.find('\n') == std::string::npos);
  CHECK(odd.size() < 4096);
}

TEST_CASE("what a limit stopped is told as a line that says which, where it is written, and what to do") {
  CHECK(limitJson({"wall_time", "/p.toml:3", "The time is over.", "finish"}) ==
        R"({"op":"limit","target":"wall_time","outcome":"stopped","rule":"limits.wall_time","file_line":"/p.toml:3",)"
        R"("say":"The time is over.","next":["finish"]})");
  CHECK(limitJson({"memory", "", "", "use less"}).find(R"("file_line":null)") != std::string::npos);
  CHECK(limitJson({"memory", "\x1b", "\x1b\n", "use less"}).find_first_of("\x1b\n") == std::string::npos);
  const UniqueFd file(::memfd_create("denials", MFD_CLOEXEC));
  tellOfLimit(file.get(), {"memory", "", "less", "use less"});
  CHECK(::lseek(file.get(), 0, SEEK_END) ==
        static_cast<off_t>(limitJson({"memory", "", "less", "use less"}).size() + 1));
}

TEST_CASE("the file of denials begins anew when it is full, and none is needed") {
  const UniqueFd file(::memfd_create("denials", MFD_CLOEXEC));
  REQUIRE(::fcntl(file.get(), F_SETFL, O_APPEND) == 0);
  const Denial denial{.target = "/x", .rule = kRule, .say = std::string(500, 'x')};
  const std::uint64_t line = denialJson(denial).size() + 1;
  const std::uint64_t fits = kMaxDenialsFile.count / line;
  for (std::uint64_t i = 0; i < fits; ++i) tellAgent(file.get(), denial);
  CHECK(static_cast<std::uint64_t>(::lseek(file.get(), 0, SEEK_END)) == fits * line);
  tellAgent(file.get(), denial);
  CHECK(static_cast<std::uint64_t>(::lseek(file.get(), 0, SEEK_END)) == line);
  tellAgent(-1, denial);
}

}  // namespace
}  // namespace ringfence::sandbox
