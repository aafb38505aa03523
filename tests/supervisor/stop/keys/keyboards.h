// FIFOs in the place of keyboards, as tests/supervisor/stop/keys/fifo_device.cc reads them.
#pragma once

#include <fcntl.h>
#include <linux/input.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "sdk/base/clock.h"
#include "sdk/base/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace ringfence::test {

inline constexpr const char* kKeyboard = "0001:0001 29 56 107 119 30";
inline constexpr auto kPatience = std::chrono::seconds(60);

inline Microseconds now() { return SystemClock().now().monotonic; }

class Keyboards {
  TempDir root_;

 public:
  const std::string path = root_.path() + "/input";

  Keyboards() { std::filesystem::create_directory(path); }

  void plug(int number, const std::string& description) {
    std::ofstream(path + "/keys" + std::to_string(number)) << description << "\n";
    REQUIRE(::mkfifo(device(number).c_str(), 0600) == 0);
  }
  void unplug(int number) {
    std::filesystem::remove(device(number));
    ends_.erase(number);
  }
  // Waits for the watcher to have it open.
  void tell(int number, unsigned type, int code, int value, Microseconds at) {
    if (!ends_.contains(number)) {
      int fd = -1;
      for (const auto begun = now(); fd < 0 && now() - begun < kPatience; (void)::usleep(1000))
        fd = ::open(device(number).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      REQUIRE(fd >= 0);
      REQUIRE(::fcntl(fd, F_SETFL, 0) == 0);
      ends_.emplace(number, UniqueFd(fd));
    }
    input_event event{};
    event.input_event_sec = at.count() / 1'000'000;
    event.input_event_usec = at.count() % 1'000'000;
    event.type = static_cast<__u16>(type);
    event.code = static_cast<__u16>(code);
    event.value = value;
    REQUIRE(::write(ends_.at(number).get(), &event, sizeof event) == sizeof event);
  }
  void key(int number, int code, int value) { tell(number, EV_KEY, code, value, now()); }

 private:
  std::string device(int number) const { return path + "/event" + std::to_string(number); }

  std::map<int, UniqueFd> ends_;
};

}  // namespace ringfence::test
