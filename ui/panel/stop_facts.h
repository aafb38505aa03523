// What ringfence-stop tells of a stop, in its receipt or its status, and the sentence that a person reads. Pure.
#pragma once

#include <QByteArray>
#include <QString>
#include <cstdint>
#include <optional>

namespace ringfence::ui {

struct StopFacts {
  bool latched = false;
  bool killed = false;
  bool verified = false;
  std::optional<std::uint64_t> runs, processes, finishing, tookUsec;
  std::uint64_t killedRuns = 0;  // those of whoever asks, for an administrator all; the others stay frozen
  QString trigger, at;           // as visibleText gives them
  QString problem;               // what the kernel or the disk did not take; empty: nothing
};

// Absent: it is no JSON object that tells of a stop.
std::optional<StopFacts> stopFactsOf(const QByteArray& json);
QString stopWords(const StopFacts& facts);

}  // namespace ringfence::ui
