#include "ui/cli/shim.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <string>

#include "tests/support/temp_dir.h"
#include "ui/cli/program.h"

namespace ringfence::cli {
namespace {

using test::TempDir;

// Shims in two directories, a real program behind them, and a ringfence that says with what it was called.
struct Shims {
  TempDir directory;
  std::string base = directory.path();

  Shims() {
    write("real/agent", "#!/bin/sh\necho real \"$0\" \"$@\"\n");
    write("bin/ring fence", "#!/bin/sh\necho fenced \"$@\"\n");
    for (const char* place : {"a", "b"})
      write(std::string(place) + "/agent", shimText({"agent", base + "/" + place, base + "/bin/ring fence", "coding"}));
  }
  void write(const std::string& path, const std::string& text) const {
    REQUIRE(::chmod(directory.write(path, text).c_str(), 0755) == 0);
  }
  std::string path(const std::string& places) const {
    std::string all;
    for (const char place : places) all += base + (place == 'r' ? "/real:" : std::string("/") + place + ":");
    return all + "/usr/bin:/bin";
  }
  struct Said {
    int status = 0;
    std::string output;
  };
  Said call(const std::string& places, const std::string& environment, const std::string& from = "a") const {
    const std::string line = "env -u RINGFENCE_RUN PATH=" + path(places) + " " + environment + " " + base + "/" + from +
                             "/agent 'two words' '*' >" + base + "/output 2>&1";
    const int status = std::system(line.c_str());
    return {WEXITSTATUS(status), test::readFile(base + "/output")};
  }
};

}  // namespace

TEST_CASE("a shim runs the real program behind all shims through the fence, with its arguments as they are") {
  const Shims shims;
  CHECK(shims.call("abr", "").output == "fenced run -p coding -- " + shims.base + "/real/agent two words *\n");
  CHECK(shims.call("bar", "", "b").output == "fenced run -p coding -- " + shims.base + "/real/agent two words *\n");
}

TEST_CASE(
    "a variable alone, as any project can set it, takes nobody out of the fence, and shims of shims do not go round") {
  const Shims shims;
  CHECK(shims.call("abr", "RINGFENCE_RUN=r-1").output ==
        "fenced run -p coding -- " + shims.base + "/real/agent two words *\n");
  const auto alone = shims.call("ab", "");
  CHECK(alone.status == 127);
  CHECK(alone.output.find("there is no other agent on PATH") != std::string::npos);
}

TEST_CASE("a shim is known by its head, and words of a shell are quoted") {
  CHECK(isShim(shimText({"agent", "/s", "/r", "coding"})));
  CHECK_FALSE(isShim("#!/bin/sh\necho hello\n"));
  CHECK_FALSE(isShim(""));
  CHECK(shellWord("it's") == "'it'\\''s'");
}

TEST_CASE("a run's command is never a shim of the person's PATH") {
  const Shims shims;
  const auto found = findProgram("agent", {shims.path("abr"), "", "/nowhere", "/"});
  REQUIRE(std::holds_alternative<Program>(found));
  CHECK(std::get<Program>(found).executable.ends_with("/real/agent"));
}

}  // namespace ringfence::cli
