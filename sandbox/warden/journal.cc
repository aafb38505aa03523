#include "sandbox/warden/journal.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>

#include "sdk/base/sha256.h"

namespace ringfence::sandbox {
namespace {

std::uint64_t nowInMicroseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

}  // namespace

Result<Journal> Journal::open(UniqueFd fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return posixError(errno, "looking at the journal of calls");
  if (status.st_size < static_cast<off_t>(sizeof(CallJournal))) {
    return Error{ErrorCode::kInvalid, "the journal of calls is too short"};
  }
  SharedMap map =
      RF_TRY(SharedMap::make(fd.get(), sizeof(CallJournal), SharedMap::Access::kReadAndWrite, "the journal of calls"));
  auto* const calls = static_cast<CallJournal*>(map.get());
  Journal journal(std::move(map), calls->version == 0 ? Before::kNobody : Before::kAnother);
  if (calls->version == 0) {
    if (::getrandom(&calls->key, sizeof calls->key, 0) != sizeof calls->key) {
      return posixError(errno, "asking for random bytes");
    }
    calls->version = kCallJournalVersion;
  }
  if (calls->version != kCallJournalVersion) {
    return Error{ErrorCode::kUnsupported, "the journal of calls is of another version"};
  }
  return journal;
}

// Where nobody has written all are free, and looking at them would take the memory of them all.
Journal::Journal(SharedMap map, Before before) : map_(std::move(map)) {
  free_.reserve(kCallSlots);
  for (std::size_t slot = kCallSlots; slot-- > 0;) {
    if (before == Before::kNobody || at(slot).state == CallState::kFree)
      free_.push_back(static_cast<std::uint16_t>(slot));
  }
}

std::span<unsigned char> Journal::inbox() const { return {calls()->inbox, kCallInboxBytes}; }

std::optional<Notification> Journal::inboxCall() const { return readInbox(inbox()); }

std::vector<Journal::Left> Journal::left() {
  // A call that is in both places was being moved: it is one call.
  if (const auto call = inboxCall()) {
    const bool moved = std::ranges::any_of(calls()->slots, [&](const CallSlot& slot) {
      return slot.state != CallState::kFree && slot.id == call->id && slot.state != CallState::kInterrupted;
    });
    if (moved) {
      std::memset(calls()->inbox, 0, kCallInboxBytes);
    } else if (hasRoom()) {
      (void)take(*call);
    }
  }
  std::vector<Left> result;
  if (free_.size() == kCallSlots) return result;
  for (std::size_t slot = 0; slot < kCallSlots; ++slot) {
    const CallSlot& entry = at(slot);
    if (entry.state == CallState::kFree) continue;
    Notification call{.id = entry.id, .thread = static_cast<std::int32_t>(entry.thread.load()), .number = entry.number};
    std::copy(std::begin(entry.arguments), std::end(entry.arguments), call.arguments.begin());
    result.push_back({.slot = slot, .state = entry.state, .ask = entry.ask, .digest = entry.digest, .call = call});
  }
  return result;
}

std::size_t Journal::take(const Notification& call) {
  RF_CHECK(!free_.empty());
  const std::size_t slot = free_.back();
  free_.pop_back();
  CallSlot& entry = at(slot);
  entry.id = call.id;
  entry.ask = 0;
  entry.digest = 0;
  entry.since = nowInMicroseconds();
  entry.thread = static_cast<std::uint32_t>(call.thread);
  entry.number = call.number;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) entry.arguments[i] = call.arguments[i];
  entry.state = CallState::kReceived;
  // The kernel takes an inbox only when it is empty.
  std::memset(calls()->inbox, 0, kCallInboxBytes);
  return slot;
}

void Journal::setPerforming(std::size_t slot) const { at(slot).state = CallState::kPerforming; }
void Journal::setReceived(std::size_t slot) const { at(slot).state = CallState::kReceived; }
void Journal::setAsking(std::size_t slot, std::uint64_t ask, std::uint64_t digest) const {
  at(slot).ask = ask;
  at(slot).digest = digest;
  at(slot).state = CallState::kAsking;
}
void Journal::setInterrupted(std::size_t slot) const {
  at(slot).since = nowInMicroseconds();
  at(slot).state = CallState::kInterrupted;
}
void Journal::release(std::size_t slot) {
  at(slot).state = CallState::kFree;
  free_.push_back(static_cast<std::uint16_t>(slot));
}

std::uint64_t Journal::nextAsk() const { return calls()->lastAsk.fetch_add(1) + 1; }
std::uint64_t Journal::nextTicket() const { return calls()->lastTicket.fetch_add(1) + 1; }

std::uint64_t Journal::digest(std::string_view action) const {
  std::string text(reinterpret_cast<const char*>(calls()->key), sizeof calls()->key);
  text += action;
  const std::string bytes = sha256(text);
  std::uint64_t result = 0;
  std::memcpy(&result, bytes.data(), sizeof result);
  return result;
}

}  // namespace ringfence::sandbox
