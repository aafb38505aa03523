#include "supervisor/stop/service.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "sdk/base/io.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr int kAcceptsPerTurn = 8;
constexpr int kKeysPerTurn = 16;
// More packets than this in a window, and others get the processor between our turns: everybody may talk to us, and we
// run before everybody.
constexpr int kPacketsPerWindow = 64;
constexpr Milliseconds kWindow{100};
constexpr Microseconds kBreather{2000};
// Asleep for that much longer than we wanted: nobody was heard meanwhile.
constexpr Milliseconds kLate{100};

timespec timespecOf(Microseconds time) {
  return {.tv_sec = time.count() / 1'000'000, .tv_nsec = time.count() % 1'000'000 * 1000};
}

// Of one that was killed a child that was just being started holds the lock until it is its own program.
constexpr int kLockTries = 30;
constexpr timespec kBetweenTries{.tv_sec = 0, .tv_nsec = 10'000'000};

Result<UniqueFd> lockDirectory(const std::string& directory) {
  UniqueFd lock = RF_TRY(openAt(AT_FDCWD, directory + "/stop.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  for (int tries = 0; tries < kLockTries; ++tries) {
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) break;
    (void)::nanosleep(&kBetweenTries, nullptr);
    errno = EWOULDBLOCK;
  }
  if (errno == EWOULDBLOCK) return Error{ErrorCode::kBusy, "another ringfence-stop serves " + directory};
  return posixError(errno, "locking " + directory + "/stop.lock");
}

std::uint64_t inodeOf(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0 ? about.st_ino : 0;
}

}  // namespace

Service::Service(Stopper stopper, const Clock& clock, ServiceOptions options)
    : stopper_(std::move(stopper)), clock_(clock), options_(std::move(options)), adminGroup_(lookUpAdminGroup()) {}

Result<std::unique_ptr<Service>> Service::open(const ServiceOptions& options, const Clock& clock) {
  RF_TRY(refuseOwnGroup(options.cgroupRoot));
  if (::mkdir(options.runDirectory.c_str(), 0755) != 0 && errno != EEXIST)
    return posixError(errno, "making " + options.runDirectory);
  UniqueFd lock = RF_TRY(lockDirectory(options.runDirectory));
  const Branches::Mounts mounts = RF_TRY(Branches::findMounts());
  Branches branches = RF_TRY(Branches::open(mounts, options.cgroupRoot));
  LatchFile latch = RF_TRY(LatchFile::open(options.stateDirectory));
  EvidenceReader kernel = RF_TRY(EvidenceReader::open());
  std::unique_ptr<Service> service(
      new Service(Stopper(std::move(branches), std::move(latch), std::move(kernel), clock), clock, options));
  service->lock_ = std::move(lock);
  service->stopper_.begin();
  RF_TRY(service->listen());
  return service;
}

Service::~Service() {
  const std::string path = options_.runDirectory + "/stop.sock";
  if (socketInode_ != 0 && inodeOf(path) == socketInode_) (void)::unlink(path.c_str());
}

Result<void> Service::listen() {
  const std::string path = options_.runDirectory + "/stop.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{ErrorCode::kInvalid, path + ": too long for a socket"};
  std::memcpy(address.sun_path, path.data(), path.size());
  // Before anybody can reach it: what is removed from then on is noticed.
  watch_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  constexpr unsigned kGoing = IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF;
  if (watch_ && ::inotify_add_watch(watch_.get(), options_.runDirectory.c_str(), kGoing) < 0)
    watch_.reset();  // Then a removed socket shows to those who look for it.
  // The lock is ours: who bound it is gone.
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return posixError(errno, "replacing " + path);
  listener_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool isBound = listener_ &&
                       ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                       ::chmod(path.c_str(), 0666) == 0 && ::listen(listener_.get(), 128) == 0;
  if (!isBound) return posixError(errno, "listening on " + path);
  socketInode_ = inodeOf(path);
  return {};
}

void Service::watchKeys(KeyWatch::Options options, KeysFrom from) {
  keys_ = std::make_unique<KeyWatch>(std::move(options));
  keysFrom_ = from;
  if (from == KeysFrom::kStateDirectory && watch_)
    (void)::inotify_add_watch(watch_.get(), options_.stateDirectory.c_str(), IN_MOVED_TO | IN_DELETE);
  wantKeys();
}

// Also when nobody could be told of a change: then they are as they were at the start.
void Service::wantKeys() {
  areKeysOld_ = false;
  if (!keys_ || keysFrom_ != KeysFrom::kStateDirectory) return;
  auto wanted = readWantedKeys(options_.stateDirectory);
  if (wanted) return keys_->want(*std::move(wanted), clock_.now().monotonic);
  std::fprintf(stderr, "ringfence-stop: keys stay as they are: %s\n", wanted.error().message.c_str());
}

