#include "supervisor/launcher_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ringfence::supervisor {
namespace {

Result<void> trustLauncher(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
    return posixError(errno, "asking who serves the launcher's socket");
  if (peer.uid != ::geteuid())
    return Error{ErrorCode::kDenied, "the launcher's socket is served by uid " + std::to_string(peer.uid)};
  return {};
}

// `life` is held open by the launcher as long as it lives.
[[noreturn]] void becomeLauncher(const char* program, char* const* argv, int life) {
  // Only async-signal-safe calls. A session of its own: what ends our terminal or service does not end it.
  (void)::setsid();
  if (::fork() != 0) ::_exit(0);
  sigset_t none;
  ::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
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

}  // namespace

Result<UniqueFd> connectToLauncher(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{ErrorCode::kInvalid, path + ": too long for a socket"};
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return posixError(errno, "making the launcher's socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return posixError(errno, "connecting to " + path);
  RF_TRY(trustLauncher(socket.get()));
  return socket;
}

Result<UniqueFd> startLauncher(const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (::access(program.c_str(), X_OK) < 0) return posixError(errno, "the launcher " + program);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return posixError(errno, "making a pipe for the launcher");
  UniqueFd ours(ends[0]);
  const UniqueFd life(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return posixError(errno, "forking for the launcher");
  if (child == 0) becomeLauncher(program.c_str(), argv.data(), life.get());
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
  return ours;
}

bool hasHungUp(int pipe) {
  pollfd watched{pipe, 0, 0};
  return ::poll(&watched, 1, 0) > 0 && (watched.revents & POLLHUP) != 0;
}

}  // namespace ringfence::supervisor
