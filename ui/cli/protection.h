// How fast a program of the person's stays while an agent wants every processor, as `ringfence doctor --measure` found
// it on this machine. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::cli {

// Of one kernel with one layout of control groups.
struct Protection {
  std::string kernel, layout;
  std::string at;           // RFC 3339
  double factor = 0;        // frame time beside an agent, 95th percentile, against that without
  double uncontrolled = 0;  // the same beside as much work that nothing holds
  double agentShare = 0;    // what the agent got of the processors' time that was left, 0 to 1
  bool disturbed = false;   // something else used the machine: the numbers say nothing
  std::vector<std::string> findings;
  bool operator==(const Protection&) const = default;
};

// Microseconds from the planned start of each frame to its end, and what the agent used meanwhile.
struct ProtectionSamples {
  std::vector<double> alone, besideAgent, besideUncontrolled;
  double workMicroseconds = 0;  // of one frame, undisturbed
  double agentCpuSeconds = 0;
  double leftCpuSeconds = 0;  // processors' time of the windows with the agent, less the program's own
};

// What the kernel says of the places of the two.
struct Placement {
  std::optional<std::string> personGroup, agentGroup;  // in the hierarchy of the processors; absent: there is none
  std::optional<bool> branchIsIdle;                    // cpu.idle of branchOf(); absent: the file is not there
  bool schedExt = false;                               // another scheduler is loaded
  bool autogroup = false;
};

// The directory on the agent's way that stands beside the person's: what is set there decides, and nothing below it.
// "/a/b" for "/a/b/run/agent" and "/a/c" or "/a". Empty: the agent is in the person's group, or that is below it.
std::string branchOf(std::string_view agentGroup, std::string_view personGroup);

inline constexpr double kGoodFactor = 1.25;
inline bool isGood(const Protection& protection) { return !protection.disturbed && protection.factor <= kGoodFactor; }

Protection judge(const ProtectionSamples& samples, const Placement& placement);
// "ok   protection: …" and one line a finding.
std::string protectionText(const Protection& protection);
std::string protectionJson(const Protection& protection);

// What is kept of several kernels: a JSON array, the newest first. Text that is none counts as empty.
std::vector<Protection> parseProtections(std::string_view json);
std::string keptProtections(const std::vector<Protection>& before, const Protection& newest);

}  // namespace ringfence::cli
