// Real control groups with processes in them, as runs have them, for the tests of ringfence-stop.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/features.h"
#include "sdk/base/io.h"
#include "supervisor/stop/stopper.h"
#include "tests/support/temp_dir.h"

namespace ringfence::test {

using namespace supervisor::stop;
using policy::PriorityClass;
using sandbox::CgroupTree;
using sandbox::Leaf;

inline bool eventually(const std::function<bool()>& holds, int seconds = 60) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// Counted by processes of the test.
class SharedCounter {
 public:
  SharedCounter() : page_(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    REQUIRE(page_ != MAP_FAILED);
    new (page_) std::atomic<std::uint64_t>(0);
  }
  ~SharedCounter() { munmap(page_, 4096); }
  SharedCounter(const SharedCounter&) = delete;
  SharedCounter& operator=(const SharedCounter&) = delete;
  std::atomic<std::uint64_t>& value() const { return *static_cast<std::atomic<std::uint64_t>*>(page_); }

 private:
  void* page_;
};

class StopWorld {
 public:
  explicit StopWorld(const std::string& suffix = "") : name("rf-test-" + std::to_string(getpid()) + suffix) {
    tree = std::make_unique<CgroupTree>(CgroupTree::open(features, name, UniqueFd(dup(root.get()))).value());
  }
  ~StopWorld() {
    const auto found = tree->list();
    for (const auto& [run, priority] : found.value()) (void)tree->kill(run, priority);
    for (const pid_t child : children) waitpid(child, nullptr, 0);
    for (const auto& [run, priority] : found.value())
      CHECK(eventually([&, id = run, of = priority] { return tree->removeRun(id, of).has_value(); }));
    CHECK(eventually([&] { return tree->removeBranches().has_value(); }));
  }

  RunId addRun(PriorityClass priority = PriorityClass::kBackground, const sandbox::ResourceLimits& limits = {}) {
    const RunId run = RunId::random();
    REQUIRE(tree->createRun(run, priority));
    REQUIRE(tree->setLimits(run, priority, limits));
    return run;
  }

  RunId addRunOf(std::uint32_t owner, int sleepers, PriorityClass priority = PriorityClass::kBackground) {
    const RunId run = addRun(priority);
    REQUIRE(tree->setOwner(run, priority, owner));
    addSleepers(run, sleepers, priority);
    return run;
  }
  bool hasSomebody(const RunId& run, PriorityClass priority = PriorityClass::kBackground) const {
    return tree->isPopulated(run, priority).value();
  }

  // A process of the run, which does that and is in its group before it begins.
  pid_t add(const RunId& run, const std::function<void()>& does, PriorityClass priority = PriorityClass::kBackground) {
    int gate[2];
    REQUIRE(pipe2(gate, O_CLOEXEC) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      char go = 0;
      close(gate[1]);
      if (read(gate[0], &go, 1) != 1) _exit(1);
      does();
      for (;;) pause();
    }
    close(gate[0]);
    REQUIRE(tree->join(run, priority, child));
    REQUIRE(write(gate[1], "x", 1) == 1);
    close(gate[1]);
    children.push_back(child);
    return child;
  }
  void addSleepers(const RunId& run, int many, PriorityClass priority = PriorityClass::kBackground) {
    for (int i = 0; i < many; ++i)
      add(
          run, [] {}, priority);
  }

  std::unique_ptr<Stopper> stopper() const {
    auto made = std::make_unique<Stopper>(Branches::open(Branches::findMounts().value(), name).value(),
                                          LatchFile::open(state.path()).value(), EvidenceReader::open().value(), clock);
    made->begin();
    return made;
  }
  static const Receipt& readBack(Stopper& stopper) {
    REQUIRE(eventually([&] { return !stopper.advance(); }));
    return stopper.receipt();
  }
  // In the unified hierarchy; without a run, that of the branch.
  std::string groupOf(const RunId& run, PriorityClass priority = PriorityClass::kBackground) const {
    const std::string branch = name + (priority == PriorityClass::kBackground ? "-background" : "-interactive");
    return features.unifiedMount + "/" + branch + (run.empty() ? "" : "/" + run.text());
  }
  bool isToldToFreeze(const RunId& run, PriorityClass priority = PriorityClass::kBackground) const {
    return readFileAt(AT_FDCWD, groupOf(run, priority) + "/cgroup.freeze", kibibytes(1)).value() == "1\n";
  }

  UniqueFd root{open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
  sandbox::KernelFeatures features = sandbox::probeFeatures(root.get());
  std::string name;
  TempDir state;
  SystemClock clock;
  std::unique_ptr<CgroupTree> tree;
  std::vector<pid_t> children;
};

}  // namespace ringfence::test
