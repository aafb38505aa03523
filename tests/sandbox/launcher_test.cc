// The launcher's pipeline, seen from the daemon's side of its socket and from inside a run.
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/sandbox/launcher_process.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using namespace ringfence::test;

TEST_CASE("a run says hello and its exit code comes back") {
  LauncherProcess launcher;
  Workspace workspace;
  OutputFile output(workspace);
  const Ended ended = launcher.runToEnd(shellPlan("echo hello; exit 7"), output.fds());
  CHECK(ended.exit.code == 7);
  CHECK(output.text() == "hello\n");
}
