#include "sandbox/kernel/notifier.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringfence::sandbox {
namespace {

constexpr unsigned long kSetFlags = SECCOMP_IOW(4, __u64);  // SECCOMP_IOCTL_NOTIF_SET_FLAGS, Linux 6.6
constexpr std::uint64_t kSyncWakeUp = 1;
constexpr unsigned kAddfdSend = 1U << 1;  // SECCOMP_ADDFD_FLAG_SEND, Linux 5.14
constexpr std::size_t kPage = 4096;
constexpr std::size_t kPagesAtOnce = 8;

}  // namespace

std::optional<Notification> readInbox(std::span<const unsigned char> inbox) {
  seccomp_notif notification{};
  if (inbox.size() < sizeof notification) return std::nullopt;
  std::memcpy(&notification, inbox.data(), sizeof notification);
  if (notification.id == 0 && notification.pid == 0) return std::nullopt;
  Notification result{.id = notification.id,
                      .thread = static_cast<std::int32_t>(notification.pid),
                      .number = notification.data.nr,
                      .architecture = notification.data.arch};
  std::copy(std::begin(notification.data.args), std::end(notification.data.args), result.arguments.begin());
  return result;
}

Result<KernelNotifier> KernelNotifier::create(UniqueFd listener, std::span<unsigned char> inbox) {
  seccomp_notif_sizes sizes{};
  if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) {
    return posixError(errno, "asking for the size of a seccomp notification");
  }
  if (sizes.seccomp_notif > inbox.size() || sizes.seccomp_notif_resp > sizeof(seccomp_notif_resp)) {
    return Error{ErrorCode::kUnsupported, "this kernel's seccomp notifications are longer than what is set aside"};
  }
  // The one that answers and the one that is answered take turns: both on one processor is faster. Older kernels do
  // without.
  (void)ioctl(listener.get(), kSetFlags, kSyncWakeUp);
  return KernelNotifier(std::move(listener), inbox);
}

Result<std::optional<Notification>> KernelNotifier::receive() {
  for (;;) {
    if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, inbox_.data()) == 0) return readInbox(inbox_);
    if (errno == ENOENT) return std::optional<Notification>();
    if (errno != EINTR) return posixError(errno, "receiving a system call");
  }
}

bool KernelNotifier::isWaiting(std::uint64_t id) {
  return ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

int KernelNotifier::answer(std::uint64_t id, const CallAnswer& answer) {
  seccomp_notif_resp response{};
  response.id = id;
  if (answer.kind == CallAnswer::Kind::kProceed) {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  } else {
    response.val = answer.error == 0 ? answer.value : 0;
    response.error = -answer.error;
  }
  for (;;) {
    if (ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response) == 0) return 0;
    if (errno != EINTR) return errno;
  }
}

int KernelNotifier::inject(std::uint64_t id, UniqueFd fd, CloseOnExec closeOnExec, Handover handover) {
  seccomp_notif_addfd request{};
  request.id = id;
  request.flags = handover == Handover::kAtOnce ? kAddfdSend : 0;
  request.srcfd = static_cast<std::uint32_t>(fd.get());
  request.newfd_flags = closeOnExec == CloseOnExec::kYes ? O_CLOEXEC : 0;
  for (;;) {
    const int number = ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &request);
    if (number >= 0) {
      fd.reset();
      return handover == Handover::kAtOnce ? 0 : answer(id, CallAnswer::returned(number));
    }
    if (errno != EINTR) return errno;
  }
}

bool KernelNotifier::readBoth(std::int32_t thread, const Piece& one, const Piece& other) {
  const std::array<iovec, 2> local{{{one.to.data(), one.to.size()}, {other.to.data(), other.to.size()}}};
  const std::array<iovec, 2> remote{{{reinterpret_cast<void*>(one.address), one.to.size()},
                                     {reinterpret_cast<void*>(other.address), other.to.size()}}};
  const ssize_t got = process_vm_readv(thread, local.data(), local.size(), remote.data(), remote.size(), 0);
  return got >= 0 && static_cast<std::size_t>(got) == one.to.size() + other.to.size();
}

std::size_t KernelNotifier::readMemory(std::int32_t thread, std::uint64_t address, std::span<char> to) {
  std::size_t done = 0;
  while (done < to.size()) {
    // No piece goes across a page boundary: what lies before an unmapped page is read all the same.
    std::array<iovec, kPagesAtOnce> pages;
    std::size_t count = 0, wanted = 0;
    for (; count < pages.size() && done + wanted < to.size(); ++count) {
      const std::uint64_t at = address + done + wanted;
      const std::size_t length = std::min<std::size_t>(to.size() - done - wanted, kPage - at % kPage);
      pages[count] = {reinterpret_cast<void*>(at), length};
      wanted += length;
    }
    const iovec local{to.data() + done, wanted};
    const ssize_t got = process_vm_readv(thread, &local, 1, pages.data(), count, 0);
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
    if (static_cast<std::size_t>(got) < wanted) break;
  }
  return done;
}

}  // namespace ringfence::sandbox
