#include "supervisor/meter/process_io.h"

#include <fcntl.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

std::string ioText(int read, int written, int files) {
  return "rchar: " + std::to_string(read) + "\nwchar: " + std::to_string(written) +
         "\nsyscr: 9\nsyscw: 9\nread_bytes: 9\nwrite_bytes: " + std::to_string(files) + "\ncancelled_write_bytes: 9\n";
}

}  // namespace

TEST_CASE("what a process read and wrote is known when all of its numbers are there") {
  CHECK(parseProcessIo(ioText(1, 2, 3)) == ProcessIo{1, 2, 3});
  CHECK_FALSE(parseProcessIo(""));
  CHECK_FALSE(parseProcessIo("rchar: 1\nwchar: 2\n"));
  CHECK_FALSE(parseProcessIo("rchar: 1\nwchar: 2\nwrite_bytes: x\n"));
}

TEST_CASE("processes are added up; who is gone is left out, and one that cannot be read makes the sum unknown") {
  const test::TempDir dir;
  dir.write("1/io", ioText(1, 2, 3));
  dir.write("2/io", ioText(10, 20, 30));
  dir.write("3/io", "rchar: 1\n");
  const UniqueFd proc = openAt(AT_FDCWD, dir.path(), O_PATH | O_DIRECTORY).value();
  CHECK(sumProcessIo(proc.get(), std::array{1, 2, 99}) == ProcessIo{11, 22, 33});
  CHECK(sumProcessIo(proc.get(), {}) == ProcessIo{});
  CHECK_FALSE(sumProcessIo(proc.get(), std::array{1, 3}));
  CHECK_FALSE(sumProcessIo(proc.get(), std::vector<int>(1025, 1)));
}

TEST_CASE("what a process that nobody waited for takes with it is not given back") {
  WrittenTotal fresh(0);
  fresh.add(100);
  CHECK(fresh.total() == 100);
  fresh.add(40);
  CHECK(fresh.total() == 100);
  fresh.add(50);
  CHECK(fresh.total() == 110);
  WrittenTotal known;
  known.add(1000);
  CHECK(known.total() == 0);
  known.add(1001);
  CHECK(known.total() == 1);
}
