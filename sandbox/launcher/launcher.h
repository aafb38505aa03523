// Launcher and keeper: obeys one daemon at a time, keeps every run across daemons, and says what happens to them. One
// thread, one epoll loop; blocks on the kernel alone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "policy/triggers.h"
#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/folder_memory.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/launcher/name_files.h"
#include "sandbox/launcher/nursery.h"
#include "sandbox/launcher/run.h"
#include "sandbox/launcher/stem.h"
#include "sandbox/plan/kernel_features.h"
#include "sandbox/wire/codec.h"
#include "sdk/base/io.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kMaxKeptRuns = 512;

struct LauncherOptions {
  std::string runDirectory;
  std::string cgroupRoot;
  Processors processors = Processors::kShared;
};

class Launcher {
 public:
  static Result<Launcher> create(const LauncherOptions& options, KernelFeatures features);
  // Returns when SIGTERM came and no run is kept.
  Result<void> run();

 private:
  // What a descriptor in the epoll set belongs to; the rest of the 64 bits is the serial of a run.
  enum class Watch : std::uint64_t {
    kListener,
    kSignals,
    kDaemon,
    kPidfd,
    kReport,
    kOutputPipe,
    kTerminal,
    kGuards,
    kNames,
    kStem
  };
  using Serial = std::uint64_t;

  Launcher(LauncherOptions options, KernelFeatures features, CgroupTree groups)
      : options_(std::move(options)), features_(std::move(features)), groups_(std::move(groups)) {}

  // launcher.cc: the loop and the daemon's connection
  Result<void> open();
  Result<void> watch(int fd, Watch what, Serial serial);
  void unwatch(int fd);
  void dispatch(std::uint64_t tag);
  void acceptDaemon();
  void dropDaemon();
  void readDaemon();
  void obey(LauncherRequest request, Packet packet);
  void send(const LauncherEvent& event, const std::vector<int>& fds = {});
  void onSignal();
  Run* find(const RunId& run);
  Serial serialOf(const Run& run) const { return byId_.at(run.id); }
  void forget(const RunId& run);

  // launcher_launch.cc: from Prepare to Release
  void obeyPrepare(const Prepare& request);
  void obeyForetell(const Foretell& request, const Packet& packet);
  void obeyLaunch(Launch request, Packet packet);
  Run* fork(const RunId& id, policy::PriorityClass priority);
  Result<BornChild> forkChild(const RunId& id, policy::PriorityClass priority, UniqueFd& report, Stem& stem);
  bool mustJoin() const;
  void finishJoining(Run& run);
  void foresee(Run& run);
  void nameOwner(Run& run);
  void beginBuilding(Run& run, Packet packet);
  Result<void> startBuilding(Run& run, Packet packet);
  Result<void> connectOutput(Run& run, UniqueFd& childEnd);
  Result<const BpfProgram*> programFor(const SharedSeccompTable& table);
  void obeyRelease(Run& run);
  // Kills what was made; LaunchFailed is said when it is gone.
  void failLaunch(Run& run, std::string token, std::string message, int sysErrno, int exitCode);
  void refuse(const RunId& run, std::string token, const Error& error);

  // launcher_judge.cc: from Built by the child to Built for the daemon, and what is due without an event
  void beginJudging(Run& run, CanaryErrnos before, CanaryErrnos after);
  void readWalls(Run& run, CanaryErrnos before, CanaryErrnos after);
  PostureQuestion questionOf(const Run& run) const;
  void readFilters();  // of every child that stopped for it
  void judge(Run& run, const Result<BpfProgram>& filter);
  bool mayBeLifted(const Run& run) const;
  int untilDue() const;  // milliseconds; -1: nothing is
  void doWhatIsDue();

