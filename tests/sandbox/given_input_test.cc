// What a person hands to a run as its standard input stays theirs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/sandbox/launcher_process.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

TEST_CASE("a file that is the standard input is read from where it was, and nothing about it is changed through it") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  TempDir outside;
  REQUIRE(::chmod(outside.path().c_str(), 0755) == 0);
  const std::string path = outside.path() + "/given";
  const UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  REQUIRE(::write(made.get(), "abcdef", 6) == 6);
  REQUIRE(::fchown(made.get(), kTestUid, kTestUid) == 0);
  const UniqueFd given(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(::lseek(given.get(), 2, SEEK_SET) == 2);
  struct stat before {};
  REQUIRE(::fstat(made.get(), &before) == 0);
  const Plan plan = shellPlan(
      "exec python3 -c '\nimport errno, os\n"
      "def tried(change):\n"
      "    try:\n        change()\n        return \"done\"\n"
      "    except OSError as error:\n        return errno.errorcode[error.errno]\n"
      "print(os.read(0, 2).decode(), open(\"/proc/self/fd/0\").read())\n"
      "print(tried(lambda: os.fchmod(0, 0o777)), tried(lambda: os.utime(0, (1, 1))), "
      "tried(lambda: os.fchown(0, 1000, 1000)), tried(lambda: os.setxattr(0, \"user.a\", b\"b\")))'");
  std::vector<int> fds = output.fds();
  fds[kStdioDescriptor] = given.get();
  CHECK(launcher.runToEnd(plan, fds).exit.code == 0);
  CHECK(output.text() == "cd abcdef\nEROFS EROFS EROFS EROFS\n");
  struct stat after {};
  REQUIRE(::fstat(made.get(), &after) == 0);
  CHECK(after.st_mode == before.st_mode);
  CHECK(after.st_mtim.tv_sec == before.st_mtim.tv_sec);
  // Others are the run's as they are: here a pipe, and a file that it may write.
  int pipe[2];
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  const UniqueFd reading(pipe[0]);
  UniqueFd writing(pipe[1]);
  REQUIRE(::write(writing.get(), "piped", 5) == 5);
  writing.reset();
  OutputFile other(workspace);
  fds = other.fds();
  fds[kStdioDescriptor] = reading.get();
  CHECK(launcher.runToEnd(shellPlan("cat"), fds).exit.code == 0);
  CHECK(other.text() == "piped");
  OutputFile last(workspace);
  fds = last.fds();
  fds[kStdioDescriptor] = made.get();
  CHECK(launcher.runToEnd(shellPlan("echo g >&0"), fds).exit.code == 0);
  CHECK(readFile(path) == "abcdefg\n");
}
