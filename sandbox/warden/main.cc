// ringfence-warden --run ID [--restarted]: descriptors 3 and up as its launcher gives them, see kWarden… below.
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "sandbox/kernel/own_filter.h"
#include "sandbox/warden/exec_desk.h"
#include "sandbox/warden/warden.h"
#include "sdk/base/io.h"
#include "sdk/base/run_id.h"

namespace ringfence::sandbox {
namespace {

constexpr const char* kUsage = "usage: ringfence-warden --run ID [--restarted]\n";

// The daemon's pair, the listener, the journal of calls, the ring of allowed actions, the file of denials, and the
// launcher's /proc (O_PATH; the warden's Landlock domain must let it read there).
constexpr int kPair = 3;
constexpr int kListener = 4;
constexpr int kJournal = 5;
constexpr int kActions = 6;
constexpr int kDenials = 7;
constexpr int kProc = 8;

constexpr rlim_t kMemory = rlim_t{1} << 30;

void limit(int resource, rlim_t most) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &now) != 0) return;
  now.rlim_max = now.rlim_max < most ? now.rlim_max : most;
  now.rlim_cur = now.rlim_max;
  (void)::setrlimit(static_cast<__rlimit_resource_t>(resource), &now);
}

Result<void> confine() {
  (void)::mallopt(M_ARENA_MAX, 1);
  (void)::mallopt(M_TRIM_THRESHOLD, 64 * 1024);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_AS, kMemory);
  limit(RLIMIT_RTPRIO, 0);
  limit(RLIMIT_NOFILE, RLIM_INFINITY);  // as many as we may: calls that wait hold what they pinned
  // A write to a closed pipe and a file that may not grow are errors here, not ends.
  (void)::signal(SIGPIPE, SIG_IGN);
  (void)::signal(SIGXFSZ, SIG_IGN);
  if (::prctl(PR_SET_DUMPABLE, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return posixError(errno, "confining the warden");
  }
  for (int fd = kPair; fd <= kProc; ++fd) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return posixError(errno, "descriptor " + std::to_string(fd));
  }
  return {};
}

// SIGTERM, for every thread that will be.
Result<UniqueFd> watchForEnd() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return posixError(errno, "blocking SIGTERM");
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return posixError(errno, "watching for SIGTERM");
  return fd;
}

Result<void> serve(bool restarted) {
  RF_TRY(confine());
  UniqueFd end = RF_TRY(watchForEnd());
  // Whoever cannot read here can neither know a signal nor a umask: better no warden than one that guesses.
  auto status = readFileAt(kProc, "self/status", kibibytes(64));
  if (!status) return std::move(status).error().with("the launcher's /proc cannot be read");
  Journal journal = RF_TRY(Journal::open(UniqueFd(kJournal)));
  KernelNotifier notifier = RF_TRY(KernelNotifier::create(UniqueFd(kListener), journal.inbox()));
  ActionRing ring = RF_TRY(ActionRing::open(UniqueFd(kActions)));
  RF_TRY(confineWarden());
  ExecDesk desk(notifier, kProc);
  Warden warden({.pair = UniqueFd(kPair),
                 .end = std::move(end),
                 .listener = notifier.fd(),
                 .notifier = &notifier,
                 .journal = &journal,
                 .ring = &ring,
                 .denials = kDenials,
                 .proc = kProc,
                 .prepareExec = [&](const Caller& caller, const Rules& rules) { return desk.prepare(caller, rules); },
                 .restarted = restarted});
  auto result = warden.run();
  // Other threads may still hold what is destroyed next.
  if (!result) (void)std::fprintf(stderr, "ringfence-warden: %s\n", result.error().message.c_str());
  ::_exit(result ? 0 : 1);
}

}  // namespace
}  // namespace ringfence::sandbox

int main(int argc, char** argv) {
  using namespace ringfence::sandbox;
  static const option kOptions[] = {
      {"run", required_argument, nullptr, 'r'}, {"restarted", no_argument, nullptr, 'a'}, {nullptr, 0, nullptr, 0}};
  std::optional<ringfence::RunId> run;
  bool restarted = false;
  for (int key; (key = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    if (key == 'r')
      run = ringfence::RunId::parse(optarg);
    else if (key == 'a')
      restarted = true;
    else
      run.reset(), optind = argc + 1;
  }
  if (!run || optind != argc) return std::fputs(kUsage, stderr), 2;
  const auto result = serve(restarted);
  (void)std::fprintf(stderr, "ringfence-warden: %s\n", result ? "" : result.error().message.c_str());
  return 1;
}
