#include "sandbox/launcher/placeholder.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;

namespace {

Identity someRun() {
  Identity run;
  run.uid = 65'001;
  run.gid = 65'002;
  run.groups = {65'003};
  return run;
}

// The processes that this one has started, but for those of before.
std::set<int> children(const std::set<int>& before = {}) {
  std::ifstream list("/proc/thread-self/children");
  std::set<int> pids;
  for (int pid = 0; list >> pid;) {
    if (!before.contains(pid)) pids.insert(pid);
  }
  return pids;
}

std::string reportOf(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return path.substr(path.rfind('/') + 1) + '\0' + std::to_string(status.st_dev) + '\0' +
         std::to_string(status.st_ino) + '\0';
}

// One directory of the run's group with what is held in it, and one that is root's alone.
struct Places {
  Places() {
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    for (const char* name : {"theirs", "roots"}) REQUIRE(::mkdir(path(name).c_str(), 0755) == 0);
    REQUIRE(::chown(path("theirs").c_str(), 0, 65'003) == 0);
    REQUIRE(::chmod(path("theirs").c_str(), 0770) == 0);
    for (const char* name : {"theirs/.a", "theirs/.b", "roots/.a"}) directory.write(name, "");
    directory.write("theirs/full", "x");
  }
  std::string path(const std::string& name) const { return directory.path() + "/" + name; }
  void add(const char* parent, const std::string& text, const Identity& run = someRun()) {
    UniqueFd fd(::open(path(parent).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    auto made = Placeholder::of(std::move(fd), text, run);
    REQUIRE(made);
    for (auto& each : *made) files.push_back(std::move(each));
  }
  bool exists(const char* name) const { return std::filesystem::exists(path(name)); }

  test::TempDir directory;
  std::vector<Placeholder> files;
};

// Keeps a directory locked, as whoever owns it can: somebody lists it into memory that a file system of theirs (here
// the test) does not fill.
class HeldDirectory {
 public:
  explicit HeldDirectory(const std::string& path) : directory_(::open(path.c_str(), O_RDONLY | O_DIRECTORY)) {
    faults_.reset(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC)));
    REQUIRE(faults_);
    uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
    REQUIRE(::ioctl(faults_.get(), UFFDIO_API, &api) == 0);
    page_ = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page_ != MAP_FAILED);
    uffdio_register range{};
    range.range = {reinterpret_cast<std::uintptr_t>(page_), kSize};
    range.mode = UFFDIO_REGISTER_MODE_MISSING;
    REQUIRE(::ioctl(faults_.get(), UFFDIO_REGISTER, &range) == 0);
    reader_ = std::thread([this] { (void)::syscall(SYS_getdents64, directory_.get(), page_, kSize); });
    uffd_msg fault{};
    REQUIRE(::read(faults_.get(), &fault, sizeof fault) == sizeof fault);
  }
  ~HeldDirectory() {
    letGo();
    reader_.join();
    (void)::munmap(page_, kSize);
  }
  void letGo() { faults_.reset(); }

 private:
  static constexpr std::size_t kSize = 4096;
  UniqueFd directory_, faults_;
  void* page_ = nullptr;
  std::thread reader_;
};

}  // namespace

TEST_CASE("held places are removed with the rights of the run, and nothing but empty files that are the same") {
  Places places;
  const std::string text = reportOf(places.path("theirs/.a"));
  places.add("theirs", text + reportOf(places.path("theirs/.b")) + reportOf(places.path("theirs/full")));
  places.add("roots", reportOf(places.path("roots/.a")));
  REQUIRE(::rename(places.path("theirs/.b").c_str(), places.path("theirs/.c").c_str()) == 0);
  places.directory.write("theirs/.b", "");
  PlaceholderRemover().remove(std::move(places.files));
  CHECK(!places.exists("theirs/.a"));
  CHECK(places.exists("theirs/.b"));  // Another file of this name.
  CHECK(places.exists("theirs/.c"));
  CHECK(places.exists("theirs/full"));
  CHECK(places.exists("roots/.a"));
  CHECK(::geteuid() == 0);
}

TEST_CASE("the file that holds git's commondir is removed with its one character, and not with another's words in it") {
  for (const char* content : {"", ".", "..", "../elsewhere"}) {
    CAPTURE(content);
    Places places;
    places.directory.write("theirs/commondir", content);
    places.add("theirs", reportOf(places.path("theirs/commondir")));
    PlaceholderRemover().remove(std::move(places.files));
    CHECK(places.exists("theirs/commondir") == (std::string_view(content).size() > 1));
  }
}

TEST_CASE("a report of held places that is broken is none") {
  for (const std::string& text : {std::string("a"), std::string("a\0001\0", 4), std::string("a/b\0001\0002\0", 8),
                                  std::string("\0001\0002\0", 5), std::string("a\0001\0x\0", 6)}) {
    CAPTURE(text);
    CHECK(!Placeholder::of(UniqueFd(::open("/", O_PATH | O_CLOEXEC)), text, someRun()));
  }
}

TEST_CASE("one process removes what is held, time after time, and another takes its place when it dies") {
  const std::set<int> before = children();
  PlaceholderRemover remover;
  const auto removeTwo = [&] {
    Places places;
    places.add("theirs", reportOf(places.path("theirs/.a")) + reportOf(places.path("theirs/.b")));
    remover.remove(std::move(places.files));
    return !places.exists("theirs/.a") && !places.exists("theirs/.b");
  };
  CHECK(removeTwo());
  const std::set<int> helper = children(before);
  REQUIRE(helper.size() == 1);
  CHECK(removeTwo());
  CHECK(children(before) == helper);
  REQUIRE(::kill(*helper.begin(), SIGKILL) == 0);
  siginfo_t end{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(*helper.begin()), &end, WEXITED | WNOWAIT) == 0);
  CHECK(removeTwo());
  CHECK(children(before) != helper);
}

TEST_CASE("a user who keeps a directory locked holds up the launcher once for a moment, and nobody else's removal") {
  Places mine, others;
  Identity other = someRun();
  other.callerUid = 65'004;
  mine.add("theirs", reportOf(mine.path("theirs/.a")));
  others.add("theirs", reportOf(others.path("theirs/.a")), other);
  HeldDirectory held(mine.path("theirs"));
  PlaceholderRemover remover;
  std::vector<Placeholder> both = std::move(mine.files);
  both.push_back(others.files.front());
  remover.remove(std::move(both));
  CHECK(!others.exists("theirs/.a"));

  Places later;
  later.add("theirs", reportOf(later.path("theirs/.a")));
  remover.remove(std::move(later.files));
  CHECK(later.exists("theirs/.a"));  // No second helper while the first is stuck.

  held.letGo();
  while (mine.exists("theirs/.a")) std::this_thread::yield();
}
