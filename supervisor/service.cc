#include "supervisor/service.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "sandbox/kernel/features.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "supervisor/daemon.h"
#include "supervisor/doctor.h"
#include "supervisor/loop.h"
#include "supervisor/places.h"
#include "supervisor/store/sqlite_store.h"
#include "supervisor/verifier.h"

namespace ringfence::supervisor {
namespace {

// Ready is said when the runs of before are adopted; a launcher that does not come must not keep the daemon from saying
// so.
constexpr Milliseconds kReadyPatience{5000};
// How long the end waits: for runs that are killed, for facts that are on their way to the disk.
constexpr Milliseconds kEndPatience{10000};
constexpr Milliseconds kDismissInterval{20};
constexpr rlim_t kWantedDescriptors = 65536;

// What one launch or request frees the next one needs again: giving it back and fetching it would cost system calls and
// page faults each time. Keeps at most this much more than is in use, for each of the two threads.
void keepFreedMemory() {
  (void)::mallopt(M_TRIM_THRESHOLD, static_cast<int>(mebibytes(2).count));
  (void)::mallopt(M_TOP_PAD, static_cast<int>(kibibytes(256).count));
}

void raiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  // The launcher inherits it, and a run inside its own user namespace cannot raise a hard limit.
  const rlimit raised{kWantedDescriptors, std::max(limit.rlim_max, kWantedDescriptors)};
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  limit.rlim_cur = std::min(limit.rlim_max, kWantedDescriptors);
  (void)::setrlimit(RLIMIT_NOFILE, &limit);  // Fewer descriptors: fewer connections.
}

// Before the store makes its thread: a signal goes to any thread that does not block it.
void blockSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  (void)::sigprocmask(SIG_BLOCK, &set, nullptr);  // Fails for no set of ours.
}

