#include "supervisor/meter/process_starts.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

struct Proc {
  test::TempDir directory;
  UniqueFd fd = *openAt(AT_FDCWD, directory.path(), O_DIRECTORY | O_RDONLY);
  ProcessStarts starts;

  void add(int pid, int parent, const std::string& name = "sh") const {
    directory.write(std::to_string(pid) + "/stat",
                    std::to_string(pid) + " (" + name + ") S " + std::to_string(parent) + " 1 1 0 -1 4194304 0\n");
  }
  std::uint64_t look(const std::vector<int>& processes, int parent = 10) {
    starts.look(fd.get(), processes, parent);
    return starts.total();
  }
};

}  // namespace

TEST_CASE("the parent of a process is told whatever it calls itself") {
  CHECK(parseParent("12 (sh) S 10 1 1\n") == 10);
  CHECK(parseParent("12 (a) S 99 (b) R 10 1\n") == 10);
  CHECK_FALSE(parseParent("12 (sh) S"));
  CHECK_FALSE(parseParent("12 (sh) S 10"));
  CHECK_FALSE(parseParent("12 (sh) S x 1"));
  CHECK_FALSE(parseParent("12 (sh) S 99999999999 1"));
  CHECK_FALSE(parseParent(""));
}

TEST_CASE("programs that the agent's own process starts are counted once, and those below them are not") {
  Proc proc;
  proc.add(10, 1);
  proc.add(11, 10);
  CHECK(proc.look({10, 11}) == 0);  // They were there.
  proc.add(12, 10, "a) S 1 (b");
  proc.add(13, 12);
  CHECK(proc.look({10, 11, 12, 13}) == 1);
  CHECK(proc.look({10, 12, 13}) == 1);
  proc.add(14, 10);
  CHECK(proc.look({10, 12, 13, 14, 15}) == 2);  // 15 is gone again.
  CHECK(proc.look({10, 14}) == 2);
}
