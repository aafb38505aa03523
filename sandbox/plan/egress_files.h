// Where an outer half of an egress finds what the host says about names (resolv.conf, hosts).
#pragma once

namespace ringfence::sandbox {

inline constexpr const char* kNameFilesOfEgress = "/etc/names";

}  // namespace ringfence::sandbox
