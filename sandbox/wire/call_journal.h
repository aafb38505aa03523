// The calls that a warden has received and not answered: a file in memory that outlives it, so that the next warden of
// the run knows what the dead one owed. Made zeroed by ringfence-launcher (a memfd of kCallsJournalBytes), written by
// one warden at a time, read by the next one; nobody else looks into it.
//
// The kernel writes a notification straight into `inbox`: there is no moment in which a received id is known to nobody.
// Each word is stored whole, and `state` last: a warden that is killed between two stores leaves a slot of its old
// state.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sdk/base/units.h"

namespace ringfence::sandbox {

inline constexpr std::size_t kCallSlots = 1020;  // calls that wait at a time; more wait in the kernel, not received
inline constexpr std::size_t kCallInboxBytes = 256;

enum class CallState : std::uint32_t {
  kFree = 0,
  kReceived,     // nothing was done: it may be judged afresh
  kAsking,       // `ask` is open; nothing was done
  kInterrupted,  // a signal ended the wait: `ask` is open for the same thread's same action; `id` is answered
  kPerforming,   // may have been done: never again
};

struct CallSlot {
  std::atomic<std::uint64_t> id;      // of the notification
  std::atomic<std::uint64_t> ask;     // kAsking, kInterrupted: its number
  std::atomic<std::uint64_t> digest;  // of the action that was asked about: the same number never asks for another one
  std::atomic<std::uint64_t> since;   // CLOCK_MONOTONIC, microseconds
  std::atomic<std::uint32_t> thread;  // of the caller, in the launcher's pid namespace
  std::atomic<CallState> state;
  std::int32_t number;  // of the call; written before `state`, as are its arguments
  std::int32_t reserved;
  std::uint64_t arguments[6];  // the kernel tells them once only
  std::uint64_t reservedToo[4];
};

struct CallJournal {
  std::atomic<std::uint64_t> version;  // 0: nobody has written yet
  std::atomic<std::uint64_t> lastAsk;  // numbers up to here were used
  std::atomic<std::uint64_t> lastTicket;
  std::uint64_t key[2];  // random: what an agent does not know, it cannot make equal digests with
  std::uint64_t reserved[27];
  unsigned char inbox[kCallInboxBytes];  // a struct seccomp_notif; all zero: none
  CallSlot slots[kCallSlots];
};

inline constexpr std::uint64_t kCallJournalVersion = 1;
inline constexpr Bytes kCallsJournalBytes{sizeof(CallJournal)};

static_assert(sizeof(CallSlot) == 128 && sizeof(CallJournal) == 512 + kCallSlots * sizeof(CallSlot));
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<CallState>::is_always_lock_free);

}  // namespace ringfence::sandbox
