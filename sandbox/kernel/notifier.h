// Calls that seccomp holds until somebody answers them (seccomp_unotify(2)), one listener for all processes of a run.
//
//   auto call = RF_TRY(notifier.receive());
//   if (call) notifier.answer(call->id, CallAnswer::failed(EACCES));
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

struct Notification {
  std::uint64_t id = 0;
  std::int32_t thread = 0;  // of the caller, in the reader's pid namespace
  std::int32_t number = 0;  // of the call
  std::uint32_t architecture = 0;
  std::array<std::uint64_t, 6> arguments{};
  bool operator==(const Notification&) const = default;
};

// `restart` with a signal pending: the handler runs, and the call comes again or ends with EINTR as SA_RESTART has it.
// Without a pending signal the program would see errno 512. `proceed` lets the kernel make the call with whatever the
// caller's memory says by then: only where the worst that it can say is allowed or somebody verifies what came of it.
struct CallAnswer {
  enum class Kind { kReturn, kProceed } kind = Kind::kReturn;
  std::int64_t value = 0;
  std::int32_t error = 0;  // errno, positive; 0: value counts

  static CallAnswer returned(std::int64_t value) { return {.value = value}; }
  static CallAnswer failed(int error) { return {.error = error}; }
  static CallAnswer restarted() { return {.error = kRestart}; }
  static CallAnswer proceed() { return {.kind = Kind::kProceed}; }
  static constexpr int kRestart = 512;  // ERESTARTSYS
  bool operator==(const CallAnswer&) const = default;
};

enum class CloseOnExec { kNo, kYes };
// Our own descriptor is closed soon after the caller went on, or before. Whoever is the last to close a FIFO or a
// program being written is seen by others.
enum class Handover { kAtOnce, kAfterClosing };

class SyscallNotifier {
 public:
  virtual ~SyscallNotifier() = default;
  // The next call. Nothing: whoever made it is gone already. Blocks until there is one.
  virtual Result<std::optional<Notification>> receive() = 0;
  // Whether the call was received and still waits. Says that its caller lives, not that its memory is unchanged.
  virtual bool isWaiting(std::uint64_t id) = 0;
  // 0, or ENOENT: nobody waits any more.
  virtual int answer(std::uint64_t id, const CallAnswer& answer) = 0;
  // Gives the caller a descriptor for what `fd` is, closes `fd`, and returns the new number from the call. 0, ENOENT as
  // above, or why it got none: EMFILE, or EBADF for one that was opened with O_PATH; the call still waits then.
  virtual int inject(std::uint64_t id, UniqueFd fd, CloseOnExec closeOnExec, Handover handover) = 0;
  // How many bytes could be read of the caller's memory; stops before what is not mapped. May block for as long as
  // whoever backs that memory likes.
  virtual std::size_t readMemory(std::int32_t thread, std::uint64_t address, std::span<char> to) = 0;
  // Two pieces, neither across a page boundary, at once where that is cheaper: whether all of both was read.
  struct Piece {
    std::uint64_t address = 0;
    std::span<char> to;
  };
  virtual bool readBoth(std::int32_t thread, const Piece& one, const Piece& other) {
    return readMemory(thread, one.address, one.to) == one.to.size() &&
           readMemory(thread, other.address, other.to) == other.to.size();
  }
};

class KernelNotifier final : public SyscallNotifier {
 public:
  // The kernel writes each notification into `inbox` itself, which must stay mapped and be zero before each receive();
  // whoever shares that memory knows of a call as soon as it counts as received. Fails with kUnsupported when the
  // kernel's notifications are longer.
  static Result<KernelNotifier> create(UniqueFd listener, std::span<unsigned char> inbox);

  Result<std::optional<Notification>> receive() override;
  bool isWaiting(std::uint64_t id) override;
  int answer(std::uint64_t id, const CallAnswer& answer) override;
  int inject(std::uint64_t id, UniqueFd fd, CloseOnExec closeOnExec, Handover handover) override;
  std::size_t readMemory(std::int32_t thread, std::uint64_t address, std::span<char> to) override;
  bool readBoth(std::int32_t thread, const Piece& one, const Piece& other) override;
  int fd() const { return listener_.get(); }

 private:
  KernelNotifier(UniqueFd listener, std::span<unsigned char> inbox) : listener_(std::move(listener)), inbox_(inbox) {}

  UniqueFd listener_;
  std::span<unsigned char> inbox_;
};

// What an inbox holds: the call that was received and that nobody has taken out. Nothing: it is empty.
std::optional<Notification> readInbox(std::span<const unsigned char> inbox);

}  // namespace ringfence::sandbox
