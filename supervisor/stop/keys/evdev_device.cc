#include "supervisor/stop/keys/evdev_device.h"

#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "sandbox/kernel/input_devices.h"
#include "sdk/base/io.h"

namespace ringfence::supervisor::stop {
namespace {

using Evdev = std::unique_ptr<libevdev, decltype(&libevdev_free)>;

class EvdevDevice final : public InputDevice {
 public:
  EvdevDevice(UniqueFd fd, Evdev device, std::vector<int> keys)
      : fd_(std::move(fd)), device_(std::move(device)), keys_(std::move(keys)) {}

  int fd() const override { return fd_.get(); }
  DeviceId id() const override {
    return {static_cast<std::uint16_t>(libevdev_get_id_vendor(device_.get())),
            static_cast<std::uint16_t>(libevdev_get_id_product(device_.get()))};
  }
  std::vector<int> keys() const override { return keys_; }
  std::vector<int> held() const override {
    std::vector<int> down;
    for (const int code : keys_)
      if (libevdev_get_event_value(device_.get(), EV_KEY, static_cast<unsigned>(code)) != 0) down.push_back(code);
    return down;
  }

  Next next(KeyEvent& event) override {
    input_event read{};
    const unsigned flag = syncing_ ? LIBEVDEV_READ_FLAG_SYNC : LIBEVDEV_READ_FLAG_NORMAL;
    int status = libevdev_next_event(device_.get(), flag, &read);
    if (status == -EAGAIN && syncing_) {
      syncing_ = false;
      status = libevdev_next_event(device_.get(), LIBEVDEV_READ_FLAG_NORMAL, &read);
    }
    if (status == -EAGAIN || status == -EINTR) return Next::kNothing;
    if (status < 0) return Next::kGone;
    if (status == LIBEVDEV_READ_STATUS_SYNC && !syncing_) {
      syncing_ = true;
      return Next::kDropped;
    }
    event.at = std::chrono::seconds(read.input_event_sec) + Microseconds(read.input_event_usec);
    event.code = read.type == EV_KEY ? read.code : KEY_RESERVED;
    event.value = read.value;
    return Next::kEvent;
  }

 private:
  UniqueFd fd_;
  Evdev device_;
  std::vector<int> keys_;
  bool syncing_ = false;
};

bool isEventName(const std::string& name) {
  return name.starts_with("event") && name.size() > 5 && name.find_first_not_of("0123456789", 5) == std::string::npos;
}

// libevdev then neither keeps nor tells what else the device does, not even when it asks for its state.
void forgetOthers(libevdev* device, const std::vector<int>& keys) {
  for (unsigned type = EV_SYN + 1; type < EV_CNT; ++type)
    if (type != EV_KEY) (void)libevdev_disable_event_type(device, type);
  for (int code = 0; code < KEY_CNT; ++code)
    if (std::find(keys.begin(), keys.end(), code) == keys.end())
      (void)libevdev_disable_event_code(device, EV_KEY, static_cast<unsigned>(code));
}

}  // namespace

Result<std::unique_ptr<InputDevice>> openEvdevDevice(int directory, const std::string& name, const WantedKeys& wanted) {
  if (!isEventName(name)) return std::unique_ptr<InputDevice>();
  UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW));
  if (!fd) return posixError(errno, "opening " + name);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || !S_ISCHR(status.st_mode))
    return Error{ErrorCode::kInvalid, name + " is no device"};
  libevdev* made = nullptr;
  if (const int error = libevdev_new_from_fd(fd.get(), &made); error < 0) return posixError(-error, "reading " + name);
  Evdev device(made, &libevdev_free);
  const DeviceId id{static_cast<std::uint16_t>(libevdev_get_id_vendor(made)),
                    static_cast<std::uint16_t>(libevdev_get_id_product(made))};
  std::vector<int> keys = wanted(id);
  std::erase_if(keys, [&](int code) { return !libevdev_has_event_code(made, EV_KEY, static_cast<unsigned>(code)); });
  if (keys.empty()) return std::unique_ptr<InputDevice>();
  forgetOthers(made, keys);
  RF_TRY(sandbox::showOnlyKeys(fd.get(), keys));
  // The kernel throws away what waited, of other keys too, as it changes the clock, and says that something was lost.
  if (const int error = libevdev_set_clock_id(made, CLOCK_MONOTONIC); error < 0)
    return posixError(-error, "setting the clock of " + name);
  return std::unique_ptr<InputDevice>(std::make_unique<EvdevDevice>(std::move(fd), std::move(device), std::move(keys)));
}

}  // namespace ringfence::supervisor::stop
