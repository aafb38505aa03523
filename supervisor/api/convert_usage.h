// Values of what runs and the device use -> messages: the part of supervisor/api/convert.h that concerns them. Pure.
// What is not known is absent.
#pragma once

#include "sdk/proto/control.pb.h"
#include "supervisor/api/answer.h"

namespace ringfence::supervisor::api {

void fillMessage(const UsageReading& usage, v1::Usage& message);
void fillMessage(const UsageList& list, v1::UsageList& message);

}  // namespace ringfence::supervisor::api
