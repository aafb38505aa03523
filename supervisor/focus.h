// The process that a person is with, as they say themselves (`ringfence focus PID`, or a helper that sees the focused
// window): the memory, the disk's time and the video memory of its control group are taken from agents first. Never the
// processor's time: every program beside the agents has that anyway, focused or not.
//
// One on the machine, the last that was named. It ends with its process, when it is cleared, and with the daemon; what
// was written is put back then. The writes stand in a file before they are made, so that the next daemon puts back what
// one that was killed could not. That file, and not the log of facts, as which program a person was with is nobody's to
// read later.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/kernel/group_protection.h"
#include "sdk/base/clock.h"
#include "sdk/base/unique_fd.h"
#include "supervisor/core/peer.h"

namespace ringfence::supervisor {

class Focus {
 public:
  struct World {
    const Clock& clock;
    int root = -1;  // of /proc and the control groups
    const sandbox::KernelFeatures& features;
    std::string file;  // where the writes stand; its directory is the daemon's alone
    std::string bootId;
    std::function<void(const std::string&)> say;
  };
  struct Report {
    std::int32_t pid = 0;  // 0: nobody has the focus
    std::string group;
    std::vector<sandbox::ProtectionPlan::Part> parts;
  };
  explicit Focus(World world);
  ~Focus();
  Focus(const Focus&) = delete;
  Focus& operator=(const Focus&) = delete;

  // Protects the group of the peer's process, at most so much memory. Fails with kNotFound, kDenied (somebody else's
  // process or group, or an agent's), kBusy (changed a moment ago: the same is to be asked again) and kUnavailable
  // (nothing was written). That nothing can be protected is no failure: the parts say so.
  Result<Report> set(const Peer& peer, std::int32_t pid, Bytes memory);
  // Of the peer's own process; root may clear any.
  Result<Report> clear(const Peer& peer);
  // As the peer may know it: of somebody else's, nothing.
  Report report(const Peer& peer) const;

  // Looks whether its process still lives. `somebodyRuns`: otherwise there is nobody to protect it from, and nothing
  // wakes for it.
  void wake();
  std::optional<Microseconds> nextWake(bool somebodyRuns) const;  // boottime

 private:
  struct Focused {
    std::uint32_t uid = 0;
    UniqueFd process;  // its directory in /proc: of this process alone, whoever has its number later
    Report report;
    std::vector<sandbox::ProtectionWrite> writes;
  };
  Result<Focused> look(const Peer& peer, std::int32_t pid, Bytes memory, std::vector<sandbox::ProtectionWrite>& writes);
  Result<void> keep(const std::vector<sandbox::ProtectionWrite>& writes) const;
  void undo(const std::vector<sandbox::ProtectionWrite>& writes) const;
  void letGo();

  World world_;
  std::optional<Focused> focused_;
  std::optional<Microseconds> changed_, next_;
};

// The text of such a file, and what stands in one; nothing of another boot, whose groups are gone. Pure.
std::string focusFileText(const std::string& bootId, const std::vector<sandbox::ProtectionWrite>& writes);
std::vector<sandbox::ProtectionWrite> parseFocusFile(const std::string& bootId, std::string_view text);

}  // namespace ringfence::supervisor
