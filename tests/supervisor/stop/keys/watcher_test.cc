// The confined child and what ringfence-stop sees of it, over FIFOs in the place of keyboards.
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "sdk/base/unique_fd.h"
#include "supervisor/stop/keys/key_watch.h"
#include "supervisor/stop/keys/walls.h"
#include "tests/supervisor/stop/keys/keyboards.h"

using namespace ringfence;
using namespace ringfence::supervisor::stop;
using namespace ringfence::test;

namespace {

const std::string kOverFifos = RINGFENCE_BIN_DIR "/stop-keys-over-fifos";

class Watch {
 public:
  explicit Watch(const std::string& directory, std::vector<std::string> triggers = {}, std::string program = kOverFifos)
      : keys_({.program = std::move(program), .triggers = std::move(triggers), .directory = directory}) {}

  // As ringfence-stop's loop does. Until `done`, or the time is up.
  template <typename Done>
  bool until(Done done) {
    const auto begun = now();
    while (!done()) {
      if (now() - begun > kPatience) return false;
      keys_.turn(now());
      pollfd polled{keys_.fd(), POLLIN, 0};
      (void)::poll(&polled, 1, 5);
      while (const auto trigger = keys_.read(now())) fired.emplace_back(std::string(trigger->spec), trigger->keys);
    }
    return true;
  }
  bool untilFired(std::size_t count) {
    return until([&] { return fired.size() >= count; });
  }
  bool untilStatus(const std::string& part) {
    return until([&] { return status().find(part) != std::string::npos; });
  }
  std::string status() const {
    JsonWriter json;
    keys_.writeStatus(json);
    return json.text();
  }
  std::optional<std::string> warning() const { return keys_.warning(); }

  std::vector<std::pair<std::string, Press>> fired;

