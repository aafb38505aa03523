// ringfence-stop-keys with FIFOs in the place of keyboards, for machines that have none. Beside the FIFO eventN, which
// takes the kernel's struct input_event, the file keysN says who it is: "046d:c31c 29 56 107!", a key with ! is down.
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>

#include "sdk/base/io.h"
#include "supervisor/stop/keys/program.h"

namespace ringfence::supervisor::stop {
namespace {

class FifoDevice final : public InputDevice {
 public:
  FifoDevice(UniqueFd fd, DeviceId id, std::vector<int> keys, std::vector<int> held)
      : fd_(std::move(fd)), id_(id), keys_(std::move(keys)), held_(std::move(held)) {}

  int fd() const override { return fd_.get(); }
  DeviceId id() const override { return id_; }
  std::vector<int> keys() const override { return keys_; }
  std::vector<int> held() const override { return held_; }

  Next next(KeyEvent& event) override {
    input_event read{};
    const ssize_t size = ::read(fd_.get(), &read, sizeof read);
    if (size < 0 && errno == EAGAIN) return Next::kNothing;
    if (size == 0) {
      // The end of a file, too, for a FIFO that nobody has opened yet; only one that somebody left hangs up.
      pollfd polled{fd_.get(), POLLIN, 0};
      return ::poll(&polled, 1, 0) > 0 && (polled.revents & POLLHUP) != 0 ? Next::kGone : Next::kNothing;
    }
    if (size != sizeof read) return Next::kGone;
    if (read.type == EV_SYN && read.code == SYN_DROPPED) return Next::kDropped;
    event.at = std::chrono::seconds(read.input_event_sec) + Microseconds(read.input_event_usec);
    event.code = read.type == EV_KEY ? read.code : KEY_RESERVED;
    event.value = read.value;
    return Next::kEvent;
  }

 private:
  UniqueFd fd_;
  DeviceId id_;
  std::vector<int> keys_, held_;
};

Result<std::unique_ptr<InputDevice>> openFifo(int directory, const std::string& name, const WantedKeys& wanted) {
  if (!name.starts_with("event")) return std::unique_ptr<InputDevice>();
  std::istringstream words(RF_TRY(readFileAt(directory, "keys" + name.substr(5), kibibytes(4))));
  std::string word;
  words >> word;
  const DeviceId id{static_cast<std::uint16_t>(std::stoul(word.substr(0, 4), nullptr, 16)),
                    static_cast<std::uint16_t>(std::stoul(word.substr(5), nullptr, 16))};
  const std::vector<int> all = wanted(id);
  std::vector<int> keys, held;
  while (words >> word) {
    const int code = std::stoi(word);
    if (std::find(all.begin(), all.end(), code) == all.end()) continue;
    keys.push_back(code);
    if (word.back() == '!') held.push_back(code);
  }
  if (keys.empty()) return std::unique_ptr<InputDevice>();
  UniqueFd fd = RF_TRY(openAt(directory, name, O_RDONLY | O_NONBLOCK));
  return std::unique_ptr<InputDevice>(
      std::make_unique<FifoDevice>(std::move(fd), id, std::move(keys), std::move(held)));
}

}  // namespace
}  // namespace ringfence::supervisor::stop

int main(int argc, char** argv) {
  return ringfence::supervisor::stop::runKeysProgram(argc, argv, ringfence::supervisor::stop::openFifo);
}
