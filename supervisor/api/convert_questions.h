// The messages of questions, answers and grants <-> values: the part of supervisor/api/convert.h that concerns them.
// Pure. Zero values of enums are refused, so that nothing is allowed by omission.
#pragma once

#include "sdk/base/result.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/api/answer.h"
#include "supervisor/api/request.h"

namespace ringfence::supervisor::api {

// Each fails with kInvalid, naming the field.
Result<Request> toRequest(const v1::PendingRequest& message);
Result<Request> toRequest(const v1::AnswerRequest& message);
Result<Request> toRequest(const v1::GrantsRequest& message);
Result<Request> toRequest(const v1::RevokeGrantRequest& message);
Result<Request> toRequest(const v1::WhyRequest& message);
Result<std::vector<HostGrant>> toHostGrants(const v1::RunRequest& message);

void fillMessage(const PendingItem& item, v1::PendingItem& message);
void fillMessage(const PendingGone& gone, v1::PendingGone& message);
void fillMessage(const GrantList& list, v1::GrantList& message);
void fillMessage(const WhyAnswer& why, v1::WhyAnswer& message);

}  // namespace ringfence::supervisor::api
