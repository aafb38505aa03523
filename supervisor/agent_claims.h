// What the agents of live runs say of themselves, and nobody can know better: what they do, when what they did was
// safe, and for how long a hold would break something. Kept in memory alone. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "sdk/base/clock.h"
#include "sdk/base/run_id.h"

namespace ringfence::supervisor {

struct AgentWords {
  std::string text;
  Microseconds at{};  // wall clock
};
struct SafePoint {
  Microseconds at{};  // boottime
  std::optional<std::uint64_t> tokens = {};
  Microseconds redo{};  // of its work, that is lost all the same
};
struct CriticalSection {
  Microseconds length{};                  // 0: it is over
  std::optional<Microseconds> redo = {};  // of its work, by a hold within; absent: it does not say
};

// Who pauses it.
enum class Announcer { kGovernor, kPerson };

// An event of the agent's own called its hook.
struct HookWord {
  Now at;
  std::string event;
};

class AgentClaims {
 public:
  void say(const RunId& run, std::string text, const Now& now);
  const AgentWords* words(const RunId& run) const;  // null: it says nothing

  // One of the events that its adapter counts by.
  void hear(const RunId& run, std::string event, const Now& now);
  const HookWord* hookWord(const RunId& run) const;  // the last; null: not heard yet

  // `began`: the run, boottime. What it says that is lost all the same counts up to what would be without this safe
  // point, so that nobody is spared for it: who says much is where it would have been with none.
  void safe(const RunId& run, SafePoint point, Microseconds began);
  const SafePoint* safePoint(const RunId& run) const;

  // A critical section begins, or the one there is ends. For how long a hold is put off: at most `grace`, not beyond
  // the end that a hold was announced for, and not at all before ten times the length of the last one has passed since
  // it ended. What it says of its work goes with it.
  Microseconds begin(const RunId& run, const CriticalSection& section, Microseconds grace, const Now& now);
  // Boottime; in the past where it is over.
  std::optional<Microseconds> criticalUntil(const RunId& run) const;
  // Of the section that ends then: what it says that a hold would have it do again; absent: it does not say.
  std::optional<Microseconds> criticalRedo(const RunId& run) const;

  // How many connections of the run are told before a pause.
  void hearPauses(const RunId& run, std::size_t listeners);
  bool hearsPauses(const RunId& run) const;
  // It was told that it is held at that time at the latest (boottime), or not after all.
  void announced(const RunId& run, Announcer by, std::optional<Microseconds> until);
  bool isAnnounced(const RunId& run) const;
  bool isAnnounced(const RunId& run, Announcer by) const;
  // A hold that was announced may come at once.
  void ready(const RunId& run, const Now& now);
  // When that was said last, by a safe point too; boottime.
  std::optional<Microseconds> readyAt(const RunId& run) const;

  void forget(const RunId& run) { runs_.erase(run); }

 private:
  struct Claims {
    std::optional<AgentWords> words;
    std::optional<HookWord> hookWord;
    std::optional<SafePoint> safePoint;
    Microseconds began{}, until{}, nextAt{};  // of its critical section; boottime
    std::optional<Microseconds> redo;         // of that one
    std::size_t listeners = 0;
    std::map<Announcer, Microseconds> announced;  // until then; boottime
    std::optional<Microseconds> readyAt;          // boottime
  };
  const Claims* find(const RunId& run) const;

  std::map<RunId, Claims> runs_;
};

}  // namespace ringfence::supervisor
