#include "supervisor/accel_watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string_view>
#include <thread>

#include "sdk/base/directory.h"
#include "sdk/base/io.h"
#include "sdk/base/whole_number.h"

namespace ringfence::supervisor {

struct AccelWatch::Shared {
  Shared(MeterRoots from, UniqueFd to, DeviceOf deviceOf)
      : roots(std::move(from)),
        event(std::move(to)),
        meter(roots, accelBackends(deviceOf)),
        othersOfNpus(onlyNpus(deviceOf)),
        othersOfAll(std::move(deviceOf)) {}

  ClientReader& othersOf(Others kinds) { return kinds == Others::kOfNpus ? othersOfNpus : othersOfAll; }

  const MeterRoots roots;
  const UniqueFd event;
  AccelMeter meter;                        // the thread's own, as are these
  ClientReader othersOfNpus, othersOfAll;  // of programs that are in no run

  std::mutex mutex;
  std::condition_variable wake;
  std::optional<Groups> asked;
  Others askedOthers{};
  std::optional<AccelPass> done;
  bool busy = false;  // from ask() to take()
  bool stop = false;
};

namespace {

AccelPass readOnce(AccelMeter& meter, const AccelWatch::Groups& groups) {
  AccelPass pass;
  std::vector<int> pids;
  for (const auto& [run, group] : groups) {
    const auto listed = group->processes();
    if (!listed) {
      // One that has just ended has nothing to be seen.
      if (listed.error().code != ErrorCode::kNotFound) ++pass.unlistedRuns;
      continue;
    }
    for (const int pid : *listed) {
      pids.push_back(pid);
      pass.runOfPid.emplace(pid, run);
    }
    // Counted one group further up: of the whole run, whose guards have no device.
    const auto above = openAt(group->directory(), "..", O_PATH | O_DIRECTORY);
    if (auto memory = above ? readDmemCurrent(above->get()) : std::nullopt)
      pass.memoryOfRun.emplace(run, *std::move(memory));
  }
  pass.at = SystemClock().now().monotonic;
  pass.sample = meter.read(pids, pass.at);
  return pass;
}

// A run that could not be listed would be taken for the person's programs.
std::optional<ClientReadings> readOthers(ClientReader& reader, const MeterRoots& roots, const AccelPass& pass) {
  if (pass.unlistedRuns > 0) return std::nullopt;
  auto directory = Directory::open(roots.proc.get(), ".");
  if (!directory) return std::nullopt;
  std::vector<int> pids;
  while (const dirent* entry = directory->next()) {
    const auto pid = wholeNumber<int>(entry->d_name);
    if (pid && *pid > 0 && !pass.runOfPid.contains(*pid)) pids.push_back(*pid);
  }
  return reader.read(roots, pids, pass.at);
}

}  // namespace

Result<std::unique_ptr<AccelWatch>> AccelWatch::create(MeterRoots roots, DeviceOf deviceOf) {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return posixError(errno, "eventfd of the accelerators' readings");
  return std::unique_ptr<AccelWatch>(
      new AccelWatch(std::make_shared<Shared>(std::move(roots), std::move(event), std::move(deviceOf))));
}

AccelWatch::~AccelWatch() {
  const std::lock_guard lock(shared_->mutex);
  shared_->stop = true;
  shared_->wake.notify_all();
}

bool AccelWatch::hasDevices() const {
  for (const char* nodes : {"dri", "accel"}) {
    if (openAt(shared_->roots.dev.get(), nodes, O_PATH | O_DIRECTORY)) return true;
  }
  return false;
}

std::vector<AccelNode> AccelWatch::nodes(AccelKind kind) const { return accelNodes(shared_->roots, kind); }

void AccelWatch::ask(Groups groups, Others others) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->busy) return;
  shared_->busy = true;
  shared_->asked = std::move(groups);
  shared_->askedOthers = others;
  // Not joined: nobody may wait for a driver. What it uses is its own share of `shared`.
  if (!hasThread_) std::thread([shared = shared_] { work(shared); }).detach();
  hasThread_ = true;
  shared_->wake.notify_all();
}

bool AccelWatch::isBusy() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->busy;
}

int AccelWatch::eventFd() const { return shared_->event.get(); }

std::optional<AccelPass> AccelWatch::take() {
  eventfd_t count = 0;
  (void)eventfd_read(shared_->event.get(), &count);  // Nothing to read: nothing is done, which is looked at below.
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->done) return std::nullopt;
  auto pass = std::move(shared_->done);
  shared_->done.reset();
  shared_->busy = false;
  return pass;
}

void AccelWatch::work(const std::shared_ptr<Shared>& shared) {
  (void)::pthread_setname_np(::pthread_self(), "accelerators");  // Who looks at a daemon whose driver hangs sees which.
  for (;;) {
    Groups groups;
    Others others{};
    {
      std::unique_lock lock(shared->mutex);
      shared->wake.wait(lock, [&] { return shared->stop || shared->asked; });
      if (shared->stop) return;
      groups = std::move(*shared->asked);
      others = shared->askedOthers;
      shared->asked.reset();
    }
    AccelPass pass = readOnce(shared->meter, groups);
    if (others != Others::kLeftOut) pass.others = readOthers(shared->othersOf(others), shared->roots, pass);
    const std::lock_guard lock(shared->mutex);
    shared->done = std::move(pass);
    (void)eventfd_write(shared->event.get(), 1);  // Fails for no value of ours.
  }
}

}  // namespace ringfence::supervisor
