// The journal of calls (sandbox/wire/call_journal.h) in use. Not thread-safe; what it writes is there for the next
// warden at once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sandbox/kernel/notifier.h"
#include "sandbox/wire/call_journal.h"
#include "sdk/base/result.h"
#include "sdk/base/shared_map.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::sandbox {

class Journal {
 public:
  // Fails with kInvalid when the file is not as long as a journal, and with kUnsupported for one of another version.
  static Result<Journal> open(UniqueFd fd);

  // What a dead warden left, each slot once; the inbox's call among them as kReceived.
  struct Left {
    std::size_t slot = 0;
    CallState state = CallState::kFree;
    std::uint64_t ask = 0, digest = 0;
    Notification call;
  };
  std::vector<Left> left();
  // A call of which the slot says less than the kernel did. The kernel tells it once only.
  std::optional<Notification> inboxCall() const;

  std::span<unsigned char> inbox() const;
  bool hasRoom() const { return !free_.empty(); }
  // From the inbox into a slot, which must be there.
  std::size_t take(const Notification& call);
  void setPerforming(std::size_t slot) const;
  void setReceived(std::size_t slot) const;
  void setAsking(std::size_t slot, std::uint64_t ask, std::uint64_t digest) const;
  // Answered with a restart; `ask` stays open.
  void setInterrupted(std::size_t slot) const;
  void release(std::size_t slot);

  std::uint64_t nextAsk() const;
  std::uint64_t nextTicket() const;
  // Of an action; nobody outside can find another action with the same one.
  std::uint64_t digest(std::string_view action) const;

 private:
  enum class Before { kNobody, kAnother };  // had it
  Journal(SharedMap map, Before before);
  CallJournal* calls() const { return static_cast<CallJournal*>(map_.get()); }
  CallSlot& at(std::size_t slot) const { return calls()->slots[slot]; }

  SharedMap map_;
  std::vector<std::uint16_t> free_;
};

}  // namespace ringfence::sandbox
