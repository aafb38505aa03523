// Somebody at the place of ringfence-stop who takes each request, answers always the same or nothing, and closes. While
// it lives RINGFENCE_SOCKET names its directory.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "sdk/base/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace ringfence::test {

class DeafStop {
 public:
  explicit DeafStop(std::string answer) : answer_(std::move(answer)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string path = directory_.path() + "/stop.sock";
    REQUIRE(path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    ::setenv("RINGFENCE_SOCKET", (directory_.path() + "/control.sock").c_str(), 1);
    serves_ = std::thread([this] { serve(); });
  }
  ~DeafStop() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    serves_.join();
  }
  DeafStop(const DeafStop&) = delete;
  DeafStop& operator=(const DeafStop&) = delete;

  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void serve() {
    for (;;) {
      const UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!peer) return;
      char request[256];
      const ssize_t got = ::recv(peer.get(), request, sizeof request, 0);
      if (got <= 0) continue;
      const std::lock_guard lock(mutex_);
      requests_.emplace_back(request, static_cast<std::size_t>(got));
      if (!answer_.empty()) (void)::send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  TempDir directory_;
  std::string answer_;
  UniqueFd listener_;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread serves_;
};

}  // namespace ringfence::test
