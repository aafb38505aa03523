#include "sandbox/kernel/process_chain.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>

#include "sdk/base/io.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

// A /proc of real files.
class Proc {
 public:
  Proc() : fd_(std::move(openAt(AT_FDCWD, directory_.path(), O_PATH | O_DIRECTORY)).value()) {}
  void add(int thread, int process, int parent, const std::string& namespacePids, const std::string& name) {
    (void)directory_.write(std::to_string(thread) + "/status",
                           "Name:\t" + name + "\nUmask:\t0022\nTgid:\t" + std::to_string(process) + "\nPPid:\t" +
                               std::to_string(parent) + "\nTracerPid:\t0\nNSpid:\t" + namespacePids +
                               "\nSigPnd:\t0\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n");
  }
  int fd() const { return fd_.get(); }

 private:
  test::TempDir directory_;
  UniqueFd fd_;
};

}  // namespace

TEST_CASE("the chain goes from the process of the calling thread up to the run's pid 1, and not beyond") {
  Proc proc;
  proc.add(1, 1, 0, "1", "launcher");
  proc.add(70, 70, 1, "70\t1", "run-init");
  proc.add(80, 80, 70, "80\t2", "agent");
  proc.add(90, 90, 80, "90\t3", "sh");
  proc.add(91, 90, 80, "91\t4", "thread of sh");
  CHECK(readProcessChain(proc.fd(), 91) == std::vector<ProcessLink>{{90, "sh"}, {80, "agent"}, {70, "run-init"}});
}

TEST_CASE("a pid namespace inside the run does not end the chain") {
  Proc proc;
  proc.add(70, 70, 1, "70\t1", "run-init");
  proc.add(80, 80, 70, "80\t2\t1", "inner");
  proc.add(90, 90, 80, "90\t3\t2", "sh");
  CHECK(readProcessChain(proc.fd(), 90).size() == 3);
}

TEST_CASE("a parent outside the run ends the chain") {
  Proc proc;
  proc.add(1, 1, 0, "1", "launcher");
  proc.add(80, 80, 1, "80\t2", "agent whose parent left");
  CHECK(readProcessChain(proc.fd(), 80) == std::vector<ProcessLink>{{80, "agent whose parent left"}});
}

TEST_CASE("a chain is bounded, also where parents go round in a circle") {
  Proc proc;
  proc.add(10, 10, 11, "10\t5", "a");
  proc.add(11, 11, 10, "11\t6", "b");
  CHECK(readProcessChain(proc.fd(), 10).size() == kMaxProcessChain);
}

TEST_CASE("of a thread that is gone there is no chain and its status is not found") {
  Proc proc;
  CHECK(readProcessChain(proc.fd(), 10).empty());
  const auto status = readThreadStatus(proc.fd(), 10);
  REQUIRE_FALSE(status);
  CHECK(status.error().code == ErrorCode::kNotFound);
}

TEST_CASE("the chain of a living process begins with it") {
  const UniqueFd proc = std::move(openAt(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY)).value();
  const auto chain = readProcessChain(proc.get(), ::getpid());
  REQUIRE_FALSE(chain.empty());
  CHECK(chain.front().pid == ::getpid());
}
