// Messages of the control socket as values of client.h, and back. Private to sdk/client: protobuf stays out of
// client.h.
#pragma once

#include "sdk/client/client.h"
#include "sdk/proto/control.pb.h"

namespace ringfence::client {

void toMessage(const RunRequest& request, v1::RunRequest& message);
void toMessage(const QuestionAnswer& answer, v1::AnswerRequest& message);
v1::Operation toMessage(Operation operation);

RunDetails fromMessage(const v1::RunDetails& message);
Usage fromMessage(const v1::Usage& message);
DaySpending fromMessage(const v1::DaySpending& message);
UsageBucket fromMessage(const v1::UsageBucket& message);
Device fromMessage(const v1::Device& message);
ExitStatus fromMessage(const v1::ExitStatus& message);
LogLine fromMessage(const v1::LogLine& message);
Refusal fromMessage(const v1::ErrorAnswer& message);
PendingItem fromMessage(const v1::PendingItem& message);
PendingGone fromMessage(const v1::PendingGone& message);
GrantRow fromMessage(const v1::GrantRow& message);
WhyAnswer fromMessage(const v1::WhyAnswer& message);
PriceAnswer fromMessage(const v1::PriceAnswer& message);
FocusAnswer fromMessage(const v1::FocusAnswer& message);
StopState fromMessage(const v1::StopState& message);
PrivateHome fromMessage(const v1::PrivateHome& message);

template <typename Messages>
std::vector<Weakening> weakeningsOf(const Messages& messages) {
  std::vector<Weakening> weakened;
  for (const auto& one : messages) weakened.push_back({one.wall(), one.reason()});
  return weakened;
}

// The code that the daemon named, as an ErrorCode. Unknown names are kInternal.
ErrorCode codeOf(const std::string& name);

}  // namespace ringfence::client
