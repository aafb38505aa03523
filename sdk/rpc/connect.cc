#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "sdk/base/text.h"
#include "sdk/base/unique_fd.h"
#include "sdk/rpc/relay.h"

namespace ringfence::rpc {
namespace {

constexpr std::size_t kBlock = 64 << 10;
constexpr std::size_t kAtomic = 4096;  // what a pipe takes without blocking once poll says that it takes anything

// One direction.
class Flow {
 public:
  Flow(int from, int to) : from_(from), to_(to) {}

  pollfd reading() const { return {isOver_ || !held_.empty() ? -1 : from_, POLLIN, 0}; }
  pollfd writing() const { return {held_.empty() ? -1 : to_, POLLOUT, 0}; }
  // True: it has all that ever comes.
  bool isDone() const { return isOver_ && held_.empty(); }

  void read() {
    char block[kBlock];
    const ssize_t got = ::read(from_, block, sizeof block);
    if (got > 0) held_.assign(block, static_cast<std::size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) isOver_ = true;
  }
  void write() {
    const ssize_t put = ::write(to_, held_.data(), std::min(held_.size(), kAtomic));
    if (put > 0) held_.erase(0, static_cast<std::size_t>(put));
    if (put >= 0 || errno == EINTR || errno == EAGAIN) return;
    held_.clear();
    isOver_ = true;
  }

 private:
  int from_, to_;
  std::string held_;
  bool isOver_ = false;
};

}  // namespace

Result<int> connectTo(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string shown = escapeForDisplay(path);
  if (path.size() >= sizeof address.sun_path)
    return Error{ErrorCode::kInvalid, shown + " is too long for the path of a socket", 0};
  path.copy(address.sun_path, path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return posixError(errno, "making a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return posixError(errno, "connecting to " + shown + ", where 'ringfence mcp serve' is expected");
  Flow in(STDIN_FILENO, socket.get());
  Flow out(socket.get(), STDOUT_FILENO);
  for (bool isShut = false; !out.isDone();) {
    if (in.isDone() && !isShut) {
      (void)::shutdown(socket.get(), SHUT_WR);  // Whoever is gone already needs no word of it.
      isShut = true;
    }
    pollfd polls[] = {in.reading(), in.writing(), out.reading(), out.writing()};
    if (::poll(polls, 4, -1) < 0 && errno != EINTR) return posixError(errno, "waiting for messages");
    if (polls[0].revents != 0) in.read();
    if (polls[1].revents != 0) in.write();
    if (polls[2].revents != 0) out.read();
    if (polls[3].revents != 0) out.write();
  }
  return 0;
}

}  // namespace ringfence::rpc