Result<void> Service::run(const volatile std::sig_atomic_t& isOver) {
  while (isOver == 0 && !isUnreachable_) {
    waitForEvents();
    forgetClosedPeers();
    acceptPeers();
    hearPeers();
    hearKeys();
    minDaemon();
    if (stopper_.isReading()) isBeingRead_ = true;
    tellKills();
    (void)stopper_.advance();
    tellFinished();
    tellKeys();
  }
  if (isUnreachable_)
    return Error{ErrorCode::kUnavailable,
                 options_.runDirectory + "/stop.sock was removed or replaced, so nobody could reach this program"};
  return {};
}

std::optional<Microseconds> Service::nextDue() const {
  const auto look = stopper_.nextLook();
  const auto beat = stopper_.isLatched() ? std::nullopt : deadMan_.due();
  if (!look || !beat) return look ? look : beat;
  return std::min(*look, *beat);
}

// When something about keys is to be done. Nobody's silence is measured by it.
std::optional<Microseconds> Service::nextKeys() const {
  if (!keys_ || stopper_.isReading()) return std::nullopt;
  const auto watch = keys_->wakeAt();
  const auto tell = keysDue();
  if (!watch || !tell) return watch ? watch : tell;
  return std::min(*watch, *tell);
}

void Service::waitForEvents() {
  std::array<pollfd, 3 + kMaxStopConnections> watched;
  watched[0] = {listener_.get(), POLLIN, 0};
  watched[1] = {keys_ ? keys_->fd() : -1, POLLIN, 0};
  watched[2] = {watch_.get(), POLLIN, 0};
  std::size_t count = 3;
  for (const StopPeer& peer : peers_) {
    if (peer.socket) watched[count++] = {peer.socket.get(), POLLIN, 0};
  }
  Microseconds now = clock_.now().monotonic;
  if (heardLately_ > kPacketsPerWindow) {
    // Also while a stop is read back: those that are to stop need the processor.
    const timespec breather = timespecOf(stopper_.isReading() ? kPause : kBreather);
    (void)::nanosleep(&breather, nullptr);
  }
  const auto due = nextDue();
  const auto keys = nextKeys();
  const auto until = keys && (!due || *keys < *due) ? keys : due;
  const timespec wait = timespecOf(until && *until > now ? *until - now : Microseconds(0));
  sigset_t none;
  ::sigemptyset(&none);
  (void)::ppoll(watched.data(), count, until ? &wait : nullptr, &none);
  now = clock_.now().monotonic;
  if (due && now - *due > kLate) deadMan_.excuse(now - *due);
  if (now - windowBegun_ > kWindow) {
    windowBegun_ = now;
    heardLately_ = 0;
  }
  if (watch_ && watched[2].revents != 0) {
    isUnreachable_ = !isStillReachable();
    areKeysOld_ = true;
  }
}

bool Service::isStillReachable() {
  alignas(inotify_event) std::array<char, 4096> events;
  while (::read(watch_.get(), events.data(), events.size()) > 0) {}
  return inodeOf(options_.runDirectory + "/stop.sock") == socketInode_;
}

void Service::acceptPeers() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    ++heardLately_;
    (void)peers_.accept(std::move(socket), adminGroup_);
  }
}

// One packet each, so that whoever talks much keeps nobody waiting.
void Service::hearPeers() {
  for (StopPeer& peer : peers_) {
    if (peer.socket) hear(peer);
  }
}

// Whoever did not read what was sent.
void Service::forgetClosedPeers() {
  for (StopPeer& peer : peers_) {
    if (!peer.socket) closePeer(peer);
  }
}

void Service::hear(StopPeer& peer) {
  std::array<char, kMaxStopRequest + 1> bytes;
  const ssize_t got = ::recv(peer.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return closePeer(peer);
  if (!peer.isDaemon) ++heardLately_;
  peers_.heard(peer);
  answer(peer, parseRequest({bytes.data(), static_cast<std::size_t>(got)}));
}

void Service::closePeer(StopPeer& peer) {
  if (peer.isDaemon) deadMan_.loseConnection();
  StopPeers::close(peer);
}

void Service::hearKeys() {
  if (!keys_) return;
  const Microseconds now = clock_.now().monotonic;
  for (int i = 0; i < kKeysPerTurn; ++i) {
    const auto pressed = keys_->read(now);
    if (!pressed) break;
    const bool isPress = pressed->keys == Press::kPressed;
    stopper_.stop({.text = TriggerText("keys: ").append(pressed->spec),
                   .press = isPress ? Trigger::Press::kMayKill : Trigger::Press::kStopsOnly});
  }
  if (stopper_.isReading()) return;
  if (areKeysOld_) wantKeys();
  keys_->turn(now);
}

void Service::minDaemon() {
  const auto due = deadMan_.due();
  if (!due || stopper_.isLatched() || clock_.now().monotonic < *due) return;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(deadMan_.patience()).count();
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), seconds).ptr;
  TriggerText text("dead-man: the daemon has been silent for ");
  text.append({digits.data(), static_cast<std::size_t>(end - digits.data())}).append(" s");
  deadMan_.fired();
  stopper_.stop({.text = text});
}

}  // namespace ringfence::supervisor::stop
