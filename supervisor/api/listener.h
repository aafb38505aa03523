// Binding a socket that every user may connect to; who they are decides what they get.
#pragma once

#include <string>

#include "sdk/base/result.h"
#include "sdk/base/unique_fd.h"

namespace ringfence::supervisor::api {

enum class SocketKind { kPackets, kStream };

// Binds `path` with mode 0666, replacing a socket that nobody serves; not blocking. Fails with kBusy when another
// process serves it, or when something else is there.
Result<UniqueFd> listenAt(const std::string& path, SocketKind kind);

}  // namespace ringfence::supervisor::api