  // launcher_events.cc: what runs report, and their end
  void readReports(Run& run);
  void takeReport(Run& run, struct Report report);
  void onPidfd(Run& run);
  void writeMaps(Run& run);
  void awaitEnd(Run& run);  // blocks: only for a child that was just killed
  void finish(Run& run, int killedBy);
  void drainLast(Run& run);
  void sayEnd(Run& run);
  void sayRemoved(Run& run);
  void readUsage(Run& run);
  void empty(Run& run);
  void emptyNow();
  void retryEmptying();
  void removePlaceholders(Run& ended);
  void onOutput(Run& run, Run::Source source);
  void setDraining(Run& run, bool draining);
  void adopt(const KeptRun& kept, std::vector<UniqueFd> fds);
  void listKept();

  // launcher_owners.cc: who made a connection
  void obeyFindOwner(const FindOwner& request);
  OwnerFound findOwner(const Run& run, const FindOwner& request) const;

  // launcher_stem.cc: where the first process of a run and its wardens come from
  Result<void> startNursery();
  Result<int> bearStem(const StemOrder& order);
  Result<BornChild> forkByStem(StemOrder order, Stem& stem);
  Result<void> watchStem(Run& run);
  Result<void> orderWarden(Run& run, GuardSpec spec, int group, int control);
  void readStem(Run& run);  // `run` may be gone afterwards
  void retireStem(Run& run);
  void forgetStem(Run& run);
  void reapStems();

  // launcher_guards.cc: who stands beside a run
  Result<void> checkGuards(const Plan& plan) const;
  Result<void> makeGuards(Run& run);
  void startGuards(Run& run);
  void startGuard(Run& run, GuardKind kind);
  Result<void> forkGuard(Run& run, GuardRole role, UniqueFd partner);
  void orderGuards(Run& run);
  bool mustWaitForEgress(Run& run);
  void tendGuards(Run& run);  // `run` may be gone afterwards
  void readGuard(Run& run, GuardKind kind, GuardProcess& process);
  void takeBirth(Run& run, GuardProcess& process, struct Report report);
  bool reapGuard(GuardLife& life, const GuardProcess& process);
  void guardIsGone(Run& run, GuardKind kind);
  void restartGuard(Run& run, GuardKind kind);
  bool clearLeaf(const Run& run, Leaf leaf) const;
  void endGuards(Run& run);
  void killGuards(Run& run);
  void concludeEnd(Run& run);
  Result<void> adoptGuards(Run& run, const KeptRun& kept);
  const UniqueFd& programOf(GuardKind kind) const {
    return kind == GuardKind::kWarden ? wardenProgram_ : egressProgram_;
  }

  LauncherOptions options_;
  KernelFeatures features_;
  CgroupTree groups_;
  UniqueFd lock_;  // on the directory that it serves
  UniqueFd epoll_, listener_, signals_, daemon_;
  UniqueFd hostNet_, hostIpc_, hostUts_;
  UniqueFd self_;  // a pidfd
  OwnView ownView_;
  UniqueFd hostProc_;                       // O_PATH
  UniqueFd wardenProc_;                     // what wardens see of it: processes alone, read-only
  UniqueFd wardenProgram_, egressProgram_;  // none: was not there
  std::optional<NameFiles> names_;
  std::optional<ScopeCanary> canary_;  // none: the kernel knows no domain for wardens
  std::optional<Nursery> nursery_;     // none: it is gone, or there are no stems
  std::vector<int> stems_;             // that end and are to be reaped
  bool greeted_ = false;               // the daemon's version was accepted
  bool terminating_ = false;
  std::map<Serial, std::unique_ptr<Run>> runs_;
  std::map<RunId, Serial> byId_;
  Serial nextSerial_ = 1;
  std::vector<Placeholder> placeholders_;  // of ended runs, while others may still rely on them
  PlaceholderRemover remover_;
  int retryMs_ = 0;
  std::size_t emptying_ = 0;  // runs whose groups could not be removed yet
  // The last plan that was built, by class: what the next one will probably ask for.
  std::map<policy::PriorityClass, Plan> lastPlans_;
  // The last table and its program: runs of one policy follow each other.
  SharedSeccompTable compiledTable_;
  KnownTable knownTable_;
  FolderMemory folders_{policy::mayBeObeyed};  // what children read of workspaces
  std::optional<BpfProgram> compiled_;
};

}  // namespace ringfence::sandbox
