// The real ringfence-egress between a network namespace that plays the world and one that plays the run. The test is
// the daemon, the name server and the servers outside.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sandbox/wire/action_ring.h"
#include "sandbox/wire/guard.h"
#include "sdk/base/unique_fd.h"
#include "tests/support/temp_dir.h"

namespace ringfence::test {

// A blocking socket with deadlines: what does not come within a minute fails the test.
class Wire {
 public:
  Wire() = default;
  explicit Wire(UniqueFd fd);
  int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  void send(const std::string& bytes) const;
  std::string read(std::size_t count) const;            // exactly
  std::string readUntil(const std::string& end) const;  // with it
  std::string readAll() const;                          // to the end; a reset is one
  bool isReset() const;                                 // waits for the end: whether it was a reset
  bool hasBytes() const;                                // now
  void finish() const;
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

// A listening socket in the world.
class Server {
 public:
  explicit Server(const std::string& address, int port);
  Wire accept() const;
  bool hasClient() const;  // now

 private:
  UniqueFd fd_;
};

class EgressProcess {
 public:
  // The calling thread is in the world's namespace afterwards: `lo` with 198.51.100.1 to .9, which play other machines,
  // and 198.51.100.10, the own address of the one that the egress is on.
  explicit EgressProcess(const std::vector<std::string>& options = {});
  ~EgressProcess();
  EgressProcess(const EgressProcess&) = delete;
  EgressProcess& operator=(const EgressProcess&) = delete;

  // ---- the daemon
  void giveRules(const policy::Network& network, std::vector<std::string> credentials = {},
                 policy::Mode mode = policy::Mode::kEnforce);
  void send(const sandbox::GuardOrder& order);
  void acknowledge(bool yes) { acknowledging_ = yes; }
  // The first event of that kind that was not waited for before.
  template <typename T>
  T expect(const std::function<bool(const T&)>& wanted = [](const T&) { return true; }) {
    std::optional<T> found;
    waitFor([&] {
      for (auto at = events_.begin(); at != events_.end() && !found; ++at) {
        const T* event = std::get_if<T>(&*at);
        if (event == nullptr || !wanted(*event)) continue;
        found = *event;
        events_.erase(at);
        break;
      }
      return found.has_value();
    });
    return *found;
  }
  sandbox::Record expectRecord(sandbox::RecordKind kind, const std::string& target);
  std::vector<sandbox::AllowedAction> takeAllowed();
  std::string denialsText() const { return readFile(denialsPath_); }

  // ---- the name server
  void setName(const std::string& name, std::vector<std::string> answers);  // one after the other; the last one stays
  std::vector<std::string> queries();

  // ---- the run
  Wire connectInside(const std::string& address, int port);
  Wire connectWorld(const std::string& address, int port);
  Wire proxy() { return connectInside("127.0.0.1", 9480); }
  std::string askName(const std::string& query);
  // The address that the name has inside; empty: none.
  std::string addressInside(const std::string& name);
  Server listenInside(int port);

  pid_t outerPid() const { return outer_; }

 private:
  void waitFor(const std::function<bool()>& done);
  void daemon();
  void nameServer();
  void inAgent(const std::function<void()>& body);
  void startHalves(const std::vector<std::string>& options);

  TempDir directory_;
  std::string denialsPath_;
  UniqueFd worldNs_, agentNs_, guard_, nameSocket_;
  std::optional<sandbox::ActionRing> ring_;
  pid_t holder_ = -1, inner_ = -1, outer_ = -1;
  std::uint64_t generation_ = 0;
  std::atomic<bool> acknowledging_{true}, ending_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<sandbox::GuardEvent> events_;
  std::map<std::string, std::vector<std::string>> names_;
  std::vector<std::string> queries_;
  std::thread daemon_, nameServer_;
};

}  // namespace ringfence::test
