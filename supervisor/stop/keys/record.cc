#include "supervisor/stop/keys/record.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <numeric>

#include "sdk/base/directory.h"
#include "sdk/base/io.h"
#include "supervisor/stop/keys/recorder.h"
#include "supervisor/stop/keys/walls.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr Microseconds kPatience = std::chrono::seconds(60);
constexpr int kLastKey = 0x2ff;
using Devices = std::vector<std::unique_ptr<InputDevice>>;

Microseconds now() { return SystemClock().now().monotonic; }

Result<Devices> openAll(int directory, const OpenDevice& open) {
  std::vector<int> all(kLastKey - 1);
  std::iota(all.begin(), all.end(), 1);
  auto listing = Directory::open(directory, ".");
  if (!listing) return std::move(listing).error().with("listing input devices");
  Devices devices;
  while (const dirent* entry = listing->next()) {
    auto device = open(directory, entry->d_name, [&](DeviceId) { return all; });
    if (!device) (void)std::fprintf(stderr, "%s\n", device.error().message.c_str());
    if (device && *device && devices.size() < kMaxKeyDevices) devices.push_back(std::move(*device));
  }
  return devices;
}

void readAllOf(std::size_t slot, std::unique_ptr<InputDevice>& device, Recorder& recorder) {
  KeyEvent event;
  event.slot = slot;
  for (int read = 0; read < 256; ++read) {
    const auto next = device->next(event);
    if (next == InputDevice::Next::kGone) device.reset();
    if (next == InputDevice::Next::kGone || next == InputDevice::Next::kNothing) return;
    event.at = now();
    if (next == InputDevice::Next::kEvent) recorder.event(device->id(), event);
  }
}

Result<TriggerSpec> listen(Devices& devices) {
  Recorder recorder;
  for (const Microseconds begun = now(); now() - begun < kPatience;) {
    std::vector<pollfd> polled;
    for (const auto& device : devices)
      if (device) polled.push_back({device->fd(), POLLIN, 0});
    (void)::poll(polled.data(), polled.size(), 100);
    for (std::size_t slot = 0; slot < devices.size(); ++slot)
      if (devices[slot]) readAllOf(slot, devices[slot], recorder);
    if (auto result = recorder.result(now())) return *std::move(result);
  }
  return Error{ErrorCode::kUnavailable, "nothing was pressed within a minute"};
}

}  // namespace

Result<void> recordTrigger(const std::string& directory, const OpenDevice& open) {
  const UniqueFd fd = RF_TRY(openAt(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY));
  constexpr std::array kOutputs = {STDOUT_FILENO, STDERR_FILENO};
  RF_TRY(raiseWalls(directory, kOutputs));
  Devices devices = RF_TRY(openAll(fd.get(), open));
  if (devices.empty()) return Error{ErrorCode::kNotFound, "no keyboard found in " + directory};
  (void)std::fputs(
      "Press the keys of the emergency stop, then let them go: several together, one several times, or a "
      "button of its own.\n",
      stderr);
  const std::string text = describeTrigger(RF_TRY(listen(devices)));
  (void)std::printf("%s\n", text.c_str());
  (void)std::fflush(stdout);
  (void)std::fprintf(stderr, "For ringfence-stop: --keys \"%s\"\n", text.c_str());
  return {};
}

}  // namespace ringfence::supervisor::stop
