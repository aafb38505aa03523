#include "supervisor/kept_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sandbox/kernel/namespaces.h"

namespace ringfence::supervisor {
namespace {

constexpr Milliseconds kConnectInterval{5};
// One that was started and is not reachable after this long is started again.
constexpr Milliseconds kStartPatience{5000};
// Less than what counts as away (emergency.h).
constexpr Milliseconds kOthersPatience{1500};
constexpr Milliseconds kFirstPause{100};
constexpr Milliseconds kLongestPause{10000};

Result<std::int32_t> trusted(int socket, const std::string& name) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
    return posixError(errno, "asking who serves the socket of " + name);
  if (peer.uid != ::geteuid())
    return Error{ErrorCode::kDenied, "the socket of " + name + " is served by uid " + std::to_string(peer.uid)};
  return peer.pid;
}

// `life` is held open by the program as long as it lives.
[[noreturn]] void become(const char* program, char* const* argv, int life) {
  // Only async-signal-safe calls. A session of its own: what ends our terminal or service does not end it.
  (void)::setsid();
  if (::fork() != 0) ::_exit(0);
  sigset_t none;
  ::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  const sched_param usual{};
  (void)::sched_setscheduler(0, SCHED_OTHER, &usual);  // The daemon has another.
  const int null = ::open("/dev/null", O_RDWR);
  if (null >= 0) {
    (void)::dup2(null, STDIN_FILENO);
    (void)::dup2(null, STDOUT_FILENO);
  }
  if (life != 3 && ::dup2(life, 3) < 0) ::_exit(126);
  if (::fcntl(3, F_SETFD, 0) < 0) ::_exit(126);
  (void)::close_range(4, ~0U, 0);
  if (::chdir("/") < 0) ::_exit(126);
  ::execv(program, argv);
  ::_exit(127);
}

// A session of its own, as a child of nobody. Whether it comes up shows when it is connected to; that it is gone shows
// on the pipe returned, which hangs up then.
Result<UniqueFd> startApart(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (::access(program.c_str(), X_OK) < 0) return posixError(errno, "the program " + program);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return posixError(errno, "making a pipe for " + program);
  UniqueFd ours(ends[0]);
  const UniqueFd life(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return posixError(errno, "forking for " + program);
  if (child == 0) become(program.c_str(), argv.data(), life.get());
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
  return ours;
}

bool hasHungUp(int pipe) {
  pollfd watched{pipe, 0, 0};
  return ::poll(&watched, 1, 0) > 0 && (watched.revents & POLLHUP) != 0;
}

}  // namespace

bool hasEnded(int pidfd) {
  pollfd watched{pidfd, POLLIN, 0};
  return ::poll(&watched, 1, 0) > 0 && (watched.revents & POLLIN) != 0;
}

Result<KeptPeer> KeptProgram::connect() const {
  const std::string& path = place_.socketPath;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{ErrorCode::kInvalid, path + ": too long for a socket"};
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return posixError(errno, "making a socket to " + place_.name);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return posixError(errno, "connecting to " + path);
  const std::int32_t pid = RF_TRY(trusted(socket.get(), place_.name));
  auto life = sandbox::openPidfd(pid);
  if (life ? hasEnded(life->get()) : life.error().sysErrno == ESRCH)
    return Error{ErrorCode::kUnavailable, place_.name + " has ended, and what it was starting still has its socket"};
  return KeptPeer{std::move(socket), pid, life ? *std::move(life) : UniqueFd()};
}

std::optional<std::string> KeptProgram::start(Microseconds now) {
  nextTry_ = now + kConnectInterval;
  if (now < othersUntil_) return std::nullopt;
  const bool isDead = isStarted_ && hasHungUp(life_.get());
  if (isStarted_ && !isDead && now - lastStart_ < kStartPatience) return std::nullopt;
  std::string trouble;
  if (isDead) {
    trouble = "it ended before it answered on " + place_.socketPath;
    isStarted_ = false;
    pause(now);
  } else {
    if (isStarted_) trouble = "it was started and does not answer on " + place_.socketPath;
    if (auto begun = startApart(place_.program, place_.arguments)) {
      isStarted_ = true;
      life_ = *std::move(begun);
      lastStart_ = now;
    } else {
      trouble = begun.error().message;
      pause(now);
    }
  }
  if (trouble.empty() || trouble == trouble_) return std::nullopt;
  trouble_ = trouble;
  return trouble;
}

bool KeptProgram::answered() { return std::exchange(isStarted_, false); }

void KeptProgram::settled() {
  pause_ = {};
  trouble_.clear();
}

void KeptProgram::lost(Microseconds now, Keeper keeper) {
  isStarted_ = false;
  nextTry_ = now;
  if (keeper == Keeper::kOthers) {
    othersUntil_ = now + kOthersPatience;
    pause_ = {};
    return;
  }
  // At once the first time; one that ends as soon as it was started gets longer and longer pauses.
  if (now - lastStart_ < kStartPatience)
    pause(now);
  else
    pause_ = {};
}

void KeptProgram::unfit(Microseconds now) {
  isStarted_ = false;
  pause(now);
}

void KeptProgram::pause(Microseconds now) {
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  nextTry_ = now + pause_;
}

}  // namespace ringfence::supervisor
