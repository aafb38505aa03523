#include "supervisor/stop/peers.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>

#include "sdk/base/io.h"
#include "sdk/base/whole_number.h"
#include "supervisor/stop/branches.h"
#include "supervisor/stop/kernel_reading.h"

namespace ringfence::supervisor::stop {
namespace {

constexpr std::size_t kGroupsLookedAt = 1024;  // of a peer that is in more, none counts
constexpr std::size_t kGroupsText = 65536;

bool isIn(int socket, std::uint32_t primary, std::uint32_t group) {
  if (primary == group) return true;
  std::array<gid_t, kGroupsLookedAt> groups;
  socklen_t size = sizeof groups;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) return false;
  const auto end = groups.begin() + static_cast<std::ptrdiff_t>(size / sizeof(gid_t));
  return std::find(groups.begin(), end, group) != end;
}

}  // namespace

bool isMaybeInside(int pid, std::string_view cgroupRoot) {
  if (pid <= 0) return true;
  std::array<char, 32> path;
  (void)std::snprintf(path.data(), path.size(), "/proc/%d/cgroup", pid);
  std::array<char, kGroupsText> text;
  const UniqueFd file = openQuietly(AT_FDCWD, path.data(), O_RDONLY);
  const ssize_t got = file ? readFromStart(file.get(), text.data(), text.size()) : -1;
  if (got <= 0 || static_cast<std::size_t>(got) == text.size()) return true;
  return isBelowBranch({text.data(), static_cast<std::size_t>(got)}, cgroupRoot);
}

std::optional<std::uint32_t> groupIn(std::string_view groupFile, std::string_view name) {
  while (!groupFile.empty()) {
    std::string_view line = groupFile.substr(0, groupFile.find('\n'));
    groupFile.remove_prefix(std::min(line.size() + 1, groupFile.size()));
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    const std::size_t second = line.find(':', name.size() + 1);
    if (second == line.npos) continue;
    const std::string_view digits = line.substr(second + 1, line.find(':', second + 1) - second - 1);
    if (const auto group = wholeNumber<std::uint32_t>(digits)) return group;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> lookUpAdminGroup() {
  const auto text = readFileAt(AT_FDCWD, "/etc/group", mebibytes(4));
  return text ? groupIn(*text, "ringfence-admin") : std::nullopt;
}

StopPeer* StopPeers::placeForOne() {
  StopPeer* oldest = nullptr;
  for (StopPeer& peer : peers_) {
    if (!peer.socket) return &peer;
    const bool mayGo = !peer.isDaemon && !peer.waits;
    if (mayGo && (oldest == nullptr || peer.lastHeard < oldest->lastHeard)) oldest = &peer;
  }
  if (oldest != nullptr) send(*oldest, R"({"error":"too many connections"})");
  return oldest;
}

StopPeer* StopPeers::accept(UniqueFd socket, std::optional<std::uint32_t> adminGroup) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return nullptr;
  StopPeer* const place = placeForOne();
  if (place == nullptr) return nullptr;
  *place = StopPeer();
  place->isAdmin = who.uid == 0 || (adminGroup && isIn(socket.get(), who.gid, *adminGroup));
  place->uid = who.uid;
  place->pid = who.pid;
  place->socket = std::move(socket);
  heard(*place);
  return place;
}

void StopPeers::send(StopPeer& peer, std::string_view packet) {
  const ssize_t sent = ::send(peer.socket.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(packet.size())) peer.socket.reset();
}

StopPeer* StopPeers::daemon() {
  const auto found = std::ranges::find_if(peers_, [](const StopPeer& peer) { return peer.socket && peer.isDaemon; });
  return found == peers_.end() ? nullptr : &*found;
}

bool StopPeers::hasDaemon() const {
  return std::ranges::any_of(peers_, [](const StopPeer& peer) { return peer.socket && peer.isDaemon; });
}

}  // namespace ringfence::supervisor::stop