 private:
  KeyWatch keys_;
};

pid_t childOf(pid_t parent) {
  std::ifstream children("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  pid_t child = -1;
  children >> child;
  return child;
}

}  // namespace

TEST_CASE("a chord that is held on a keyboard is told once, and not what else is typed") {
  Keyboards keyboards;
  keyboards.plug(3, kKeyboard);
  Watch watch(keyboards.path, {"hold ctrl+alt+end 500ms", "press pause x3 within 10s"});
  REQUIRE(watch.untilStatus("\"devices\":[{\"device\":\"event3\",\"id\":\"0001:0001\"}]"));
  CHECK(watch.until([&] { return !watch.warning(); }));
  keyboards.key(3, KEY_A, 1);
  keyboards.key(3, KEY_A, 0);
  for (const int code : {KEY_LEFTCTRL, KEY_LEFTALT, KEY_END}) keyboards.key(3, code, 1);
  const auto pressed = now();
  REQUIRE(watch.untilFired(1));
  CHECK(now() - pressed >= std::chrono::milliseconds(500));
  CHECK(watch.fired[0] == std::pair<std::string, Press>("hold ctrl+alt+end 500ms", Press::kPressed));
  keyboards.key(3, KEY_END, 2);
  keyboards.key(3, KEY_END, 0);
  for (int i = 0; i < 3; ++i) {
    const Microseconds at = now() - std::chrono::milliseconds(1);
    keyboards.tell(3, EV_KEY, KEY_PAUSE, 1, at);
    keyboards.tell(3, EV_KEY, KEY_PAUSE, 0, at);
    (void)::usleep(50'000);  // a person's pace: what is nearer is one press
  }
  REQUIRE(watch.untilFired(2));
  CHECK(watch.fired[1].first == "press pause x3 within 10s");
  CHECK(watch.fired.size() == 2);
}

TEST_CASE("a chord whose release waits unread is judged by when it was released") {
  Keyboards keyboards;
  keyboards.plug(0, kKeyboard);
  keyboards.plug(1, kKeyboard);
  Watch watch(keyboards.path);
  REQUIRE(watch.untilStatus("event1"));
  // Both keyboards tell late, as on a machine that hung; the first one's release came before.
  const Microseconds begun = now();
  for (const int code : {KEY_LEFTCTRL, KEY_LEFTALT}) keyboards.tell(0, EV_KEY, code, 1, begun);
  keyboards.tell(1, EV_KEY, KEY_END, 1, begun);
  keyboards.tell(1, EV_KEY, KEY_END, 0, begun + std::chrono::milliseconds(1));
  for (const int code : {KEY_LEFTCTRL, KEY_LEFTALT, KEY_END}) keyboards.tell(0, EV_KEY, code, 1, now());
  REQUIRE(watch.untilFired(1));
  CHECK(now() - begun >= std::chrono::milliseconds(500));
  CHECK(watch.fired.size() == 1);
}

TEST_CASE("keyboards that come and go are followed, and what is missing is said") {
  Keyboards keyboards;
  Watch watch(keyboards.path, {"hold ctrl+alt+end 10s", "button 1234:abcd f13"});
  REQUIRE(watch.untilStatus("\"state\":\"bound button unplugged\""));
  CHECK(watch.status() ==
        "{\"state\":\"watching\",\"problem\":null,\"triggers\":["
        "{\"spec\":\"hold ctrl+alt+end 10s\",\"state\":\"no keyboard found\"},"
        "{\"spec\":\"button 1234:abcd f13\",\"state\":\"bound button unplugged\"}],\"devices\":[],"
        "\"warning\":\"no keyboard found: hold ctrl+alt+end 10s; bound button unplugged: button 1234:abcd f13\"}");
  CHECK(watch.warning() == "no keyboard found: hold ctrl+alt+end 10s; bound button unplugged: button 1234:abcd f13");
  keyboards.plug(0, kKeyboard);
  REQUIRE(watch.untilStatus("event0"));
  keyboards.plug(7, "1234:abcd 183");
  REQUIRE(watch.untilStatus("\"spec\":\"button 1234:abcd f13\",\"state\":\"watched\""));
  CHECK(watch.until([&] { return !watch.warning(); }));
  keyboards.key(7, KEY_F13, 1);
  REQUIRE(watch.untilFired(1));
  CHECK(watch.fired[0] == std::pair<std::string, Press>("button 1234:abcd f13", Press::kPressed));
  keyboards.unplug(7);
  REQUIRE(watch.untilStatus("bound button unplugged"));
  // Plugged in again while it is pressed: a stop, and marked so that it is no second press.
  keyboards.plug(7, "1234:abcd 183!");
  REQUIRE(watch.untilFired(2));
  CHECK(watch.fired[1].second == Press::kFoundHeld);
  // Pulled out while the chord is held: it is not held any more.
  for (const int code : {KEY_LEFTCTRL, KEY_LEFTALT, KEY_END}) keyboards.key(0, code, 1);
  keyboards.unplug(0);
  REQUIRE(watch.untilStatus("no keyboard found"));
  keyboards.plug(0, kKeyboard);
  REQUIRE(watch.untilStatus("event0"));
  CHECK(watch.fired.size() == 2);
}

TEST_CASE("the folder of the devices may come later, and go") {
  Keyboards keyboards;
  const std::string later = keyboards.path + "/later";
  Watch watch(later);
  REQUIRE(watch.untilStatus("no keyboard found"));
  keyboards.plug(4, kKeyboard);
  std::filesystem::create_directory(later);
  std::filesystem::copy(keyboards.path + "/keys4", later + "/keys4");
  REQUIRE(::mkfifo((later + "/event4").c_str(), 0600) == 0);
  REQUIRE(watch.untilStatus("event4"));
  std::filesystem::remove_all(later);
  REQUIRE(watch.untilStatus("\"devices\":[]"));
  REQUIRE(watch.untilStatus("no keyboard found"));
}

TEST_CASE("lost events start a hold anew, and a keyboard that floods does not hide another one") {
  Keyboards keyboards;
  keyboards.plug(0, kKeyboard);
  keyboards.plug(1, kKeyboard);
  Watch watch(keyboards.path);
  REQUIRE(watch.untilStatus("event1"));
  for (const int code : {KEY_LEFTCTRL, KEY_LEFTALT, KEY_END}) keyboards.key(0, code, 1);
  const auto lost = now();
  keyboards.tell(0, EV_SYN, SYN_DROPPED, 0, Microseconds(0));
  std::size_t told = 0;
  // Faster than a turn reads, until it fired; a FIFO that is full makes this wait for the reader.
  while (watch.fired.empty() && now() - lost < kPatience) {
    for (int i = 0; i < 200; ++i, ++told) keyboards.key(1, i % 2 ? KEY_END : KEY_LEFTALT, i / 2 % 2);
    std::size_t turns = 0;
    REQUIRE(watch.until([&] { return ++turns > 1; }));
  }
  REQUIRE(watch.fired.size() == 1);
  CHECK(now() - lost >= std::chrono::milliseconds(500));
  CHECK(told > 400);  // more than two turns; how many more is a matter of the machine's pace
}

TEST_CASE("triggers that are not understood are said, and when none is, the default ones are watched") {
  Keyboards keyboards;
  keyboards.plug(0, kKeyboard);
  {
    Watch some(keyboards.path, {"hold ende 1s", "hold end 100ms"});
    REQUIRE(some.untilStatus("\"devices\":[{"));
    CHECK(some.until([&] { return some.warning() == "not understood: hold ende 1s"; }));
    keyboards.key(0, KEY_END, 1);
    REQUIRE(some.untilFired(1));
    CHECK(some.fired[0].first == "hold end 100ms");
    CHECK(some.status().find("pause") == std::string::npos);
  }
  keyboards.unplug(0);
  keyboards.plug(0, kKeyboard);
  Watch none(keyboards.path, {"hold ende 1s"});
  REQUIRE(none.untilStatus("\"devices\":[{"));
  const std::string_view words =
      "no trigger that was wanted is understood, so the default ones are watched; not understood: hold ende 1s";
  REQUIRE(none.untilStatus("watched\"}],"));
  CHECK(none.warning() == words);
  for (const int code : {KEY_LEFTCTRL, KEY_LEFTALT, KEY_END}) keyboards.key(0, code, 1);
  REQUIRE(none.untilFired(1));
  CHECK(none.fired[0].first == "hold ctrl+alt+end 500ms");
}

TEST_CASE(
    "a watcher that is killed is started again, and keys that were held meanwhile stop without being a second press") {
  Keyboards keyboards;
  keyboards.plug(0, "0001:0001 29! 56! 107!");
  Watch watch(keyboards.path);
  REQUIRE(watch.untilFired(1));
  CHECK(watch.fired[0].second == Press::kFoundHeld);
  const pid_t child = childOf(::getpid());
  REQUIRE(child > 0);
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(watch.untilStatus("the key watcher was ended by signal 9"));
  REQUIRE(watch.untilFired(2));
  CHECK(watch.fired[1].second == Press::kFoundHeld);
  CHECK(childOf(::getpid()) != child);
}

TEST_CASE("a program that is missing, or tells what no watcher tells, is a failure that is said") {
  Watch missing("/nowhere/input", {}, "/nowhere/ringfence-stop-keys");
  REQUIRE(missing.untilStatus("starting /nowhere/ringfence-stop-keys: No such file or directory"));
  TempDir root;
  const std::string liar = root.write("liar", "#!/bin/sh\nprintf 'hello, ringfence' >&3\nexec sleep 1000\n");
  REQUIRE(::chmod(liar.c_str(), 0700) == 0);
  Watch lied("/nowhere/input", {}, liar);
  REQUIRE(lied.untilStatus("the key watcher was ended by signal 9"));
  CHECK(lied.fired.empty());
}

TEST_CASE("the watcher ends with whoever started it") {
  Keyboards keyboards;
  keyboards.plug(0, kKeyboard);
  pid_t child = -1;
  {
    Watch watch(keyboards.path);
    REQUIRE(watch.untilStatus("event0"));
    child = childOf(::getpid());
    REQUIRE(child > 0);
  }
  CHECK(::kill(child, 0) != 0);
  // Killed, it cannot end it: the socket does.
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
  child = ::fork();
  if (child == 0) {
    (void)::dup2(ends[1], kKeyChannel == ends[1] ? ends[1] : kKeyChannel);
    (void)::fcntl(kKeyChannel, F_SETFD, 0);
    (void)::execl(kOverFifos.c_str(), kOverFifos.c_str(), ("--directory=" + keyboards.path).c_str(), "--",
                  "hold end 1s", nullptr);
    ::_exit(127);
  }
  (void)::close(ends[1]);
  char byte = 0;
  REQUIRE(::recv(ends[0], &byte, 1, 0) > 0);
  (void)::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
}

namespace {

// What is tried behind the walls; each yields 0 or the error.
using Attempt = int (*)();
int errorOf(long result) { return result < 0 ? errno : 0; }

struct Named {
  const char* name;
  Attempt attempt;
};
constexpr Named kAttempts[] = {
    {"open a file of the system", [] { return errorOf(::open("/etc/passwd", O_RDONLY)); }},
    {"make a file of the system", [] { return errorOf(::creat("/tmp/ringfence-keys", 0600)); }},
    {"list a folder", [] { return errorOf(::open("/", O_RDONLY | O_DIRECTORY)); }},
    {"open another device", [] { return errorOf(::open("/dev/null", O_RDONLY)); }},
    {"open memory of a process", [] { return errorOf(::open("/proc/self/mem", O_RDONLY)); }},
    {"write to a device of the directory",
     [] { return errorOf(::openat(STDIN_FILENO, "event0", O_WRONLY | O_NONBLOCK)); }},
    {"make a file there", [] { return errorOf(::openat(STDIN_FILENO, "kept", O_RDWR | O_CREAT, 0600)); }},
    {"leave the directory", [] { return errorOf(::openat(STDIN_FILENO, "../secret", O_RDONLY)); }},
    {"a socket", [] { return errorOf(::socket(AF_UNIX, SOCK_STREAM, 0)); }},
    {"a socket of the network", [] { return errorOf(::socket(AF_INET, SOCK_DGRAM, 0)); }},
    {"a process", [] { return errorOf(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }},
    {"a program", [] { return errorOf(::execl("/bin/true", "true", nullptr)); }},
    {"a signal", [] { return errorOf(::kill(::getppid(), 0)); }},
    {"looking at another process", [] { return errorOf(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr)); }},
    {"a grab of the device", [] { return errorOf(::ioctl(STDIN_FILENO, EVIOCGRAB, 1)) == ENOSYS ? ENOSYS : 0; }},
    {"memory that is executed",
     [] {
       return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno
                                                                                                             : 0;
     }},
    {"write to what it was not given", [] { return errorOf(::write(STDOUT_FILENO, "", 0)); }},
    {"moving another process", [] { return errorOf(::sched_setaffinity(1, 0, nullptr)); }},
    {"a watch of other folders", [] { return errorOf(::inotify_init1(0)); }},
    {"another id", [] { return errorOf(::setuid(0)); }},
};

// In a child with the walls up: the errors of all attempts, over a pipe.
std::vector<int> tryAll(const std::string& directory) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const int opened = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY);
    (void)::dup2(opened, STDIN_FILENO);
    const std::array outputs = {ends[1]};
    if (!raiseWalls(directory, outputs)) ::_exit(1);
    for (const Named& named : kAttempts) {
      errno = 0;
      const int error = named.attempt();
      if (::write(ends[1], &error, sizeof error) != sizeof error) ::_exit(2);
    }
    const int device = errorOf(::openat(STDIN_FILENO, "event0", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    (void)!::write(ends[1], &device, sizeof device);
    ::_exit(0);
  }
  (void)::close(ends[1]);
  std::vector<int> errors;
  for (int error = 0; ::read(ends[0], &error, sizeof error) == sizeof error;) errors.push_back(error);
  (void)::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
  return errors;
}

}  // namespace

TEST_CASE("behind its walls the watcher opens input devices for reading, and can do nothing else") {
  Keyboards keyboards;
  keyboards.plug(0, kKeyboard);
  std::ofstream(keyboards.path + "/../secret") << "x";
  const auto errors = tryAll(keyboards.path);
  REQUIRE(errors.size() == std::size(kAttempts) + 1);
  for (std::size_t i = 0; i < std::size(kAttempts); ++i) {
    INFO(kAttempts[i].name << ": " << errors[i]);
    CHECK(errors[i] != 0);
  }
  CHECK(errors.back() == 0);
  CHECK(!std::filesystem::exists("/tmp/ringfence-keys"));
}

TEST_CASE("the watcher that runs has root's id without capabilities, a filter, and only its socket and devices open") {
  Keyboards keyboards;
  keyboards.plug(0, kKeyboard);
  Watch watch(keyboards.path);
  REQUIRE(watch.untilStatus("event0"));
  const std::string proc = "/proc/" + std::to_string(childOf(::getpid()));
  const std::string status = test::readFile(proc + "/status");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    CHECK(status.find(std::string(set) + ":\t0000000000000000") != std::string::npos);
  CHECK(status.find("NoNewPrivs:\t1") != std::string::npos);
  CHECK(status.find("Seccomp:\t2") != std::string::npos);
  std::map<std::string, int> open;
  for (const auto& entry : std::filesystem::directory_iterator(proc + "/fd")) {
    std::string target = std::filesystem::read_symlink(entry.path()).string();
    if (target.starts_with(keyboards.path)) target.erase(0, keyboards.path.size());
    ++open[target.substr(0, target.find('['))];
  }
  CHECK(open == std::map<std::string, int>{
                    {"/dev/null", 3}, {"socket:", 1}, {"anon_inode:inotify", 1}, {"", 1}, {"/event0", 1}});
}

TEST_CASE("the recorder prints the keys that were pressed together, as a trigger") {
  Keyboards keyboards;
  keyboards.plug(0, "0001:0001 97 107");
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    (void)::dup2(ends[1], STDOUT_FILENO);
    (void)::execl(kOverFifos.c_str(), kOverFifos.c_str(), "--record", ("--directory=" + keyboards.path).c_str(),
                  nullptr);
    ::_exit(127);
  }
  (void)::close(ends[1]);
  for (const int code : {KEY_RIGHTCTRL, KEY_END}) keyboards.key(0, code, 1);
  for (const int code : {KEY_END, KEY_RIGHTCTRL}) keyboards.key(0, code, 0);
  std::string printed(64, '\0');
  const ssize_t size = ::read(ends[0], printed.data(), printed.size());
  printed.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  (void)::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(printed == "hold ctrl+end 500ms\n");
}
