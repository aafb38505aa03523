#include "supervisor/stop/receipt.h"

#include <cstring>

namespace ringfence::supervisor::stop {
namespace {

constexpr std::size_t kRoomOfOne = 512;  // what one more run and the end of the object need at most

const char* wordsOf(int error) {
  const char* words = ::strerrordesc_np(error);
  return words != nullptr ? words : "an unknown error";
}

void addEvidence(JsonText& json, const Receipt& receipt, const EvidenceReader& kernel, const Reader& reader) {
  const Evidence& evidence = receipt.evidence;
  std::size_t leftOut = 0;
  json.key("evidence").beginArray();
  for (std::size_t i = 0; i < evidence.listed; ++i) {
    const RunEvidence& run = evidence.list[i];
    if (!reader.seesAll && !kernel.isOf(run, reader.uid)) continue;
    if (json.room() < kRoomOfOne) {
      ++leftOut;
      continue;
    }
    json.beginObject().field("run", run.run.view()).field("frozen", run.frozen).field("held", run.held);
    json.field("finishing", run.finishing);
    if (run.isPrepared) json.field("prepared", true);
    json.endObject();
  }
  json.endArray();
  if (reader.seesAll && evidence.listed == evidence.list.size() && evidence.runs > evidence.listed)
    leftOut += evidence.runs - evidence.listed;
  if (leftOut > 0) json.field("evidence_left_out", leftOut);
}

// What a stop and its receipt have in common; what was ended is told apart.
void addCounts(JsonText& json, const StopRecord& stop) {
  json.key("at").time(stop.at.wall).key("by");
  stop.uid ? json.value(*stop.uid) : json.null();
  json.field("trigger", stop.trigger.view());
  json.field("runs", stop.runs).field("processes", stop.processes);
  json.field("frozen", stop.frozen).field("held", stop.held).field("finishing", stop.finishing);
  json.field("write_usec", stop.writeUsec).field("took_usec", stop.tookUsec);
  json.field("verified", stop.isVerified);
}

// How many runs were ended, those of who reads or all, and in how many there still was somebody when the time for that
// was over.
void addKilled(JsonText& json, const Receipt& receipt, const Reader& reader) {
  std::uint32_t runs = receipt.stop.isKilled ? receipt.stop.runs : 0;
  std::uint32_t left = receipt.stop.isKilled ? receipt.evidence.runs : 0;
  for (const OwnKill& kill : receipt.own) {
    if (!reader.seesAll && kill.uid != reader.uid) continue;
    runs += kill.runs;
    left += kill.left;
  }
  json.field("killed_runs", runs).field("killed_left", left);
  if (receipt.evidence.unowned > 0) json.field("owner_unknown", receipt.evidence.unowned);
  if (!reader.seesAll || receipt.own.empty()) return;
  json.key("killed_of").beginArray();
  for (const OwnKill& kill : receipt.own) json.value(kill.uid);
  json.endArray();
}

}  // namespace

bool isOwnKill(const Receipt& receipt, const Reader& reader) {
  return reader.wantsKill || (!reader.seesAll && receipt.own.find(reader.uid) != nullptr);
}

bool isAllKilled(const Receipt& receipt, const Reader& reader) {
  return receipt.stop.isKilled || (isOwnKill(receipt, reader) && receipt.evidence.isWhole && receipt.kept == 0);
}

void addStop(JsonText& json, const StopRecord& stop, const Reader& reader) {
  addCounts(json, stop);
  const std::uint32_t killed = stop.killedRuns();
  json.field("killed", stop.isKilled || (killed > 0 && killed >= stop.runs));
  json.field("killed_runs", stop.isKilled ? stop.runs : reader.seesAll ? killed : stop.killedRuns(reader.uid));
}

void addReceipt(JsonText& json, const Receipt& receipt, const EvidenceReader& kernel, const Reader& reader) {
  addCounts(json, receipt.stop);
  json.field("killed", isAllKilled(receipt, reader));
  json.field("latched", true).field("latch_usec", receipt.latchUsec).field("repeated", receipt.isRepeated);
  addKilled(json, receipt, reader);
  if (receipt.latchProblem != 0) json.field("latch_problem", wordsOf(receipt.latchProblem));
  if (receipt.freezeProblem != 0) json.field("freeze_problem", wordsOf(receipt.freezeProblem));
  if (!receipt.evidence.isWhole) json.field("evidence_whole", false);
  addEvidence(json, receipt, kernel, reader);
}

}  // namespace ringfence::supervisor::stop
