// Messages of the control socket <-> requests and answers. Pure.
#pragma once

#include "sdk/base/result.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/api/answer.h"
#include "supervisor/api/request.h"

namespace ringfence::supervisor::api {

// Fails with kInvalid for Hello (which the session answers itself), for no request at all, and for a value out of its
// bounds: counts and lengths in request.h, an unspecified enum.
Result<Request> toRequest(const v1::ClientPacket& packet);
v1::ServerPacket toPacket(std::uint64_t id, const Answer& answer, bool last);

}  // namespace ringfence::supervisor::api
