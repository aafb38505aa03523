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

}  // namespace

void addStop(JsonText& json, const StopRecord& stop) {
  json.key("at").time(stop.at.wall).key("by");
  stop.uid ? json.value(*stop.uid) : json.null();
  json.field("trigger", stop.trigger.view());
  json.field("runs", stop.runs).field("processes", stop.processes);
  json.field("frozen", stop.frozen).field("held", stop.held).field("finishing", stop.finishing);
  json.field("write_usec", stop.writeUsec).field("took_usec", stop.tookUsec);
  json.field("verified", stop.isVerified).field("killed", stop.isKilled);
}

void addReceipt(JsonText& json, const Receipt& receipt, const EvidenceReader& kernel, const Reader& reader) {
  addStop(json, receipt.stop);
  json.field("latched", true).field("latch_usec", receipt.latchUsec).field("repeated", receipt.isRepeated);
  if (receipt.latchProblem != 0) json.field("latch_problem", wordsOf(receipt.latchProblem));
  if (receipt.freezeProblem != 0) json.field("freeze_problem", wordsOf(receipt.freezeProblem));
  if (!receipt.evidence.isWhole) json.field("evidence_whole", false);
  addEvidence(json, receipt, kernel, reader);
}

}  // namespace ringfence::supervisor::stop
