// What the launcher and the child that becomes a run's pid 1 say to each other, over one SEQPACKET pair made before the
// fork. The child's end is never seen by the run's command: it is closed by its exec, and pid 1 is undumpable. Packets
// outlive a launcher: the next one, maybe of another build, reads the same pair, so values here are never reused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/kernel/landlock.h"
#include "sdk/base/io.h"
#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

enum class ReportKind : std::uint32_t {
  // The user namespace is made and waits for its maps; descriptor, where the plan wants one: the listening end of the
  // run's kAgentSocket, here because a report of its own would wake the launcher once more in each launch.
  kNeedMaps = 1,
  kBuilt = 2,     // value/extra: packCanaries() before and after Landlock; text: notes, each ended by NUL
  kFailed = 3,    // value: errno, extra: exit code, text: token, NUL, message
  kForked = 4,    // sent by the command itself before its exec: its host pid is in the credentials
  kStarted = 5,   // the exec succeeded; value: how many forbidden names were absent and could not be held
  kTerminal = 6,  // descriptor: the master of the run's terminal
  // text: what to remove at the end (name, NUL, device, NUL, inode, NUL for each); descriptor: their directory
  kPlaceholder = 10,
  kStopped = 7,  // value: signal
  kContinued = 8,
  // The last one: value: code or signal, extra: 1 when a signal, text: what a person should know of those names. Never
  // taken from the pair, only looked at: a launcher that dies before it told the end leaves it to the next.
  kExited = 9,
  kJoined = 11,    // is in its groups of every hierarchy but the processor's
  kDenials = 12,   // descriptor: the file of kDenialsFile, for appending
  kListener = 13,  // descriptor: of the filter that was just installed
  // By a stem, of the first process of its run, and by a warden that a stem forked; value: pid, descriptor: its pidfd
  kBorn = 14,
  kFolders = 16,    // text: what the walk for patterns learned, as FolderMemory tells it
  kStemMoved = 15,  // by a stem that ends now; value: pid of the one that goes on in its place
};

enum class OrderKind : std::uint32_t {
  kBuild = 101,  // text: the BPF program; descriptors as BuildExtras says. Comes right after the packet of the Launch.
  kMapped = 102,
  kRelease = 103,
  kSignal = 104,     // value: signal
  kGuard = 107,      // to a child that becomes a guard (sandbox/launcher/guard_child.h): its descriptors
  kWarden = 108,     // to a stem (sandbox/launcher/stem.h)
  kForecast = 105,   // text: a Launch of what the run's plan will probably ask for; before any other
  kWorkspace = 106,  // descriptor: the workspace that it will probably bring
  kStem = 109,       // to the nursery (sandbox/launcher/nursery.h)
  kLesson = 110,     // to it; text: of a kFolders
};

struct Report {
  std::uint32_t kind = 0;
  std::int32_t value = 0;
  std::int32_t extra = 0;
  std::string text;
  std::vector<UniqueFd> fds;
  int senderPid = 0;  // in the receiver's pid namespace
};

// Descriptors that the launcher adds, in this order, those named in `value`.
enum class Extra : std::int32_t { kIdmap = 1, kOutput = 2, kHostNet = 4, kHostIpc = 8, kHostUts = 16 };

// All errnos in one number; none is above 1023.
constexpr std::int32_t packCanaries(CanaryErrnos errnos) {
  return (errnos.inner & 0x3ff) << 20 | (errnos.outer & 0x3ff) << 10 | (errnos.scope & 0x3ff);
}
constexpr CanaryErrnos unpackCanaries(std::int32_t value) {
  return {value >> 20 & 0x3ff, value >> 10 & 0x3ff, value & 0x3ff};
}

inline constexpr Bytes kMaxReport = kibibytes(160);

// Fails with kBusy when `flags` holds MSG_DONTWAIT and the pair is full.
Result<void> sendReport(int socket, std::uint32_t kind, std::int32_t value, std::int32_t extra, std::string_view text,
                        std::span<const int> fds = {}, int flags = 0);
// Kind 0: the other side is gone.
Result<Report> receiveReport(int socket, int flags = 0);
// The text of a packet that was received as bytes, when it is a report of that kind.
std::optional<std::string_view> textOf(std::string_view packet, OrderKind kind);

}  // namespace ringfence::sandbox
