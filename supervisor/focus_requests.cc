// Whose programs a person is with.
#include "supervisor/requests.h"

namespace ringfence::supervisor {
namespace {

constexpr std::uint64_t kPartOfMemory = 4;

api::FocusAnswer tell(const Focus::Report& report) {
  api::FocusAnswer told{report.pid, report.group, {}};
  for (const auto& part : report.parts) told.parts.push_back({part.what, part.amount, part.why});
  return told;
}

}  // namespace

void Requests::on(Asker asker, const api::SetFocus& request) {
  if (world_.focus == nullptr)
    return refuse(asker, {ErrorCode::kUnsupported, "nothing can be protected: there are no control groups"});
  const Peer& peer = peerOf(asker);
  if (request.pid == 0 && !request.clear) return answer(asker, tell(world_.focus->report(peer)));
  const DeviceReading* device = world_.steering.lookAtDevice();
  const Bytes memory{device != nullptr ? device->memoryTotalBytes.value_or(0) / kPartOfMemory : 0};
  auto report = request.clear ? world_.focus->clear(peer) : world_.focus->set(peer, request.pid, memory);
  if (!report) return refuse(asker, report.error());
  answer(asker, tell(*report));
}

}  // namespace ringfence::supervisor
