#include "ui/cli/channel.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ringfence::cli {
namespace {

constexpr std::size_t kMostPending = 64 << 10;
constexpr std::size_t kMostWritten = 1024;  // what a terminal takes without blocking once poll says it is ready

bool isNothingNow(int cause) { return cause == EAGAIN || cause == EINTR; }

short eventsOf(const std::vector<pollfd>& polls, const std::optional<std::size_t>& at) {
  return at ? polls[*at].revents : static_cast<short>(0);
}

}  // namespace

void Channel::prepare(std::vector<pollfd>& polls, Reading reading) {
  readPoll_.reset();
  writePoll_.reset();
  if (!to_) return;
  if (reading == Reading::kYes && !sourceEnded_ && pending_.size() < kMostPending) {
    readPoll_ = polls.size();
    polls.push_back({from_.get(), POLLIN, 0});
  }
  // Without bytes to deliver only the end of the receiver is of interest (POLLERR comes unasked).
  writePoll_ = polls.size();
  polls.push_back({to_.get(), static_cast<short>(pending_.empty() ? 0 : POLLOUT), 0});
}

void Channel::serve(const std::vector<pollfd>& polls) {
  if (eventsOf(polls, readPoll_) != 0) readSome();
  const short writable = eventsOf(polls, writePoll_);
  if ((writable & POLLOUT) != 0 || (!pending_.empty() && writable != 0))
    writeSome();
  else if ((writable & (POLLERR | POLLHUP | POLLNVAL)) != 0)
    to_.reset();
  if (sourceEnded_ && pending_.empty()) to_.reset();  // The receiver sees the end as well.
}

void Channel::readSome() {
  char chunk[16384];
  const ssize_t got = ::read(from_.get(), chunk, sizeof chunk);
  if (got < 0 && isNothingNow(errno)) return;
  if (got <= 0) {  // EIO: the other side of a terminal is gone
    sourceEnded_ = true;
    return;
  }
  const std::string_view bytes(chunk, static_cast<std::size_t>(got));
  if (screen_) screen_->feed(bytes);
  if (!key_) {
    pending_ += bytes;
    return;
  }
  DetachKey::Outcome outcome = key_->feed(bytes);
  pending_ += outcome.bytes;
  detached_ = detached_ || outcome.detached;
}

void Channel::writeSome() {
  const ssize_t put = ::write(to_.get(), pending_.data(), std::min(pending_.size(), kMostWritten));
  if (put > 0) {
    pending_.erase(0, static_cast<std::size_t>(put));
  } else if (!isNothingNow(errno)) {
    pending_.clear();
    to_.reset();
  }
}

bool Channel::insert(std::string_view bytes, Insert when) {
  if (!to_ || sourceEnded_) return false;
  if (when == Insert::kBetween && screen_ && !screen_->isBetween()) return false;
  pending_ += bytes;
  return true;
}

UniqueFd ownDescriptor(int fd, int flags) {
  if (::isatty(fd) == 1) {
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    UniqueFd own(::open(link.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own) return own;
  }
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

}  // namespace ringfence::cli
