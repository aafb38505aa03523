// ringfenced: reads its settings and does one of: serve, check, doctor, verify.
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "sandbox/kernel/features.h"
#include "sdk/base/io.h"
#include "sdk/base/json_writer.h"
#include "supervisor/config.h"
#include "supervisor/doctor.h"
#include "supervisor/service.h"
#include "supervisor/store/verify_log.h"

namespace ringfence::supervisor {
namespace {

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

// Before anybody makes a thread: a signal goes to any thread that does not block it.
void blockSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  (void)::sigprocmask(SIG_BLOCK, &set, nullptr);  // Fails for no set of ours.
}

// A program of the person's that is interrupted, be it for microseconds, may have to wait until the next tick of the
// kernel's clock behind an agent that was chosen in its place. Threads of this class wait for their turn instead, and
// interrupt agents of the background alone. Nobody waits longer where a processor has nothing else to do.
void interruptNobody() {
  const sched_param usual{};
  (void)::sched_setscheduler(0, SCHED_BATCH, &usual);
}

void prepareProcess() {
  (void)::signal(SIGPIPE, SIG_IGN);
  blockSignals();
  (void)::umask(022);
  raiseDescriptorLimit();
  keepFreedMemory();
  interruptNobody();
}

int fail(const Error& error, int status = 1) {
  say(error.message);
  return status;
}

int check(const Config& config) {
  SystemPolicies policies(config.policyDirs);
  (void)policies.look({});  // What is wrong comes out below, in full.
  bool good = policies.unlisted().empty();
  (void)std::fputs(policy::renderText(policies.unlisted()).c_str(), stderr);
  for (const policy::Available& one : policy::available(policies.inForce())) {
    auto loaded = policy::load(policies.inForce(), one.name);
    const auto* diagnostics = std::get_if<std::vector<policy::Diagnostic>>(&loaded);
    if (diagnostics != nullptr) (void)std::fputs(policy::renderText(*diagnostics).c_str(), stderr);
    good = good && diagnostics == nullptr;
    (void)std::printf("%s %s (%s)\n", diagnostics == nullptr ? "ok  " : "FAIL", one.name.c_str(), one.file.c_str());
  }
  return good ? 0 : 6;
}

Result<int> doctor(const Config& config) {
  const UniqueFd root = RF_TRY(openAt(AT_FDCWD, "/", O_PATH | O_DIRECTORY));
  SystemPolicies policies(config.policyDirs);
  (void)policies.look({});  // What is wrong is in the findings.
  const Findings findings = look(config, sandbox::probeFeatures(root.get()), policies);
  const std::vector<Check> checks = judge(findings);
  const api::Document report = describe(findings, checks);
  (void)std::fputs((config.json ? report.json + "\n" : report.text).c_str(), stdout);
  bool good = true;
  for (const Check& one : checks) good = good && one.ok;
  return good ? 0 : 1;
}

Result<int> verify(const Config& config) {
  const VerifyReport report = RF_TRY(verifyLog(config.stateDir + "/log.db", config.against));
  if (config.json) {
    JsonWriter json;
    json.beginObject().field("ok", report.ok).field("facts", report.facts).field("head", report.head);
    json.field("first_bad_seq", report.firstBadSeq).field("detail", report.detail).endObject();
    (void)std::printf("%s\n", json.text().c_str());
  } else {
    (void)std::printf("%s: %llu facts, head %s%s%s\n", report.ok ? "ok" : "BROKEN",
                      static_cast<unsigned long long>(report.facts), report.head.c_str(),
                      report.detail.empty() ? "" : ": ", report.detail.c_str());
  }
  return report.ok ? 0 : 1;
}

int run(const std::vector<std::string>& arguments) {
  auto config = readConfig(arguments);
  if (!config) return fail(config.error(), 2);
  const auto report = [](const Result<int>& outcome) { return outcome ? *outcome : fail(outcome.error()); };
  switch (config->mode) {
    case Mode::kServe: {
      prepareProcess();
      auto served = serve(*config);
      return served ? 0 : fail(served.error());
    }
    case Mode::kCheck: return check(*config);
    case Mode::kDoctor: return report(doctor(*config));
    case Mode::kVerify: return report(verify(*config));
    case Mode::kHelp: return std::fputs(usageText().c_str(), stdout) < 0 ? 1 : 0;
    case Mode::kVersion: return std::puts("ringfenced " RINGFENCE_VERSION) < 0 ? 1 : 0;
  }
  return 2;
}

}  // namespace
}  // namespace ringfence::supervisor

int main(int argc, char** argv) {
  try {
    return ringfence::supervisor::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    // Out of memory, or a broken promise of a library: agents go on inside their walls, the next start adopts them.
    ringfence::supervisor::say(std::string("ended by an exception: ") + error.what());
    return 1;
  }
}
