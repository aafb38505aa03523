#include "sandbox/launcher/launcher.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "sandbox/launcher/guard_view.h"
#include "sandbox/launcher/report.h"
#include "sandbox/launcher/rest.h"
#include "sandbox/wire/long_message.h"

namespace ringfence::sandbox {
namespace {

constexpr int kWatchShift = 56;
constexpr int kDaemonBuffer = 4 << 20;
constexpr std::chrono::seconds kLockPatience{4};

Result<UniqueFd> listenAt(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{ErrorCode::kInvalid, path + " is too long for a socket"};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return posixError(errno, "making a socket");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return posixError(errno, "removing " + path);
  const mode_t old = ::umask(0177);
  const int bound = ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(old);
  if (bound != 0) return posixError(error, "binding " + path);
  if (::listen(socket.get(), 4) != 0) return posixError(errno, "listening on " + path);
  return socket;
}

// One launcher serves a directory. A lock of this process, which no child of it has: it goes when the process goes. One
// that was killed may take a moment for that.
Result<UniqueFd> lockAlone(const std::string& path) {
  UniqueFd lock = RF_TRY(openAt(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
  while (::fcntl(lock.get(), F_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return posixError(errno, "locking " + path);
    if (std::chrono::steady_clock::now() > deadline)
      return Error{ErrorCode::kBusy, path + " is locked: another launcher serves this directory"};
    ::usleep(2000);
  }
  return lock;
}

Result<UniqueFd> openSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGCHLD);  // a child stopped to be read; its end shows on its pidfd
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return posixError(errno, "blocking signals");
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return posixError(errno, "receiving signals");
  (void)::signal(SIGPIPE, SIG_IGN);
  (void)::signal(SIGHUP, SIG_IGN);
  return fd;
}

// A program of our own, of the same version: opened once, and run from this descriptor. None: it is not installed.
Result<UniqueFd> openBeside(const std::string& name) {
  std::string own(4096, '\0');
  const ssize_t length = ::readlink("/proc/self/exe", own.data(), own.size());
  if (length < 0) return posixError(errno, "looking for our own program");
  own.resize(static_cast<std::size_t>(length));
  auto program = openAt(AT_FDCWD, own.substr(0, own.rfind('/') + 1) + name, O_PATH);
  if (!program && program.error().sysErrno == ENOENT) return UniqueFd();
  return program;
}

}  // namespace

Result<Launcher> Launcher::create(const LauncherOptions& options, KernelFeatures features) {
  UniqueFd root = RF_TRY(openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  CgroupTree groups = RF_TRY(CgroupTree::open(features, options.cgroupRoot, std::move(root), options.processors));
  Launcher launcher(options, std::move(features), std::move(groups));
  RF_TRY(launcher.open());
  return launcher;
}

Result<void> Launcher::open() {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return posixError(errno, "making the loop");
  hostNet_ = RF_TRY(openAt(AT_FDCWD, "/proc/self/ns/net", O_RDONLY));
  hostIpc_ = RF_TRY(openAt(AT_FDCWD, "/proc/self/ns/ipc", O_RDONLY));
  hostUts_ = RF_TRY(openAt(AT_FDCWD, "/proc/self/ns/uts", O_RDONLY));
  hostProc_ = RF_TRY(openAt(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY));
  // No kernel that can hold a warden's calls lacks this.
  if (features_.seccompWaitKillable) wardenProc_ = RF_TRY(makeWardenProc());
  self_ = RF_TRY(openPidfd(::getpid()));
  ownView_ = RF_TRY(OwnView::read());
  wardenProgram_ = RF_TRY(openBeside("ringfence-warden"));
  egressProgram_ = RF_TRY(openBeside("ringfence-egress"));
  lock_ = RF_TRY(lockAlone(options_.runDirectory + "/launcher.lock"));
  signals_ = RF_TRY(openSignals());
  names_ = RF_TRY(NameFiles::create(options_.runDirectory + "/" + kNameFilesBeside));
  if (names_->fd() >= 0) RF_TRY(watch(names_->fd(), Watch::kNames, 0));
  listener_ = RF_TRY(listenAt(options_.runDirectory + "/launcher.sock"));
  // A stem and what it forks are born in their groups, or are nowhere.
  if (canScope(features_.landlockAbi) && features_.cloneIntoCgroup) canary_ = RF_TRY(ScopeCanary::make());
  if (canary_) RF_TRY(startNursery());
  RF_TRY(watch(listener_.get(), Watch::kListener, 0));
  return watch(signals_.get(), Watch::kSignals, 0);
}

Result<void> Launcher::watch(int fd, Watch what, Serial serial) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = static_cast<std::uint64_t>(what) << kWatchShift | serial;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return posixError(errno, "watching a descriptor");
  return {};
}

void Launcher::unwatch(int fd) {
  if (fd >= 0) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // Absent is what is wanted.
}

Result<void> Launcher::run() {
  std::array<epoll_event, 32> events;
  Rest rest;
  for (;;) {
    if (terminating_ && runs_.empty() && stems_.empty()) return {};
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), rest.until(untilDue()));
    rest.after(count);
    if (count < 0 && errno != EINTR) return posixError(errno, "waiting for events");
    for (int i = 0; i < count; ++i) dispatch(events[static_cast<std::size_t>(i)].data.u64);
    doWhatIsDue();
  }
}

