// Real programs under the default table: what is refused is not what they need.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "sandbox/kernel/seccomp.h"
#include "sandbox/plan/seccomp_default.h"
#include "tests/support/temp_dir.h"

namespace ringfence::sandbox {
namespace {

// Runs a shell script in a child that installed the filter; the script's exit status, or 128 and the signal.
int runFiltered(const test::TempDir& directory, const std::string& script) {
  const auto program = compile(defaultSeccompTable(), nativeArchitecture());
  REQUIRE(program);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (chdir(directory.path().c_str()) != 0) _exit(120);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(121);
    if (install(*program) != 0) _exit(122);
    execl("/bin/bash", "bash", "-ec", script.c_str(), nullptr);
    _exit(123);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_CASE("a compiler, make, an interpreter with threads and sockets, and git work under the filter") {
  const test::TempDir directory;
  directory.write("a.c", "int main(void) { return 0; }\n");
  directory.write("Makefile", "all: a\na: a.c\n\tcc -o a a.c\n");
  CHECK(runFiltered(directory, "make -j2 >/dev/null && ./a") == 0);
  CHECK(runFiltered(directory,
                    "/usr/bin/python3 -c 'import subprocess, threading, socket, asyncio, tempfile\n"
                    "t = threading.Thread(target=int); t.start(); t.join()\n"
                    "subprocess.run([\"true\"], check=True); socket.socket(); tempfile.TemporaryFile()\n"
                    "asyncio.run(asyncio.sleep(0))'") == 0);
  CHECK(runFiltered(directory,
                    "git init -q r && cd r && echo x > f && git add f && "
                    "git -c user.name=a -c user.email=a@b commit -qm m && git clone -q . ../copy") == 0);
  CHECK(runFiltered(directory,
                    "echo a | cat | wc -c >/dev/null; cp -a a.c b.c; tar cf - a.c | tar tf - >/dev/null; "
                    "mkfifo p; ln -s a.c l; chmod 600 b.c; (sleep 0 & wait)") == 0);
}

TEST_CASE("set-id bits and new namespaces are refused for real") {
  const test::TempDir directory;
  directory.write("a", "");
  CHECK(runFiltered(directory, "! chmod 4755 a 2>/dev/null && ! chmod 2755 a 2>/dev/null && chmod 755 a") == 0);
  CHECK(runFiltered(directory, "! mkdir -m 2755 d 2>/dev/null && ! unshare -U true 2>/dev/null") == 0);
}

#if defined(__x86_64__)
TEST_CASE("a call through the 32-bit door kills the process") {
  const auto program = compile(defaultSeccompTable(), nativeArchitecture());
  REQUIRE(program);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || install(*program) != 0) _exit(121);
    long result = 20;  // getpid of i386
    asm volatile("int $0x80" : "+a"(result) : : "memory");
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGSYS);
}
#endif

}  // namespace
}  // namespace ringfence::sandbox
