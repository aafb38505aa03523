// What a program inside a Ringfence fence keeps for the case that its run is killed and launched again: a file of its
// own, the same that ringfence.Checkpoint of Python has; each reads what the other wrote. Standard library only, C++17.
//
//   ringfence::CheckpointTrouble trouble;
//   auto checkpoint = ringfence::Checkpoint::open("tidier", {}, trouble);
//   if (!checkpoint) return fail(trouble.say);
//   const auto kept = checkpoint->restore();
//   State state = kept ? State::fromJson(kept->dataJson) : State();
//   const auto id = checkpoint->once("mail-7", [&] { return sendMail("mail-7"); });   // JSON, or nothing: it failed
//   if (!checkpoint->save(state.toJson())) return fail(checkpoint->trouble().say);
//
// It is ~/.local/state/ringfence/NAME-HASH.checkpoint. Inside a fence that is the private home, which Ringfence keeps
// for each user and policy: it outlives every run, and another policy has another one. HASH stands for the workspace.
// One process at a time has it; the kernel lets go of it when that one dies.
//
// It is replaced as a whole and is on the disk when a call returns: after a kill or a loss of power there is the old
// one or the new one. It is no secret and proves nothing: whatever runs under the same user and policy can change it.
// It is not undone with the workspace, and keeps nothing that the program has in memory or open.
//
// Calls block for the disk alone, but open(), once(), and save() where an agent is told, which is a call of that. Each
// writes all of it: meant for kilobytes, bounded at 8 MiB and 4096 steps. None throws; what was kept before is still
// there after one that failed. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ringfence {

class Agent;

// What the caller can do about it.
enum class CheckpointFault {
  kNone,
  kInvalid,  // a name, a step or data that cannot be one: nothing; it is a mistake of the program
  kBusy,     // another process has it: wait, or end; two that go on from the same one would undo each other's
  kDamaged,  // it is not what was written, or a later version wrote it; it is left: remove it, where one can do without
  kTooLarge,     // more than 8 MiB or 4096 steps: keep less, forget steps that are past
  kUnsure,       // the step was begun once and nobody knows whether its effect happened
  kNoResult,     // the effect that was called had none; the step counts as begun
  kUnavailable,  // the folder or the file cannot be read or written, as `say` says: another place, or more space
};
// What went wrong, with open() or a call.
struct CheckpointTrouble {
  CheckpointFault fault = CheckpointFault::kNone;
  std::string say;  // for a person: which file, and why
};

// For Checkpoint::open(): which file, and who is told.
struct CheckpointOptions {
  std::string workspace = {};                // what is worked on, a path; empty: the current directory
  std::string folder = {};                   // where the file is; empty: that of the home
  std::chrono::milliseconds patience{5000};  // to wait for a process that has it, which may be one that is being killed
  Agent* agent = nullptr;                    // is told safePoint() after each save(); borrowed, must outlive it
};

// What was kept last.
struct CheckpointRestored {
  std::string dataJson;                         // as it was given to save()
  std::int64_t version = 1;                     // what the program called its shape
  std::string run;                              // the id of the run that kept it; empty: it was outside a fence
  std::chrono::system_clock::time_point saved;  // by the clock of the machine
};

// A file of the program's own, in which it finds after a kill and a new start where it was.
class Checkpoint {
 public:
  // Makes the folder where it must. `name`: the program's, letters, digits, ., _ and -, at most 64, a letter or digit
  // first. Blocks for at most `patience`. Nothing: `trouble` says why (kInvalid, kBusy, kDamaged, kUnavailable).
  static std::optional<Checkpoint> open(std::string_view name, const CheckpointOptions& options,
                                        CheckpointTrouble& trouble);
  // Lets another process have it, once no child of fork() has it any more, by its end or exec. Of one that was moved
  // from nothing may be called.
  ~Checkpoint();
  Checkpoint(Checkpoint&& other) noexcept;
  Checkpoint& operator=(Checkpoint&& other) noexcept;

  // Of the file, which need not exist.
  const std::string& path() const;
  // Why the last call brought nothing; kNone: it did. Borrowed until the next call.
  const CheckpointTrouble& trouble() const;

  // What save() kept last, in this process or another. Nothing: nothing yet.
  std::optional<CheckpointRestored> restore() const;
  // Keeps it in place of what was kept. `dataJson`: one JSON value, UTF-8, at most 256 brackets deep. `version`: of its
  // shape, for the program itself to look at after an update. True: it is on the disk, and the agent, where one was
  // named, was told that to be ended now costs nothing. False: kInvalid, kTooLarge, kUnavailable.
  bool save(std::string_view dataJson, std::int64_t version = 1);

  // What happens to a step that was begun and whose end was not kept, as a process died in between: kRefuse yields
  // nothing and kUnsure (its effect happens at most once); kAgain does it again (at least once: for what is the same
  // when done twice, or whose receiver knows the id).
  enum class Unsure { kRefuse, kAgain };
  // What is to happen once: what it yields is one JSON value as for save(); nothing: it failed.
  using Effect = std::function<std::optional<std::string>()>;
  // Calls `effect` once for the id `step`, however often the code around it runs, also after a kill, and yields what it
  // yielded, one JSON value as for save(), which is kept. Nothing of `effect`: it failed, and the step counts as begun,
  // as it does when `effect` throws (which passes through); forget() says that it did not happen. `step`: 1 to 64 bytes
  // of UTF-8, best also given to whoever has the effect. Blocks as `effect` does. Nothing: as save(), kUnsure,
  // kNoResult.
  std::optional<std::string> once(std::string_view step, const Effect& effect, Unsure unsure = Unsure::kRefuse);
  // once() knows nothing of this step any more: it did not happen, or is long past. Unknown ones are ignored. True:
  // that is on the disk. False: as save().
  bool forget(std::string_view step);

 private:
  class File;
  explicit Checkpoint(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

}  // namespace ringfence
