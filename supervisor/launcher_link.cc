#include "supervisor/launcher_link.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "sandbox/wire/long_message.h"
#include "sdk/base/io.h"

namespace ringfence::supervisor {
namespace {

using sandbox::HeldFd;

// Tried again later: the message stays where it is.
bool wouldBlock(const Error& error) {
  return error.sysErrno == EAGAIN || error.sysErrno == EWOULDBLOCK || error.sysErrno == ENOBUFS ||
         error.sysErrno == ENOMEM || error.sysErrno == ETOOMANYREFS;
}

}  // namespace

// ---- connecting

Result<void> LauncherLink::connect() {
  KeptPeer peer = RF_TRY(program_.connect());
  const int room = static_cast<int>(4 * sandbox::kMaxWirePacket.count);
  // The default may hold one plan only.
  (void)::setsockopt(peer.socket.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  socket_ = std::move(peer.socket);
  life_ = std::move(peer.life);
  stage_ = Stage::kGreeting;
  RF_TRY(queue(sandbox::encode(sandbox::LauncherRequest(sandbox::WireHello{})), {}));
  flush();
  return {};
}

std::optional<Microseconds> LauncherLink::nextTry() const {
  if (stage_ != Stage::kDown || retired_) return std::nullopt;
  return program_.nextTry();
}

std::vector<LinkNews> LauncherLink::advance() {
  std::vector<LinkNews> news;
  const Microseconds now = clock_.now().boottime;
  if (stage_ != Stage::kDown || retired_ || now < program_.nextTry()) return news;
  if (connect())
    (void)program_.answered();
  else if (auto trouble = program_.start(now))
    news.push_back(LinkDown{*std::move(trouble)});
  return news;
}

void LauncherLink::down(std::string reason, std::vector<LinkNews>& news) {
  socket_.reset();
  life_.reset();
  queue_.clear();
  adopted_.clear();
  stage_ = Stage::kDown;
  program_.lost(clock_.now().boottime);
  news.push_back(LinkDown{std::move(reason)});
}

// ---- sending

Result<void> LauncherLink::queue(std::string bytes, std::span<const int> fds) {
  Packet packed = RF_TRY(sandbox::packRequest(std::move(bytes)));
  Queued queued{std::move(packed.bytes), {}};
  for (const int fd : fds) {
    queued.fds.emplace_back(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!queued.fds.back()) return posixError(errno, "keeping a descriptor for the launcher");
  }
  for (UniqueFd& fd : packed.fds) queued.fds.push_back(std::move(fd));
  queue_.push_back(std::move(queued));
  return {};
}

Result<void> LauncherLink::send(const sandbox::LauncherRequest& request, std::span<const int> fds) {
  if (const auto* forgotten = std::get_if<sandbox::Forget>(&request)) held_.erase(forgotten->run);
  if (stage_ != Stage::kUp) return Error{ErrorCode::kUnavailable, "there is no launcher at the moment"};
  if (queue_.size() >= kMaxLauncherQueue)
    return Error{ErrorCode::kUnavailable, "the launcher does not read its messages"};
  RF_TRY(queue(sandbox::encode(request, &knownTable_), fds));
  if (const auto* launch = std::get_if<sandbox::Launch>(&request)) {
    sandbox::KeptRun& kept = held_[launch->plan.run].kept;
    kept.run = launch->plan.run;
    kept.state = sandbox::KeptState::kBuilt;
    kept.priority = launch->plan.priority;
    kept.egressUid = launch->plan.guards.egressUid;
  }
  flush();
  return {};
}

void LauncherLink::flush() {
  while (!queue_.empty()) {
    std::vector<int> fds;
    for (const UniqueFd& fd : queue_.front().fds) fds.push_back(fd.get());
    auto sent = sendPacket(socket_.get(), queue_.front().bytes, fds, MSG_DONTWAIT);
    if (!sent && wouldBlock(sent.error())) return;
    // Any other failure: the end of the connection shows when it is read.
    queue_.pop_front();
  }
}

void LauncherLink::dismiss() {
  if (socket_ && pid_ > 0) (void)::kill(pid_, SIGTERM);  // Connected, so the pid is still its own.
}

// ---- receiving

std::vector<LinkNews> LauncherLink::receive() {
  std::vector<LinkNews> news;
  for (std::size_t i = 0; i < kMaxEventsPerTurn && stage_ != Stage::kDown; ++i) {
    auto packet = receivePacket(socket_.get(), sandbox::kMaxWirePacket, MSG_DONTWAIT);
    if (!packet && wouldBlock(packet.error())) break;
    // Said once when it died with our messages unread; what it had told before is still there to be read.
    if (!packet && packet.error().sysErrno == ECONNRESET) continue;
    if (!packet || packet->bytes.empty()) {
      down(packet ? "it closed the connection" : packet.error().message, news);
      break;
    }
    auto event = sandbox::decodeEvent(packet->bytes);
    if (!event) {
      down("it sent a message that cannot be read: " + event.error().message, news);
      break;
    }
    handle(std::move(*event), std::move(packet->fds), news);
  }
  return news;
}

std::vector<LinkNews> LauncherLink::ended() {
  std::vector<LinkNews> news;
  if (!life_ || !hasEnded(life_.get())) return news;
  // What it had told before is still there to be read, and nothing comes any more.
  for (std::vector<LinkNews> more = receive(); !more.empty(); more = receive())
    news.insert(news.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  if (stage_ != Stage::kDown) down("it ended", news);
  return news;
}

void LauncherLink::handle(sandbox::LauncherEvent event, std::vector<UniqueFd> fds, std::vector<LinkNews>& news) {
  if (const auto* greeting = std::get_if<sandbox::Welcome>(&event)) return welcome(*greeting, news);
  if (const auto* kept = std::get_if<sandbox::Kept>(&event)) {
    keep(kept->kept, std::move(fds));
    if (stage_ == Stage::kAdopting) adopted_.push_back(kept->kept);
    return;
  }
  if (std::holds_alternative<sandbox::AdoptDone>(event)) {
    if (stage_ != Stage::kAdopting) return;
    stage_ = Stage::kUp;
    program_.settled();
    news.push_back(LinkUp{pid_, std::move(adopted_)});
    adopted_.clear();
    return;
  }
  if (const auto* built = std::get_if<sandbox::Built>(&event)) {
    sandbox::KeptRun kept = held_[built->run].kept;
    kept.run = built->run;
    kept.state = sandbox::KeptState::kBuilt;
    kept.initPid = built->initPid;
    kept.held = built->held;
    keep(kept, std::move(fds));
  }
  if (const auto* begun = std::get_if<sandbox::Started>(&event); begun != nullptr && held_.contains(begun->run)) {
    held_[begun->run].kept.state = sandbox::KeptState::kRunning;
    held_[begun->run].kept.pid = begun->pid;
  }
  if (const auto* ended = std::get_if<sandbox::Ended>(&event); ended != nullptr && held_.contains(ended->run)) {
    held_[ended->run].kept.state = sandbox::KeptState::kEnded;
  }
  if (const auto* failed = std::get_if<sandbox::LaunchFailed>(&event)) held_.erase(failed->run);
  news.push_back(std::move(event));
}

void LauncherLink::welcome(const sandbox::Welcome& event, std::vector<LinkNews>& news) {
  if (stage_ != Stage::kGreeting) return;
  if (event.version != sandbox::kWireVersion)
    return down("it speaks version " + std::to_string(event.version) + " of the messages", news);
  if (event.pid != pid_) {
    // A launcher that came after a dead one, or the first that this daemon meets: then nothing is held.
    for (const auto& [run, held] : held_) {
      if (held.kept.state == sandbox::KeptState::kEnded || !held.fds.contains(HeldFd::kPidfd)) continue;
      std::vector<int> fds;
      sandbox::KeptRun kept = held.kept;
      kept.held = 0;
      for (const HeldFd which : sandbox::kHeldOrder) {
        const auto found = held.fds.find(which);
        if (found == held.fds.end()) continue;
        kept.held = static_cast<std::uint16_t>(kept.held | static_cast<std::uint16_t>(which));
        fds.push_back(found->second.get());
      }
      // Without its descriptors a run cannot be handed on; its difference is found and told.
      (void)queue(sandbox::encode(sandbox::LauncherRequest(sandbox::Kept{kept})), fds);
    }
  }
  pid_ = event.pid;
  stage_ = Stage::kAdopting;
  (void)queue(sandbox::encode(sandbox::LauncherRequest(sandbox::Adopt{})), {});  // Carries no descriptor: cannot fail.
  flush();
}

void LauncherLink::keep(const sandbox::KeptRun& kept, std::vector<UniqueFd> fds) {
  Held& held = held_[kept.run];
  held.kept = kept;
  std::size_t next = 0;
  for (const HeldFd which : sandbox::kHeldOrder) {
    if ((kept.held & static_cast<std::uint16_t>(which)) == 0) continue;
    if (next == fds.size()) break;
    // A client gets a ring to read; reopening it for writing is for root alone.
    if (which == HeldFd::kOutputRing)
      (void)::fchmod(fds[next].get(), 0600);  // Then a client could write into its own log.
    held.fds[which] = std::move(fds[next++]);
  }
}

Result<UniqueFd> LauncherLink::copyOf(const RunId& run, HeldFd which) const {
  int fd = -1;
  if (const auto found = held_.find(run); found != held_.end()) {
    const auto kept = found->second.fds.find(which);
    if (kept != found->second.fds.end()) fd = kept->second.get();
  }
  if (fd < 0) return Error{ErrorCode::kNotFound, "nothing of the output of " + run.text() + " is kept"};
  if (which == HeldFd::kOutputRing) return openAt(AT_FDCWD, "/proc/self/fd/" + std::to_string(fd), O_RDONLY);
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return posixError(errno, "copying a descriptor of " + run.text());
  return copy;
}

}  // namespace ringfence::supervisor
