// Internal to the files of Warden.
#pragma once

#include <pthread.h>

#include "sandbox/warden/warden.h"

namespace ringfence::sandbox {

// Counts for as long as the outcome of a call is to be told.
struct Warden::Owed {
  explicit Owed(std::atomic<int>& count) : count_(count) { ++count_; }
  ~Owed() { --count_; }
  Owed(const Owed&) = delete;
  Owed& operator=(const Owed&) = delete;

 private:
  std::atomic<int>& count_;
};

// In the journal, and nobody has looked at it yet.
struct Warden::Received {
  Notification notification;
  std::size_t slot = 0;
  std::uint64_t oldAsk = 0;  // of a warden that died
  std::uint64_t oldDigest = 0;
};

struct Warden::Call {
  enum class Waits { kNothing, kAnswer, kRecorded, kRoom };

  explicit Call(const Received& received)
      : notification(received.notification),
        slot(received.slot),
        oldAsk(received.oldAsk),
        oldDigest(received.oldDigest) {}

  Notification notification;
  std::size_t slot = 0;
  std::shared_ptr<Deed> deed;
  unsigned tries = 0;
  bool corrected = false;             // its deed is another one than the call says
  std::optional<Rewrite> correction;  // a person's
  std::uint64_t oldAsk = 0;           // of a warden that died
  std::uint64_t oldDigest = 0;
  Waits waits = Waits::kNothing;
  std::size_t target = 0;
  std::uint64_t ask = 0;    // the question that is open or was answered about it
  Ask question;             // kAnswer
  std::string text;         // kAnswer: what exactly was asked
  Record record;            // kRecorded
  int errorAfterwards = 0;  // kRecorded: 0: performed then
  std::unique_ptr<Owed> owed;

  std::uint64_t id() const { return notification.id; }
};

// What is to be done with a call by somebody who may block.
struct Warden::Errand {
  enum class What { kDecide, kPerform, kApply } what;
  OwnedCall call;
  Answer answer;  // kApply
};

struct Warden::Member {
  pthread_t thread{};
  std::uint64_t reading = 0;  // the call whose arguments it copies
  Microseconds since{};       // that it is busy; 0: it is not
  bool traces = false;        // it waits for a thread that it traces; while it leads, the watch hears of calls
  std::optional<Notification> waitsFor;  // it performs what a signal may end
};

// A signal ended the wait, and the question is open for as long as the same call may come again.
struct Warden::Interrupted {
  std::int32_t thread = 0;
  std::size_t slot = 0;
  std::uint64_t ask = 0;
  std::uint64_t digest = 0;
  std::string text;  // empty: from a warden that died, the digest counts
  Microseconds since{};
  Ask question;
  std::optional<Answer> answer;
};

// What counts as the same question.
std::string textOf(const GuardedAction& action);
// Ends what waits for another process; does nothing else.
inline constexpr int kWakeSignal = 10;  // SIGUSR1

}  // namespace ringfence::sandbox