void Launcher::dispatch(std::uint64_t tag) {
  const auto what = static_cast<Watch>(tag >> kWatchShift);
  if (what == Watch::kListener) return acceptDaemon();
  if (what == Watch::kDaemon) return readDaemon();
  if (what == Watch::kSignals) return onSignal();
  if (what == Watch::kNames) return names_->onChange();
  // A run may have gone earlier in the same batch of events.
  const auto found = runs_.find(tag & ((1ULL << kWatchShift) - 1));
  if (found == runs_.end()) return;
  Run& run = *found->second;
  switch (what) {
    case Watch::kPidfd: return onPidfd(run);
    case Watch::kReport: return readReports(run);
    case Watch::kOutputPipe: return onOutput(run, Run::Source::kOutputPipe);
    case Watch::kTerminal: return onOutput(run, Run::Source::kTerminal);
    case Watch::kGuards: return tendGuards(run);
    case Watch::kStem: return readStem(run);
    default: return;
  }
}

void Launcher::onSignal() {
  signalfd_siginfo info{};
  if (::read(signals_.get(), &info, sizeof info) != sizeof info) return;
  if (info.ssi_signo == SIGCHLD) {
    reapStems();
    return readFilters();
  }
  emptyNow();
  // A child that was only prepared is nobody's run: it ends with us. Any other run keeps us.
  terminating_ = std::ranges::all_of(runs_, [](const auto& one) {
    return one.second->state == RunState::kPrepared || one.second->state == RunState::kFailing;
  });
  if (!terminating_) return;
  for (const auto& [serial, run] : runs_) failLaunch(*run, "launcher", "the launcher was asked to end", 0, 125);
}

void Launcher::acceptDaemon() {
  UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!peer) return;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0 || credentials.uid != 0) return;
  // A daemon that does not read is dropped when this is full; it asks again by Adopt.
  (void)::setsockopt(peer.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kDaemonBuffer, sizeof kDaemonBuffer);
  dropDaemon();
  if (watch(peer.get(), Watch::kDaemon, 0)) daemon_ = std::move(peer);
}

// What it released and has not begun waits for the word of the next one, who may know of a stop.
void Launcher::dropDaemon() {
  unwatch(daemon_.get());
  daemon_.reset();
  greeted_ = false;
  for (const auto& [serial, run] : runs_) {
    if (run->state < RunState::kStarting) run->released = false;
  }
}

void Launcher::readDaemon() {
  for (int turn = 0; daemon_ && turn < 64; ++turn) {
    auto packet = receivePacket(daemon_.get(), kMaxWirePacket, MSG_DONTWAIT);
    if (!packet && (packet.error().sysErrno == EAGAIN || packet.error().sysErrno == EINTR)) return;
    if (!packet || packet->bytes.empty()) return dropDaemon();
    auto request = decodeRequest(*packet, &knownTable_);
    if (!request) return dropDaemon();  // Of another version, or broken: it sees the connection close.
    obey(std::move(*request), std::move(*packet));
  }
}

void Launcher::obey(LauncherRequest request, Packet packet) {
  if (const auto* hello = std::get_if<WireHello>(&request)) {
    send(Welcome{kWireVersion, ::getpid()});
    greeted_ = hello->version == kWireVersion;
    if (!greeted_) dropDaemon();
    return;
  }
  if (!greeted_) return dropDaemon();
  if (const auto* prepare = std::get_if<Prepare>(&request)) return obeyPrepare(*prepare);
  if (const auto* foretold = std::get_if<Foretell>(&request)) return obeyForetell(*foretold, packet);
  if (auto* launch = std::get_if<Launch>(&request)) return obeyLaunch(std::move(*launch), std::move(packet));
  if (std::get_if<Adopt>(&request) != nullptr) return listKept();
  if (const auto* kept = std::get_if<Kept>(&request)) return adopt(kept->kept, std::move(packet.fds));
  if (const auto* forgotten = std::get_if<Forget>(&request)) return forget(forgotten->run);
  if (const auto* owner = std::get_if<FindOwner>(&request)) return obeyFindOwner(*owner);
  if (const auto* abandon = std::get_if<Abandon>(&request)) {
    if (Run* run = find(abandon->run); run != nullptr && run->state < RunState::kStarting) {
      failLaunch(*run, "abandoned", "the launch was abandoned", 0, 125);
    }
  } else if (const auto* release = std::get_if<Release>(&request)) {
    if (Run* run = find(release->run)) obeyRelease(*run);
  } else if (const auto* signal = std::get_if<SignalRun>(&request)) {
    Run* run = find(signal->run);
    const bool sane = signal->signal > 0 && signal->signal < NSIG && signal->signal != SIGKILL;
    if (run != nullptr && run->state == RunState::kRunning && sane) {
      (void)sendReport(run->report.get(), static_cast<std::uint32_t>(OrderKind::kSignal), signal->signal, 0, "", {},
                       MSG_DONTWAIT);
    }
  } else if (const auto* draining = std::get_if<SetDraining>(&request)) {
    if (Run* run = find(draining->run)) setDraining(*run, draining->draining);
  }
}

void Launcher::send(const LauncherEvent& event, const std::vector<int>& fds) {
  if (!daemon_) return;
  auto bytes = encodeBounded(event);
  if (!bytes || !sendPacket(daemon_.get(), *bytes, fds, MSG_DONTWAIT)) dropDaemon();
}

Run* Launcher::find(const RunId& run) {
  const auto found = byId_.find(run);
  return found == byId_.end() ? nullptr : runs_.at(found->second).get();
}

void Launcher::forget(const RunId& id) {
  Run* run = find(id);
  if (run == nullptr || !run->endSaid) return;
  run->forgotten = true;
  if (run->state != RunState::kEnded) return;
  runs_.erase(serialOf(*run));
  byId_.erase(id);
}

}  // namespace ringfence::sandbox
