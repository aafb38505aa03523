#include "supervisor/service.h"

#include <fcntl.h>
#include <signal.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "sandbox/kernel/features.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "supervisor/accel_watch.h"
#include "supervisor/api/metrics_server.h"
#include "supervisor/daemon.h"
#include "supervisor/doctor.h"
#include "supervisor/heartbeat.h"
#include "supervisor/loop.h"
#include "supervisor/open_log.h"
#include "supervisor/places.h"
#include "supervisor/stop/keys/wanted_keys.h"
#include "supervisor/stop/latch_file.h"
#include "supervisor/stop_link.h"
#include "supervisor/verifier.h"

namespace ringfence::supervisor {
namespace {

// Ready is said when the runs of before are adopted; a launcher that does not come must not keep the daemon from saying
// so.
constexpr Milliseconds kReadyPatience{5000};
// How long the end waits: for runs that are killed, for facts that are on their way to the disk.
constexpr Milliseconds kEndPatience{10000};
constexpr Milliseconds kDismissInterval{20};
// Whoever hung up: what it said is still read, and the next that is sent finds that nobody takes it. The kernel tells
// this whatever is asked for, so where neither were done it would wake the loop for ever.
constexpr std::uint32_t kOver = EPOLLHUP | EPOLLERR;
// Of the time without a beat that is an emergency.
constexpr int kBeatsInPatience = 4;

Result<std::string> readBootId() {
  std::string text = RF_TRY(readFileAt(AT_FDCWD, "/proc/sys/kernel/random/boot_id", kibibytes(1)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// What this process itself waits for must not look like the person's waiting.
std::string ownGroup() {
  const auto text = readFileAt(AT_FDCWD, "/proc/self/cgroup", kibibytes(64));
  return text ? unifiedPathIn(*text).value_or("") : "";
}

// Nothing: it is open. One that cannot be read is closed.
std::optional<EmergencyStopped> latchIn(const std::string& stateDir) {
  const stop::LatchReading reading = stop::readLatch(stateDir);
  if (!reading.isLatched()) return std::nullopt;
  if (reading.state == stop::LatchState::kDamaged) return EmergencyStopped{.trigger = "the latch cannot be read"};
  const stop::StopRecord& found = reading.stop;
  EmergencyStopped stopped{.trigger = std::string(found.trigger.view()), .uid = found.uid};
  if (found.isKilled) stopped.killed = true;
  if (!found.killedOf.empty()) {
    auto& owners = stopped.killedOf.emplace();
    for (const stop::KilledOf& one : found.killedOf) owners.push_back(one.uid);
    stopped.killedRuns = found.killedRuns();
  }
  // Until it was read back, nobody knows.
  if (found.tookUsec == 0) return stopped;
  stopped.runs = found.runs;
  stopped.processes = found.processes;
  stopped.writeUsec = found.writeUsec;
  stopped.tookUsec = found.tookUsec;
  stopped.verified = found.isVerified;
  return stopped;
}

// `log`: null in a locked start, where no thread writes one.
std::vector<Heartbeat::Worker> workersOf(SqliteStore* log, OutputSpool& outputs) {
  std::vector<Heartbeat::Worker> workers{
      {[&outputs](std::uint64_t token) { outputs.pass(token); }, [&outputs] { return outputs.passed(); }}};
  if (log != nullptr)
    workers.push_back({[log](std::uint64_t token) { log->pass(token); }, [log] { return log->passed(); }});
  return workers;
}

// Null: there is nothing to read. Its thread may outlive whoever has it, so it has directories of its own.
Result<std::unique_ptr<AccelWatch>> watchAccelerators(const Config& config) {
  auto roots = MeterRoots::open(config.meterRoot);
  if (!roots) return std::unique_ptr<AccelWatch>();
  return AccelWatch::create(std::move(*roots));
}

// The loop's descriptors, and which part each belongs to.
class Service {
 public:
  Service(const Config& config, TurnClock& clock, Loop& loop, api::Server& server, api::MetricsServer* metrics,
          LauncherLink& link, StopLink& stop, Store& store, std::vector<Heartbeat::Worker> workers, Verifier& verifier,
          OutputSpool& outputs, PrivateHomes& homes, AccelWatch* accelerators, Daemon& daemon)
      : config_(config),
        clock_(clock),
        loop_(loop),
        server_(server),
        metrics_(metrics),
        link_(link),
        stop_(stop),
        heartbeat_(std::move(workers), config.deadManAfter / kBeatsInPatience),
        store_(store),
        verifier_(verifier),
        outputs_(outputs),
        homes_(homes),
        accelerators_(accelerators),
        daemon_(daemon) {}

  Result<void> run() {
    RF_TRY(watchAll());
    daemon_.begin();
    daemon_.stopNews(stop_.advance());
    daemon_.launcherNews(link_.advance());
    const Microseconds began = clock_.now().boottime;
    while (!ending_) {
      settle(ready_ ? std::nullopt : std::optional(began + kReadyPatience));
      if (!ready_ && (daemon_.state().launcherReady || clock_.now().boottime - began >= kReadyPatience)) sayReady();
      RF_TRY(loop_.runOnce());
      if (daemon_.isLogHopeless()) {
        return Error{
            ErrorCode::kUnavailable,
            "ended, as the log could not be written for half a minute: the next start opens it anew; agents stay "
            "held"};
      }
    }
    return finish();
  }

 private:
  Result<void> onReadable(int fd, std::function<void()> then) {
    Loop::Watch watch = RF_TRY(loop_.watch(fd, EPOLLIN, [then = std::move(then)](std::uint32_t) { then(); }));
    watches_.push_back(std::move(watch));
    return {};
  }

  Result<void> watchAll() {
    for (const int signal : {SIGTERM, SIGINT}) {
      Loop::Watch watch = RF_TRY(loop_.onSignal(signal, [this] { ending_ = true; }));
      watches_.push_back(std::move(watch));
    }
    Loop::Watch reloading = RF_TRY(loop_.onSignal(SIGHUP, [this] { reload(); }));
    watches_.push_back(std::move(reloading));
    RF_TRY(onReadable(server_.fd(), [this] { acceptAll(); }));
    RF_TRY(onReadable(store_.eventFd(), [this] { daemon_.storeReady(); }));
    RF_TRY(onReadable(verifier_.eventFd(), [this] { verifier_.finish(); }));
    RF_TRY(onReadable(outputs_.eventFd(), [this] { daemon_.outputsReady(); }));
    RF_TRY(onReadable(homes_.eventFd(), [this] { daemon_.homesReady(); }));
    if (daemon_.standstillsFd() >= 0)
      RF_TRY(onReadable(daemon_.standstillsFd(), [this] { daemon_.standstillsReady(); }));
    if (daemon_.groupsFd() >= 0) RF_TRY(onReadable(daemon_.groupsFd(), [this] { daemon_.groupsReady(); }));
    if (daemon_.agentsFd() >= 0) RF_TRY(onReadable(daemon_.agentsFd(), [this] { daemon_.agentsReady(); }));
    if (metrics_ != nullptr) {
      RF_TRY(onReadable(metrics_->fd(), [this] {
        metrics_->serve(clock_.now(), [this](const Peer& peer) { return daemon_.metricsFor(peer); });
      }));
    }
    if (accelerators_ != nullptr) RF_TRY(onReadable(accelerators_->eventFd(), [this] { daemon_.acceleratorsReady(); }));
    wake_ = RF_TRY(loop_.onWake([this] {
      daemon_.stopNews(stop_.advance());
      daemon_.launcherNews(link_.advance());
      daemon_.wake();
      beat();
      if (metrics_ != nullptr) metrics_->expire(clock_.now());
    }));
    return {};
  }

  void beat() {
    if (config_.deadManAfter.count() == 0 || stop_.fd() < 0) return;
    if (heartbeat_.isDue(clock_.now().boottime)) stop_.beat();
  }

  std::optional<Microseconds> nextBeat() const {
    if (config_.deadManAfter.count() == 0 || stop_.fd() < 0) return std::nullopt;
    return heartbeat_.nextWake();
  }

  void reload() {
    (void)::sd_notify(0, "RELOADING=1");  // Nobody may be listening.
    daemon_.reloadPolicies();
    const api::RoleGroups roles = api::lookUpRoleGroups();
    server_.setRoles(roles);
    if (metrics_ != nullptr) metrics_->setRoles(roles);
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
        daemon_.clientReady(id, (events & (EPOLLIN | kOver)) != 0, (events & (EPOLLOUT | kOver)) != 0);
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
    settleStop();
    settleLauncher();
    settleGuards();
    std::optional<Microseconds> next = daemon_.nextWake();
    for (const auto& at : {link_.nextTry(), stop_.nextTry(), nextBeat(), alsoWake, scrapeEnd()}) {
      if (at) next = std::min(next.value_or(Microseconds::max()), *at);
    }
    loop_.wakeAt(wake_, next);
  }

  // When the next reader of metrics is cut off; boottime.
  std::optional<Microseconds> scrapeEnd() const {
    const auto end = metrics_ == nullptr ? std::nullopt : metrics_->deadline();
    if (!end) return std::nullopt;
    const Now now = clock_.now();
    return now.boottime + std::max(*end - now.monotonic, Microseconds{0});
  }

  // For reading. One that cannot be watched is told.
  void keepWatch(Loop::Watch& watch, int fd, std::function<void(std::uint32_t)> ready) {
    auto made = loop_.watch(fd, EPOLLIN, std::move(ready));
    if (made)
      watch = std::move(*made);
    else
      say(made.error().message);
  }

  void settleStop() {
    if (stop_.fd() == stopFd_) return;
    stopWatch_ = {};
    stopFd_ = stop_.fd();
    if (stopFd_ >= 0) keepWatch(stopWatch_, stopFd_, [this](std::uint32_t) { daemon_.stopNews(stop_.receive()); });
  }

  void settleLauncher() {
    if (link_.fd() != launcherFd_) {
      launcherWatch_ = {};
      launcherLife_ = {};
      launcherFd_ = link_.fd();
      launcherEvents_ = EPOLLIN;
      if (launcherFd_ >= 0) {
        keepWatch(launcherWatch_, launcherFd_, [this](std::uint32_t events) {
          if ((events & EPOLLOUT) != 0) link_.flush();
          // Whatever ended by the emergency stop was told by that before.
          auto said = link_.receive();
          daemon_.stopNews(stop_.receive());
          daemon_.launcherNews(std::move(said));
        });
      }
      if (link_.lifeFd() >= 0)
        keepWatch(launcherLife_, link_.lifeFd(), [this](std::uint32_t) { daemon_.launcherNews(link_.ended()); });
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
          daemon_.guardReady(id, (ready & (EPOLLIN | kOver)) != 0, (ready & (EPOLLOUT | kOver)) != 0);
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
    // Nobody may be listening.
    (void)::sd_notify(
        0, daemon_.isLocked() ? "READY=1\nSTATUS=locked: the log cannot be trusted" : "READY=1\nSTATUS=serving");
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
    const bool endsAll = config_.onExit == OnExit::kKillRuns && !anyLive();
    stop_.leave(endsAll ? StopLink::And::kEndIt : StopLink::And::kNothing);
    if (daemon_.isLocked()) return {};  // Nothing of it is ever on the disk.
    while (!daemon_.everythingDurable() && patient()) RF_TRY(turn(began + kEndPatience));
    if (!daemon_.everythingDurable())
      return Error{ErrorCode::kUnavailable, "ended with facts that could not be written"};
    if (endsAll) {
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
  api::MetricsServer* metrics_;  // absent: nobody is told metrics
  LauncherLink& link_;
  StopLink& stop_;
  Heartbeat heartbeat_;
  Store& store_;
  Verifier& verifier_;
  OutputSpool& outputs_;
  PrivateHomes& homes_;
  AccelWatch* accelerators_;
  Daemon& daemon_;
  std::vector<Loop::Watch> watches_;
  Loop::Watch wake_;
  Loop::Watch stopWatch_;
  int stopFd_ = -1;
  Loop::Watch launcherWatch_, launcherLife_;
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

std::vector<std::string> launcherArguments(const Config& config) {
  std::vector<std::string> arguments{"--run-dir", config.runDir, "--cgroup-root", config.cgroupRoot};
  if (config.governor.reserveProcessors > 0) arguments.emplace_back("--reservable");
  return arguments;
}

Result<void> serve(const Config& config) {
  const Places places = RF_TRY(preparePlaces(config));
  const std::string bootId = RF_TRY(readBootId());
  DiskReserve reserve(places.reserveFile);
  if (auto kept = reserve.restore(); !kept) say("no room is kept for the log on a full disk: " + kept.error().message);
  auto opened = RF_TRY(openLog(places.logFile, reserve, say));

  UniqueFd root = RF_TRY(openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  const UniqueFd machine = RF_TRY(openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  const sandbox::KernelFeatures features = sandbox::probeFeatures(root.get());
  const bool keepsProcessors = config.governor.reserveProcessors > 0;
  auto cgroups =
      sandbox::CgroupTree::open(features, config.cgroupRoot, std::move(root),
                                keepsProcessors ? sandbox::Processors::kReservable : sandbox::Processors::kShared);
  if (!cgroups) say("no control groups, so nothing can be started: " + cgroups.error().message);
  if (cgroups && !keepsProcessors) (void)cgroups->reserveProcessors(0);  // An earlier daemon may have kept some.

  auto meters = MeterRoots::open(config.meterRoot);
  if (!meters) say("nothing is metered, so no agent is held back: " + meters.error().message);
  const std::unique_ptr<AccelWatch> accelerators = RF_TRY(watchAccelerators(config));
  const auto ticker = cgroups ? RescheduleTicker::create(features.release, cgroups->placement()) : nullptr;

  TurnClock clock;
  Loop loop = RF_TRY(Loop::create(clock));
  LauncherLink link({"the launcher", places.launcherSocket, launcherProgram(), launcherArguments(config)}, clock);
  // ringfence-stop may be another's, and older than this daemon: it looks at the file.
  if (const auto told = stop::writeWantedKeys(config.stateDir, config.stopKeys); !told)
    say("stop_keys do not count: " + told.error().message);
  StopLink stop({"ringfence-stop",
                 places.stopSocket,
                 stopProgram(),
                 {"--run-dir", config.runDir, "--state-dir", config.stateDir, "--cgroup-root", config.cgroupRoot}},
                {config.cgroupRoot, config.stateDir}, config.deadManAfter, clock);
  const std::unique_ptr<Verifier> verifier = RF_TRY(Verifier::create(places.logFile));
  const auto isEnded = [&opened](const RunId& run) {
    const auto found = opened.state.runs.find(run);
    return opened.file == nullptr || (found != opened.state.runs.end() && !isLive(found->second));
  };
  const std::unique_ptr<OutputSpool> outputs = RF_TRY(OutputSpool::open(places.outputDir, isEnded));
  const std::unique_ptr<PrivateHomes> homes = RF_TRY(PrivateHomes::create(config.stateDir));
  const api::RoleGroups roles = api::lookUpRoleGroups();
  api::Server server = RF_TRY(api::Server::listen(places.controlSocket, roles, config.cgroupRoot));
  auto metrics = api::MetricsServer::listen(places.metricsSocket, roles, config.cgroupRoot);
  if (!metrics) say("nobody is told metrics: " + metrics.error().message);
  Daemon daemon({.config = config,
                 .clock = clock,
                 .features = features,
                 .bootId = bootId,
                 .store = *opened.store,
                 .reserve = opened.file != nullptr ? &reserve : nullptr,
                 .locked = opened.locked,
                 .log = accessTo(opened.file, opened.locked, *verifier),
                 .launcher = link,
                 .outputs = outputs.get(),
                 .homes = homes.get(),
                 .cgroups = cgroups ? &*cgroups : nullptr,
                 .meters = meters ? &*meters : nullptr,
                 .accelerators = accelerators.get(),
                 .root = machine.get(),
                 .ownGroup = ownGroup(),
                 .stop = StopProgram{[&stop] { return stop.release(); },
                                     [&stop](const std::string& words) { return stop.stop(words); },
                                     [&config] { return latchIn(config.stateDir); }},
                 .login = config.logins == LoginCheck::kOn ? LoginLookup(lookUpLogin) : nullptr,
                 .ticker = ticker.get(),
                 .processorLatency = UniqueFd(::open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC)),
                 .keepSamples =
                     [file = opened.file](const std::vector<Sample>& samples) {
                       if (file != nullptr) file->appendSamples(samples);
                     },
                 .say = say},
                std::move(opened.state));
  Service service(config, clock, loop, server, metrics ? &*metrics : nullptr, link, stop, *opened.store,
                  workersOf(opened.file, *outputs), *verifier, *outputs, *homes, accelerators.get(), daemon);
  auto served = service.run();
  (void)::unlink(places.controlSocket.c_str());  // The next daemon replaces it anyway.
  if (metrics) (void)::unlink(places.metricsSocket.c_str());
  return served;
}

}  // namespace ringfence::supervisor
