// What a stop is answered with: the estop shape of the command line, as one JSON object.
#pragma once

#include "supervisor/stop/evidence.h"
#include "supervisor/stop/json_text.h"
#include "supervisor/stop/latch.h"
#include "supervisor/stop/own_kills.h"

namespace ringfence::supervisor::stop {

// Of the last stop that was read back.
struct Receipt {
  StopRecord stop;
  // It was stopped already: this only looked again, or killed. The latch keeps the first.
  bool isRepeated = false;
  std::uint64_t latchUsec = 0;  // that the latch took, after what took_usec counts
  int latchProblem = 0;   // errno: the latch is not on the disk; it holds until this program or the machine restarts
  int freezeProblem = 0;  // errno: a branch did not take it
  Evidence evidence;
  OwnKills own;            // who ended the own runs
  std::uint32_t kept = 0;  // runs that are there and that nobody ended
};

// Which runs are named; all are counted.
struct Reader {
  bool seesAll = false;
  std::uint32_t uid = 0;
  bool wantsKill = false;  // asked for it, and may end the own runs alone
};
// Whether who reads had their own runs ended, or asked for it.
bool isOwnKill(const Receipt& receipt, const Reader& reader);
// Whether nothing is left that could have been ended: it was everybody's, or all there was were the own.
bool isAllKilled(const Receipt& receipt, const Reader& reader);

// The fields of a receipt into an object that was begun.
void addReceipt(JsonText& json, const Receipt& receipt, const EvidenceReader& kernel, const Reader& reader);
// Those of a stop alone, as the latch has it: at, by, trigger, counts and times.
void addStop(JsonText& json, const StopRecord& stop, const Reader& reader);

}  // namespace ringfence::supervisor::stop
