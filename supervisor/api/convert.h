// Messages of the control socket <-> requests and answers. Pure.
#pragma once

#include "sdk/base/result.h"
#include "sdk/proto/control.pb.h"
#include "supervisor/api/answer.h"
#include "supervisor/api/request.h"

namespace ringfence::supervisor::api {

// Fails with kInvalid for Hello (which the session answers itself), for no request at all, and for a value out of its
// bounds: counts and lengths below, an unspecified enum.
Result<Request> toRequest(const v1::ClientPacket& packet);
v1::ServerPacket toPacket(std::uint64_t id, const Answer& answer, bool last);

inline constexpr std::size_t kMaxArguments = 4096;
inline constexpr std::size_t kMaxEnvironment = 4096;
inline constexpr std::size_t kMaxExtraPaths = 256;
inline constexpr std::size_t kMaxPolicyTexts = 64;
inline constexpr std::size_t kMaxNameLength = 64;
inline constexpr std::size_t kMaxPathLength = 4096;

}  // namespace ringfence::supervisor::api
