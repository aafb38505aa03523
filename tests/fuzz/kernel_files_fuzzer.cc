// Whatever stands in a mount table or in the files of a control group is read without harm: numbers are known or
// absent. The input is the content of each of the files in turn.
#include <fcntl.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/mount_table.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using policy::PriorityClass;

namespace {

constexpr const char* kFiles[] = {"cpu.stat",     "memory.current", "memory.peak",  "memory.events",
                                  "pids.current", "io.stat",        "cgroup.procs", "cgroup.events"};

// A unified hierarchy of one run, as real files.
struct Group {
  test::TempDir dir;
  RunId run = RunId::random();
  std::string agent = dir.path() + "/unified/rf-background/" + run.text() + "/agent/";
  sandbox::CgroupTree tree = open();

  sandbox::CgroupTree open() {
    sandbox::KernelFeatures features;
    features.layout = sandbox::CgroupLayout::kUnified;
    features.unifiedMount = "/unified";
    dir.write("unified/cgroup.subtree_control", "");
    for (const char* controller : {"memory", "cpu", "pids", "io"}) features.controllers[controller] = {2, "/unified"};
    for (const char* branch : {"background", "interactive"}) {
      dir.write(std::string("unified/rf-") + branch + "/cgroup.subtree_control", "");
    }
    auto made = sandbox::CgroupTree::open(features, "rf",
                                          UniqueFd(::open(dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)));
    made.value().createRun(run, PriorityClass::kBackground).value();
    return std::move(made.value());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Group group;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)sandbox::parseMountTable(text);  // broken lines are left out
  for (const char* file : kFiles) std::ofstream(group.agent + file, std::ios::binary) << text;
  (void)group.tree.usage(group.run, PriorityClass::kBackground);
  (void)group.tree.processes(group.run, PriorityClass::kBackground);
  (void)group.tree.isFrozen(group.run, PriorityClass::kBackground);
  (void)group.tree.isPopulated(group.run, PriorityClass::kBackground);
  return 0;
}
