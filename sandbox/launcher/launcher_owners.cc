// Who made a connection that somebody is asked about. Nobody else may look: a guard of the network sees no process, and
// the daemon may not look into any.
#include <fcntl.h>

#include <algorithm>

#include "sandbox/kernel/process_chain.h"
#include "sandbox/kernel/socket_owner.h"
#include "sandbox/launcher/launcher.h"

namespace ringfence::sandbox {
namespace {

// A run that has more descriptors open than can be looked at meanwhile does not hold up the launches of others.
constexpr std::chrono::milliseconds kPatience{20};

std::string heldByText(std::size_t others) {
  return "held by " + std::to_string(others) + " other process" + (others == 1 ? "" : "es") +
         " of the run too; the oldest is shown";
}

}  // namespace

void Launcher::obeyFindOwner(const FindOwner& request) {
  const Run* run = find(request.run);
  if (run == nullptr || run->state != RunState::kRunning)
    return send(OwnerFound{request.run, request.ticket, {}, "not known: the run was over when it was looked for"});
  send(findOwner(*run, request));
}

OwnerFound Launcher::findOwner(const Run& run, const FindOwner& request) const {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  const auto nobody = [&](std::string why) {
    return OwnerFound{request.run, request.ticket, {}, "not known: " + std::move(why)};
  };
  const auto ends = parseConnectionEnds(request.ends);
  if (!ends) return nobody("the guard did not say which connection it is");
  auto net = openAt(hostProc_.get(), std::to_string(run.initPid) + "/net", O_PATH | O_DIRECTORY);
  if (!net) return nobody("the network of the run could not be looked at");
  // The number may be another's by now, and its network too.
  if (!signalPidfd(run.pidfd.get(), 0)) return nobody("the run was over when it was looked for");
  const auto inode = findConnection(net->get(), *ends);
  if (!inode) return nobody("whoever made the connection has closed it, or it cannot be told from others");
  const auto pids = groups_.processes(run.id, run.priority);
  if (!pids) return nobody("the processes of the run could not be listed");
  const SocketHolders holders = findHolders(hostProc_.get(), *pids, *inode, until);
  for (const SocketHolder& holder : holders.found) {
    OwnerFound answer{request.run, request.ticket, readProcessChain(hostProc_.get(), holder.pid), {}};
    // Who has it still is whose chain was read: a number that was used again since has it not.
    const auto still = findHolders(hostProc_.get(), {holder.pid}, *inode, until + kPatience);
    const bool same = !still.found.empty() && still.found.front().startTime == holder.startTime;
    if (answer.chain.empty() || !same) continue;
    if (holders.found.size() > 1) answer.note = heldByText(holders.found.size() - 1);
    return answer;
  }
  return nobody(holders.complete ? "no process of the run holds the connection any more"
                                 : "the run has more open files than could be looked at");
}

}  // namespace ringfence::sandbox
