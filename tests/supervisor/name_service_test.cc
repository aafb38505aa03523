#include "supervisor/name_service.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

namespace ringfence::supervisor {
namespace {

using Ids = std::map<std::string, std::uint32_t>;

constexpr Microseconds kStart = std::chrono::hours(1);

// Account files of its own, and a program in getent's place that writes down each time it is called.
class Machine {
 public:
  explicit Machine(const std::string& getent) {
    char name[] = "/tmp/ringfence-names-XXXXXX";
    directory_ = ::mkdtemp(name);
    write("passwd", "root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/sh\n+::::::\n");
    write("group", "video:x:44:ada\n");
    write("getent", "#!/bin/sh\necho \"$@\" >> " + (directory_ / "calls").string() + "\n" + getent + "\n");
    std::filesystem::permissions(directory_ / "getent", std::filesystem::perms::owner_all);
  }
  ~Machine() { std::filesystem::remove_all(directory_); }

  NameService names(Milliseconds patience = std::chrono::seconds(60)) const {
    return NameService({.passwd = directory_ / "passwd",
                        .group = directory_ / "group",
                        .getent = directory_ / "getent",
                        .patience = patience});
  }
  std::size_t calls() const {
    std::ifstream file(directory_ / "calls");
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    return count;
  }

 private:
  void write(const std::string& name, const std::string& text) { std::ofstream(directory_ / name) << text; }

  std::filesystem::path directory_;
};

TEST_CASE("who is in the machine's files is found there, and nobody else is asked") {
  const Machine machine("exit 1");
  NameService names = machine.names();
  CHECK(names.user(1000, kStart).value()->name == "ada");
  CHECK(names.user("ada", kStart).value()->home == "/home/ada");
  CHECK(names.groupIds({"video", "nobody's"}, {44}, 1000, kStart).value() == Ids{{"video", 44}});
  CHECK(machine.calls() == 0);
}

TEST_CASE("who is not is asked for once, and remembered for a minute") {
  const Machine machine("echo 'grace:*:5000:500:Grace:/net/grace:/bin/zsh'");
  NameService names = machine.names();
  for (int i = 0; i < 3; ++i) {
    const auto grace = names.user(5000, kStart + std::chrono::seconds(i)).value();
    REQUIRE(grace);
    CHECK(grace->name == "grace");
    CHECK(grace->gid == 500);
    CHECK(grace->shell == "/bin/zsh");
  }
  CHECK(machine.calls() == 1);
  CHECK(names.user(5000, kStart + std::chrono::seconds(61)).value());
  CHECK(machine.calls() == 2);
}

TEST_CASE("an answer about somebody else is none") {
  const Machine machine("echo 'grace:*:5000:500:Grace:/net/grace:/bin/zsh'");
  NameService names = machine.names();
  CHECK_FALSE(names.user("5000", kStart).value());
  CHECK_FALSE(names.user(5001, kStart).value());
}

TEST_CASE("whom nobody knows is nobody; a name service that fails is an error, and not tried again at once") {
  const Machine unknown("exit 2");
  NameService nobody = unknown.names();
  CHECK_FALSE(nobody.user(5000, kStart).value());

  const Machine broken("exit 1");
  NameService names = broken.names();
  CHECK(names.user(5000, kStart).error().code == ErrorCode::kBusy);
  CHECK(names.user(5000, kStart + std::chrono::seconds(9)).error().code == ErrorCode::kBusy);
  CHECK(broken.calls() == 1);
  CHECK_FALSE(names.user(5000, kStart + std::chrono::seconds(11)));
  CHECK(broken.calls() == 2);
}

TEST_CASE("a name service that never answers, or answers and does not end, is given up at the deadline") {
  for (const char* getent : {"exec tail -f /dev/null", "exec tail -f /dev/null >/dev/null", "exec cat /dev/zero"}) {
    INFO(getent);
    const Machine machine(getent);
    NameService names = machine.names(Milliseconds(200));
    const auto answer = names.user(5000, kStart);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message.find("does not answer for 5000") != std::string::npos);
  }
}

TEST_CASE("a group is one that the caller is in, and the name service hears only of callers with groups of its own") {
  const Machine machine("[ \"$3\" = net ] && echo 'net:*:5000:ada,grace' || exit 2");
  NameService names = machine.names();
  CHECK(names.groupIds({"video", "net"}, {44}, 1000, kStart).value() == Ids{{"video", 44}});
  CHECK(names.groupIds({"video"}, {45}, 1000, kStart).value().empty());
  CHECK(machine.calls() == 0);
  CHECK(names.groupIds({"video", "net", "other"}, {44, 5000}, 1000, kStart).value() ==
        Ids{{"video", 44}, {"net", 5000}});
  CHECK(machine.calls() == 2);
  CHECK(names.groupIds({"net"}, {5001}, 1001, kStart).value().empty());
  CHECK(machine.calls() == 2);
}

TEST_CASE("no caller can keep the loop waiting with one group after another") {
  const Machine machine("exit 1");
  NameService names = machine.names();
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= kMaxGroupsAskedFor; ++i) many.push_back("g" + std::to_string(i));
  CHECK(names.groupIds(many, {5000}, 1000, kStart).error().code == ErrorCode::kUnsupported);
  CHECK(machine.calls() == 0);
  for (const char* name : {"a", "b", "c"})
    CHECK(names.groupIds({name}, {5000}, 1000, kStart).error().code == ErrorCode::kBusy);
  CHECK(machine.calls() == 1);
  CHECK_FALSE(names.groupIds({"b"}, {5000}, 1001, kStart));
  CHECK(machine.calls() == 2);
  CHECK_FALSE(names.groupIds({"c"}, {5000}, 1000, kStart + std::chrono::seconds(11)));
  CHECK(machine.calls() == 3);
}

TEST_CASE("without a way to ask the name service, who is not in the files is told so") {
  NameService names({.passwd = "/dev/null", .group = "/dev/null", .getent = "/nonexistent/getent"});
  const auto answer = names.user(5000, kStart);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().message.find("cannot be asked: running /nonexistent/getent") != std::string::npos);
}

TEST_CASE("all groups of a login are read, each time, and a number in a name is none of them") {
  const Machine machine("echo 'x 27                 44 1000 5000'");
  NameService names = machine.names();
  for (int i = 0; i < 2; ++i)
    CHECK(names.groupsOf("x 27", kStart).value() == std::vector<std::uint32_t>{44, 1000, 5000});
  CHECK(machine.calls() == 2);
  CHECK(names.groupsOf("ada", kStart).error().code == ErrorCode::kInternal);
}

}  // namespace
}  // namespace ringfence::supervisor
