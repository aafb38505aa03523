// The connection to ringfence-launcher: starts it when nobody answers on its socket, greets it, hands it the runs whose
// descriptors this daemon holds copies of, asks what it keeps, and from then on carries messages. When it dies, it is
// started again at once, with growing pauses while that fails. Blocks never, except for the moment of starting it.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sandbox/wire/codec.h"
#include "sdk/base/clock.h"
#include "supervisor/agent_launcher.h"
#include "supervisor/kept_program.h"

namespace ringfence::supervisor {

inline constexpr std::size_t kMaxLauncherQueue = 4096;
inline constexpr std::size_t kMaxEventsPerTurn = 64;

struct LinkUp {
  std::int32_t pid = 0;
  std::vector<sandbox::KeptRun> kept;
};
struct LinkDown {
  std::string reason;
};
using LinkNews = std::variant<LinkUp, LinkDown, sandbox::LauncherEvent>;

class LauncherLink final : public AgentLauncher {
 public:
  LauncherLink(KeptProgram::Place place, const Clock& clock) : program_(std::move(place)), clock_(clock) {}

  Result<void> send(const sandbox::LauncherRequest& request, std::span<const int> fds) override;
  Result<UniqueFd> copyOf(const RunId& run, sandbox::HeldFd which) const override;

  int fd() const { return socket_.get(); }    // -1: not connected
  int lifeFd() const { return life_.get(); }  // -1: not connected, or not known
  bool wantsWrite() const { return !queue_.empty(); }
  std::optional<Microseconds> nextTry() const;  // boottime: when advance() has something to do

  std::vector<LinkNews> advance();  // connects, starts the program
  std::vector<LinkNews> receive();  // when fd() is readable
  // When lifeFd() is readable. Its connection may stay open without it: a child that it was just making has a copy, and
  // one that is made in a group that is held goes no further.
  std::vector<LinkNews> ended();
  void flush();                       // when fd() is writable
  void dismiss();                     // asks the launcher to end, which it does when it keeps no run
  void retire() { retired_ = true; }  // when it is gone it is not started again

 private:
  enum class Stage { kDown, kGreeting, kAdopting, kUp };
  struct Held {
    sandbox::KeptRun kept;
    std::map<sandbox::HeldFd, UniqueFd> fds;
  };
  struct Queued {
    std::string bytes;
    std::vector<UniqueFd> fds;
  };

  Result<void> connect();
  Result<void> queue(std::string bytes, std::span<const int> fds);
  void welcome(const sandbox::Welcome& event, std::vector<LinkNews>& news);
  void handle(sandbox::LauncherEvent event, std::vector<UniqueFd> fds, std::vector<LinkNews>& news);
  void keep(const sandbox::KeptRun& kept, std::vector<UniqueFd> fds);
  void down(std::string reason, std::vector<LinkNews>& news);

  KeptProgram program_;
  const Clock& clock_;
  UniqueFd socket_, life_;
  Stage stage_ = Stage::kDown;
  bool retired_ = false;
  std::int32_t pid_ = 0;
  std::vector<sandbox::KeptRun> adopted_;
  std::map<RunId, Held> held_;
  std::deque<Queued> queue_;
  sandbox::KnownTable knownTable_;
};

}  // namespace ringfence::supervisor
