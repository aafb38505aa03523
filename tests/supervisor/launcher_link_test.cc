// A launcher that dies while it makes a guard in a group that is held: the child goes no further, and has a copy of
// each of its descriptors.
#include "supervisor/launcher_link.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_all.hpp>
#include <csignal>
#include <cstring>

#include "tests/support/temp_dir.h"

namespace ringfence::supervisor {
namespace {

enum class Forks { kBeforeItAccepts, kWhenItHasAccepted };

// Serves a socket, forks a child that does nothing, and waits to be killed.
class Dying {
 public:
  Dying(const std::string& path, Forks forks) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    said_.reset(ends[0]);
    pid_ = ::fork();
    if (pid_ == 0) serve(path, forks, ends[1]);
    ::close(ends[1]);
    std::int32_t listening = 0;
    REQUIRE(::read(said_.get(), &listening, sizeof listening) == sizeof listening);
  }
  ~Dying() {
    ::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
    if (child_ == 0) (void)!::read(said_.get(), &child_, sizeof child_);
    if (child_ > 0) ::kill(child_, SIGKILL);
  }
  Dying(const Dying&) = delete;
  Dying& operator=(const Dying&) = delete;

  // When its child is there. `options`: of waitid(), beside WEXITED.
  void kill(int options) {
    if (child_ == 0) REQUIRE(::read(said_.get(), &child_, sizeof child_) == sizeof child_);
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | options) == 0);
  }

 private:
  [[noreturn]] static void serve(const std::string& path, Forks forks, int said) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const int listener = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
    std::int32_t word = 1;
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener, 4) != 0 || ::write(said, &word, sizeof word) != sizeof word)
      ::_exit(1);
    if (forks == Forks::kWhenItHasAccepted && ::accept(listener, nullptr, nullptr) < 0) ::_exit(1);
    word = ::fork();
    if (word == 0) ::close(said);
    if (word > 0 && ::write(said, &word, sizeof word) != sizeof word) ::_exit(1);
    for (;;) ::pause();
  }

  UniqueFd said_;
  std::int32_t pid_ = 0, child_ = 0;
};

KeptProgram::Place placeOf(const std::string& path) { return {"ringfence-launcher", path, "/nowhere/launcher", {}}; }

TEST_CASE("a program that is dead is not connected to, although a child of it has its socket") {
  const test::TempDir dir;
  const std::string path = dir.path() + "/launcher.sock";
  Dying launcher(path, Forks::kBeforeItAccepts);
  const KeptProgram program(placeOf(path));
  CHECK(program.connect());
  launcher.kill(GENERATE(0, WNOWAIT));  // Whoever waits for it may not have done so yet.
  const auto peer = program.connect();
  REQUIRE_FALSE(peer);
  CHECK(peer.error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a launcher that dies is missed, although a child of it has the connection") {
  const test::TempDir dir;
  const std::string path = dir.path() + "/launcher.sock";
  ManualClock clock;
  Dying launcher(path, Forks::kWhenItHasAccepted);
  LauncherLink link(placeOf(path), clock);
  CHECK(link.advance().empty());
  REQUIRE(link.fd() >= 0);
  CHECK(link.ended().empty());
  launcher.kill(0);
  pollfd life{link.lifeFd(), POLLIN, 0};
  REQUIRE(::poll(&life, 1, 10'000) == 1);
  CHECK(link.receive().empty());  // Its connection says nothing of that.
  const auto news = link.ended();
  REQUIRE(news.size() == 1);
  CHECK(std::get<LinkDown>(news[0]).reason == "it ended");
  CHECK(link.fd() == -1);
  CHECK(link.lifeFd() == -1);
  CHECK(link.ended().empty());
  // Another one is started, and the socket of the dead one is none.
  clock.advance(std::chrono::seconds(1));
  const auto next = link.advance();
  REQUIRE(next.size() == 1);
  CHECK(std::get<LinkDown>(next[0]).reason.find("/nowhere/launcher") != std::string::npos);
  CHECK(link.fd() == -1);
}

}  // namespace
}  // namespace ringfence::supervisor