Result<std::string> readBootId() {
  std::string text = RF_TRY(readFileAt(AT_FDCWD, "/proc/sys/kernel/random/boot_id", kibibytes(1)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// The loop's descriptors, and which part each belongs to.
class Service {
 public:
  Service(const Config& config, TurnClock& clock, Loop& loop, api::Server& server, LauncherLink& link,
          SqliteStore& store, Verifier& verifier, OutputSpool& outputs, Daemon& daemon)
      : config_(config),
        clock_(clock),
        loop_(loop),
        server_(server),
        link_(link),
        store_(store),
        verifier_(verifier),
        outputs_(outputs),
        daemon_(daemon) {}

  Result<void> run() {
    RF_TRY(watchAll());
    daemon_.begin();
    daemon_.launcherNews(link_.advance());
    const Microseconds began = clock_.now().boottime;
    while (!ending_) {
      settle(ready_ ? std::nullopt : std::optional(began + kReadyPatience));
      if (!ready_ && (daemon_.state().launcherReady || clock_.now().boottime - began >= kReadyPatience)) sayReady();
      RF_TRY(loop_.runOnce());
    }
    return finish();
  }

 private:
  Result<void> watchAll() {
    for (const int signal : {SIGTERM, SIGINT}) {
      Loop::Watch watch = RF_TRY(loop_.onSignal(signal, [this] { ending_ = true; }));
      watches_.push_back(std::move(watch));
    }
    Loop::Watch reloading = RF_TRY(loop_.onSignal(SIGHUP, [this] { reload(); }));
    watches_.push_back(std::move(reloading));
    Loop::Watch accepting = RF_TRY(loop_.watch(server_.fd(), EPOLLIN, [this](std::uint32_t) { acceptAll(); }));
    watches_.push_back(std::move(accepting));
    Loop::Watch stored =
        RF_TRY(loop_.watch(store_.eventFd(), EPOLLIN, [this](std::uint32_t) { daemon_.storeReady(); }));
    watches_.push_back(std::move(stored));
    Loop::Watch verified =
        RF_TRY(loop_.watch(verifier_.eventFd(), EPOLLIN, [this](std::uint32_t) { verifier_.finish(); }));
    watches_.push_back(std::move(verified));
    Loop::Watch kept =
        RF_TRY(loop_.watch(outputs_.eventFd(), EPOLLIN, [this](std::uint32_t) { daemon_.outputsReady(); }));
    watches_.push_back(std::move(kept));
    wake_ = RF_TRY(loop_.onWake([this] {
      daemon_.launcherNews(link_.advance());
      daemon_.wake();
    }));
    return {};
  }

  void reload() {
    (void)::sd_notify(0, "RELOADING=1");  // Nobody may be listening.
    daemon_.reloadPolicies();
    server_.setRoles(api::lookUpRoleGroups());
    say("policies and groups read again");
    (void)::sd_notify(0, "READY=1");
  }

  void acceptAll() {
    for (std::size_t i = 0; i < api::kMaxAcceptsPerTurn; ++i) {
      api::Server::Accepted accepted;
      const auto outcome = server_.accept(accepted);
      if (outcome == api::Server::Outcome::kNone) return;
      if (outcome == api::Server::Outcome::kTurnedAway) continue;
      const std::uint32_t uid = accepted.identity.peer.uid;
      const int fd = accepted.socket.get();
      const ClientId id = daemon_.connected(std::move(accepted.socket), std::move(accepted.identity));
      auto watch = loop_.watch(fd, EPOLLIN, [this, id](std::uint32_t events) {
        daemon_.clientReady(id, (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0, (events & EPOLLOUT) != 0);
      });
      if (watch) {
        clients_.emplace(id, WatchedClient{std::move(*watch), uid, EPOLLIN});
      } else {
        say(watch.error().message);
        daemon_.remove(id);
        server_.release(uid);
      }
    }
  }

  // What the last turn changed, told to the loop.
  void settle(std::optional<Microseconds> alsoWake) {
    for (auto finished = daemon_.finished(); !finished.empty(); finished = daemon_.finished()) {
      for (const ClientId id : finished) {
        const auto found = clients_.find(id);
        if (found != clients_.end()) {
          server_.release(found->second.uid);
          clients_.erase(found);
        }
        daemon_.remove(id);
      }
    }
    for (auto& [id, client] : daemon_.clients().all()) {
      WatchedClient& watched = clients_.at(id);
      const std::uint32_t events =
          (client.session.wantsRead() ? EPOLLIN : 0u) | (client.session.wantsWrite() ? EPOLLOUT : 0u);
      if (events == watched.events) continue;
      watched.watch.setEvents(events);
      watched.events = events;
    }
    settleLauncher();
    settleGuards();
    std::optional<Microseconds> next = daemon_.nextWake();
    for (const auto& at : {link_.nextTry(), alsoWake}) {
      if (at) next = std::min(next.value_or(Microseconds::max()), *at);
    }
    loop_.wakeAt(wake_, next);
  }

  void settleLauncher() {
    if (link_.fd() != launcherFd_) {
      launcherWatch_ = {};
      launcherFd_ = link_.fd();
      launcherEvents_ = EPOLLIN;
      if (launcherFd_ >= 0) {
        auto watch = loop_.watch(launcherFd_, EPOLLIN, [this](std::uint32_t events) {
          if ((events & EPOLLOUT) != 0) link_.flush();
          daemon_.launcherNews(link_.receive());
        });
        if (watch)
          launcherWatch_ = std::move(*watch);
        else
          say(watch.error().message);
      }
    }
    const std::uint32_t events = EPOLLIN | (link_.wantsWrite() ? EPOLLOUT : 0u);
    if (launcherFd_ < 0 || events == launcherEvents_) return;
    launcherWatch_.setEvents(events);
    launcherEvents_ = events;
  }

  // A link is removed when nobody watches its descriptor: the launcher keeps the other copies, so closing ours would
  // not end the watch.
  void settleGuards() {
    Mediation& mediation = daemon_.mediation();
    for (const Mediation::LinkId id : mediation.finished()) {
      guards_.erase(id);
      mediation.remove(id);
    }
    for (const Mediation::Socket& socket : mediation.sockets()) {
      const std::uint32_t events = (socket.wantsRead ? EPOLLIN : 0u) | (socket.wantsWrite ? EPOLLOUT : 0u);
      auto found = guards_.find(socket.id);
      if (found == guards_.end()) {
        auto watch = loop_.watch(socket.fd, events, [this, id = socket.id](std::uint32_t ready) {
          daemon_.guardReady(id, (ready & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0, (ready & EPOLLOUT) != 0);
        });
        if (!watch) {
          say(watch.error().message);
          continue;
        }
        guards_.emplace(socket.id, WatchedGuard{std::move(*watch), events});
      } else if (found->second.events != events) {
        found->second.watch.setEvents(events);
        found->second.events = events;
      }
    }
  }

  void sayReady() {
    ready_ = true;
    (void)std::fputs("ringfenced: ready\n", stderr);
    (void)::sd_notify(0, "READY=1\nSTATUS=serving");  // Nobody may be listening.
  }

  Result<void> finish() {
    (void)::sd_notify(0, "STOPPING=1");
    const Microseconds began = clock_.now().boottime;
    const auto patient = [&] { return clock_.now().boottime - began < kEndPatience; };
    const auto anyLive = [&] {
      return std::ranges::any_of(daemon_.state().runs, [](const auto& one) { return isLive(one.second); });
    };
    if (config_.onExit == OnExit::kKillRuns) {
      daemon_.killAll("the daemon ends");
      while (anyLive() && patient()) RF_TRY(turn(began + kEndPatience));
    }
    daemon_.end("asked to");
    while (!daemon_.everythingDurable() && patient()) RF_TRY(turn(began + kEndPatience));
    if (!daemon_.everythingDurable())
      return Error{ErrorCode::kUnavailable, "ended with facts that could not be written"};
    if (config_.onExit == OnExit::kKillRuns && !anyLive()) {
      // It goes when it has read that the ends are recorded, so it is asked until it is gone.
      for (link_.retire(); link_.fd() >= 0 && patient(); RF_TRY(turn(clock_.now().boottime + kDismissInterval)))
        link_.dismiss();
    }
    return {};
  }

  Result<void> turn(Microseconds wakeAt) {
    settle(wakeAt);
    return loop_.runOnce();
  }

  struct WatchedClient {
    Loop::Watch watch;
    std::uint32_t uid = 0;
    std::uint32_t events = 0;
  };

  struct WatchedGuard {
    Loop::Watch watch;
    std::uint32_t events = 0;
  };

  const Config& config_;
  TurnClock& clock_;
  Loop& loop_;
  api::Server& server_;
  LauncherLink& link_;
  SqliteStore& store_;
  Verifier& verifier_;
  OutputSpool& outputs_;
  Daemon& daemon_;
  std::vector<Loop::Watch> watches_;
  Loop::Watch wake_;
  Loop::Watch launcherWatch_;
  int launcherFd_ = -1;
  std::uint32_t launcherEvents_ = 0;
  std::map<ClientId, WatchedClient> clients_;
  std::map<Mediation::LinkId, WatchedGuard> guards_;
  bool ready_ = false;
  bool ending_ = false;
};

}  // namespace

void say(const std::string& line) {
  const std::string text = "ringfenced: " + escapeForDisplay(line) + "\n";
  (void)writeAll(STDERR_FILENO, text, "the log");  // A log that is gone is no reason to end.
}

Result<void> serve(const Config& config) {
  (void)::signal(SIGPIPE, SIG_IGN);
  blockSignals();
  (void)::umask(022);
  raiseDescriptorLimit();
  keepFreedMemory();
  const Places places = RF_TRY(preparePlaces(config));
  const std::string bootId = RF_TRY(readBootId());
  auto opened = RF_TRY(SqliteStore::open(places.logFile));

  UniqueFd root = RF_TRY(openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  const sandbox::KernelFeatures features = sandbox::probeFeatures(root.get());
  auto cgroups = sandbox::CgroupTree::open(features, config.cgroupRoot, std::move(root));
  if (!cgroups) say("no control groups, so nothing can be started: " + cgroups.error().message);

  TurnClock clock;
  Loop loop = RF_TRY(Loop::create(clock));
  LauncherLink link(
      {places.launcherSocket, launcherProgram(), {"--run-dir", config.runDir, "--cgroup-root", config.cgroupRoot}},
      clock);
  const std::unique_ptr<Verifier> verifier = RF_TRY(Verifier::create(places.logFile));
  const auto isEnded = [&state = opened.state](const RunId& run) {
    const auto found = state.runs.find(run);
    return found != state.runs.end() && !isLive(found->second);
  };
  const std::unique_ptr<OutputSpool> outputs = RF_TRY(OutputSpool::open(places.outputDir, isEnded));
  api::Server server = RF_TRY(api::Server::listen(places.controlSocket, api::lookUpRoleGroups(), config.cgroupRoot));
  Daemon daemon({.config = config,
                 .clock = clock,
                 .features = features,
                 .bootId = bootId,
                 .store = *opened.store,
                 .log = accessTo(*opened.store, *verifier),
                 .launcher = link,
                 .outputs = outputs.get(),
                 .cgroups = cgroups ? &*cgroups : nullptr,
                 .say = say},
                std::move(opened.state));
  Service service(config, clock, loop, server, link, *opened.store, *verifier, *outputs, daemon);
  auto served = service.run();
  (void)::unlink(places.controlSocket.c_str());  // The next daemon replaces it anyway.
  return served;
}

}  // namespace ringfence::supervisor
