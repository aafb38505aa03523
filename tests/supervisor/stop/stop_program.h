// The program ringfence-stop with directories of its own, on the groups of a world, and connections to it.
#pragma once

#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <utility>

#include "tests/supervisor/stop/stop_world.h"

namespace ringfence::test {

inline constexpr uid_t kSomebody = 54321, kOther = 54322;

class Connection {
 public:
  explicit Connection(const std::string& runDirectory) : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (runDirectory + "/stop.sock").c_str());
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) socket_.reset();
  }
  // 0: nobody.
  pid_t server() const {
    ucred who{};
    socklen_t size = sizeof who;
    return ::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 ? who.pid : 0;
  }
  bool isOpen() const { return static_cast<bool>(socket_); }
  bool send(std::string_view request) const {
    return ::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size());
  }
  // Empty: it was closed. What is told of keys comes whenever it changes, and is passed over.
  std::string receive() const {
    for (;;) {
      std::string answer = next();
      if (!answer.starts_with(R"({"event":"keys")")) return answer;
    }
  }
  std::string ask(std::string_view request) const { return send(request) ? receive() : ""; }

 private:
  std::string next() const {
    std::string answer(65536, '\0');
    pollfd readable{socket_.get(), POLLIN, 0};
    if (::poll(&readable, 1, 60'000) != 1) return "no answer in a minute";
    const ssize_t got = ::recv(socket_.get(), answer.data(), answer.size(), 0);
    answer.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return answer;
  }

  UniqueFd socket_;
};

inline bool has(const std::string& answer, const std::string& part) { return answer.find(part) != std::string::npos; }

// The program, with directories of its own, on the groups of a world.
class StopProgram {
 public:
  explicit StopProgram(StopWorld& world) : world_(world) {
    REQUIRE(chmod(run_.path().c_str(), 0755) == 0);
    start();
  }
  ~StopProgram() { end(SIGKILL); }

  void start(const char* last = nullptr) {
    pid_ = spawn(last);
    // Of one that was killed a child that was just being started holds its socket until it is its own program.
    REQUIRE(eventually([&] { return Connection(run_.path()).server() == pid_; }));
  }
  // Its exit status.
  int wait() {
    int status = 0;
    REQUIRE(waitpid(std::exchange(pid_, 0), &status, 0) > 0);
    return status;
  }
  void end(int signal) {
    if (pid_ == 0) return;
    kill(pid_, signal);
    (void)wait();
  }
  pid_t spawn(const char* last = nullptr) {
    const std::string program = std::string(RINGFENCE_BIN_DIR) + "/ringfence-stop";
    const pid_t child = fork();
    if (child == 0) {
      // Its unit leaves it without this one.
      if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) != 0) _exit(126);
      execl(program.c_str(), program.c_str(), "--run-dir", run_.path().c_str(), "--state-dir",
            world_.state.path().c_str(), "--cgroup-root", world_.name.c_str(), last, nullptr);
      _exit(127);
    }
    return child;
  }
  const std::string& runDirectory() const { return run_.path(); }
  std::string ask(std::string_view request) const { return Connection(run_.path()).ask(request); }
  std::string askAs(uid_t uid, const std::vector<gid_t>& groups, std::string_view request) const {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    const pid_t child = fork();
    if (child == 0) {
      if (setgroups(groups.size(), groups.data()) != 0 || setgid(uid) != 0 || setuid(uid) != 0) _exit(1);
      const std::string answer = Connection(run_.path()).ask(request);
      _exit(write(ends[1], answer.data(), answer.size()) == static_cast<ssize_t>(answer.size()) ? 0 : 1);
    }
    close(ends[1]);
    const UniqueFd out(ends[0]);
    std::string answer = readAll(out.get(), mebibytes(1), "an answer").value();
    waitpid(child, nullptr, 0);
    return answer;
  }
  pid_t pid() const { return pid_; }

 private:
  StopWorld& world_;
  TempDir run_;
  pid_t pid_ = 0;
};

inline void becomeUser(uid_t uid, const SharedCounter& ready) {
  if (setuid(uid) != 0) _exit(1);
  ++ready.value();
}

}  // namespace ringfence::test
