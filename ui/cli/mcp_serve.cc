#include "ui/cli/mcp_serve.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>
#include <utility>

#include "sdk/base/text.h"
#include "sdk/base/unique_fd.h"
#include "sdk/client/client.h"
#include "ui/cli/channel.h"
#include "ui/cli/output.h"

namespace ringfence::cli {
namespace {

constexpr std::size_t kMaxConnections = 16;

volatile std::sig_atomic_t endSignal = 0;
void noteEnd(int number) { endSignal = number; }
void noteNothing(int) {}  // A child that ended ends the wait for a connection.

Result<sockaddr_un> addressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error{ErrorCode::kInvalid, escapeForDisplay(path) + " is too long for the path of a socket", 0};
  path.copy(address.sun_path, path.size());
  return address;
}

// One that nobody listens at any more is removed; anything else there stays.
Result<void> makeRoom(const std::string& path, const sockaddr_un& address) {
  struct stat about {};
  const std::string shown = escapeForDisplay(path);
  if (::lstat(path.c_str(), &about) != 0) return {};
  if (!S_ISSOCK(about.st_mode)) return Error{ErrorCode::kBusy, shown + " is there already, and is no socket", 0};
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe) return posixError(errno, "making a socket");
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return Error{ErrorCode::kBusy, "somebody listens at " + shown + " already", 0};
  if (errno != ECONNREFUSED) return posixError(errno, "looking at " + shown);
  if (::unlink(path.c_str()) != 0) return posixError(errno, "removing " + shown);
  return {};
}

Result<UniqueFd> listenAt(const std::string& path) {
  const sockaddr_un address = RF_TRY(addressOf(path));
  RF_TRY(makeRoom(path, address));
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return posixError(errno, "making a socket");
  const mode_t before = ::umask(0177);
  const bool isBound = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int failed = errno;
  (void)::umask(before);
  if (!isBound) return posixError(failed, "listening at " + escapeForDisplay(path));
  if (::listen(socket.get(), kMaxConnections) != 0) return posixError(errno, "listening at " + escapeForDisplay(path));
  return socket;
}

// This user, and the users that runs of this user have of their own: those ids nobody else has meanwhile.
bool isAdmitted(uid_t peer) {
  if (peer == ::geteuid()) return true;
  auto client = client::Client::connect();
  if (!client) return false;
  const auto answer = client->list(false);
  const auto* runs = std::get_if<std::vector<client::RunDetails>>(&answer);
  return runs != nullptr && std::ranges::any_of(*runs, [&](const client::RunDetails& run) {
           return run.uid == peer && run.callerUid == ::geteuid();
         });
}

// Becomes 'ringfence mcp run' with these at 0 and 1.
[[noreturn]] void becomeServer(int input, int output, const std::vector<std::string>& words) {
  (void)::dup2(input, STDIN_FILENO);
  (void)::dup2(output, STDOUT_FILENO);
  (void)::signal(SIGPIPE, SIG_DFL);
  std::vector<std::string> all{"ringfence", "mcp", "run"};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : all) argv.push_back(word.data());
  argv.push_back(nullptr);
  (void)::execv("/proc/self/exe", argv.data());
  complain(std::string("starting a server: ") + std::strerror(errno));
  ::_exit(kExitFailed);
}

// Carries bytes until the server is done. The socket itself never goes inside: over one, descriptors could be handed
// from one fence into the other. What a peer sends of those is closed by the kernel unseen, for they are not received.
int carry(UniqueFd socket, const std::vector<std::string>& words) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return kExitFailed;
  UniqueFd inRead(in[0]), inWrite(in[1]), outRead(out[0]), outWrite(out[1]);
  const pid_t server = ::fork();
  if (server < 0) return kExitFailed;
  if (server == 0) becomeServer(inRead.get(), outWrite.get(), words);
  inRead.reset();
  outWrite.reset();
  for (const int fd : {inWrite.get(), outRead.get(), socket.get()})
    (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  UniqueFd again(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
  Channel toServer(std::move(again), std::move(inWrite));
  Channel fromServer(std::move(outRead), std::move(socket));
  while (!fromServer.done()) {
    std::vector<pollfd> polls;
    if (!toServer.done()) toServer.prepare(polls, Channel::Reading::kYes);
    fromServer.prepare(polls, Channel::Reading::kYes);
    if (::poll(polls.data(), polls.size(), -1) < 0 && errno != EINTR) break;
    if (!toServer.done()) toServer.serve(polls);
    fromServer.serve(polls);
  }
  return kExitOk;
}

// In a child: as if nothing had been held.
void letSignalsPass() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) (void)::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

class Connections {
 public:
  explicit Connections(const std::vector<std::string>& words) : words_(words) {}

  void accept(int listener) {
    UniqueFd socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket) return;
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
    if (!isAdmitted(peer.uid)) {
      complain("a connection of user " + std::to_string(peer.uid) + " was refused: neither you nor a run of yours");
      return;
    }
    reap();
    if (children_.size() >= kMaxConnections) {
      complain("a connection was refused: " + std::to_string(kMaxConnections) + " servers are in use");
      return;
    }
    const pid_t child = ::fork();
    if (child < 0) complain(std::string("a connection was refused: ") + std::strerror(errno));
    if (child > 0) children_.insert(child);
    if (child != 0) return;
    (void)::close(listener);  // It is not the child's to keep open.
    letSignalsPass();
    ::_exit(carry(std::move(socket), words_));
  }

  void reap() {
    std::erase_if(children_, [](pid_t child) { return ::waitpid(child, nullptr, WNOHANG) != 0; });
  }

  // Without whoever carries for it a server reads the end of what is said to it, and ends.
  void end() {
    for (const pid_t child : children_) (void)::kill(child, SIGTERM);
    for (const pid_t child : children_) (void)::waitpid(child, nullptr, 0);
    children_.clear();
  }

 private:
  const std::vector<std::string>& words_;
  std::set<pid_t> children_;
};

// Only while nothing is waited for: a signal between two looks is not lost.
void waitForConnection(int listener) {
  sigset_t none;
  ::sigemptyset(&none);
  pollfd poll{listener, POLLIN, 0};
  (void)::ppoll(&poll, 1, nullptr, &none);
}

void holdSignals() {
  struct sigaction action {};
  action.sa_handler = noteEnd;
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) (void)::sigaction(number, &action, nullptr);
  action.sa_handler = noteNothing;
  (void)::sigaction(SIGCHLD, &action, nullptr);
  sigset_t held;
  ::sigemptyset(&held);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::sigaddset(&held, number);
  (void)::sigprocmask(SIG_BLOCK, &held, nullptr);
}

}  // namespace

int serveServers(const std::string& path, const std::vector<std::string>& words) {
  const auto listener = listenAt(path);
  if (!listener) {
    complain("mcp serve: " + listener.error().message);
    return kExitFailed;
  }
  (void)::fcntl(listener->get(), F_SETFL, O_NONBLOCK);
  (void)::signal(SIGPIPE, SIG_IGN);
  holdSignals();
  complain("servers are offered at " + escapeForDisplay(path));
  Connections connections(words);
  while (endSignal == 0) {
    connections.accept(listener->get());
    connections.reap();
    waitForConnection(listener->get());
  }
  connections.end();
  (void)::unlink(path.c_str());
  return kExitOk;
}

}  // namespace ringfence::cli
