// The network of a run that has an egress: nothing but `lo`, and rules by which every connection of the run ends at
// the sockets of ringfence-egress inside the same namespace. No packet can leave the namespace, with or without them.
//
//   tcp to 127/8           stays
//   tcp to anything else   is redirected to 127.0.0.1:kRedirectTcpPort (originalDestination() says where it wanted to)
//   tcp, udp to port 53    is redirected to 127.0.0.1:kRedirectDnsPort
//   other udp, icmp, …     is rejected, but for 127/8 and the namespace's own address
//   IPv6                   has no route
#pragma once

#include <cstdint>

#include "sdk/base/result.h"

namespace ringfence::sandbox {

inline constexpr std::uint16_t kRedirectTcpPort = 15001;
inline constexpr std::uint16_t kRedirectDnsPort = 15053;
inline constexpr const char* kOwnAddress = "10.77.0.1";  // on lo; what connections of the run come from

// By root inside the run's network namespace, once, with `lo` up. Fails with kUnsupported when the kernel lacks what
// the rules need (nf_tables, nft_redir, nft_reject): addresses and routes are then set, and only the explicit proxy
// works.
Result<void> prepareNetwork();

// Whether prepareNetwork() works here, tried in a namespace of its own; where not, which part. Kernels that have the
// parts as modules load them by this. Forks; needs root.
Result<void> probeRedirect();
inline bool hasRedirect() { return probeRedirect().has_value(); }

struct OriginalDestination {
  std::uint32_t address = 0;  // IPv4, in host byte order
  std::uint16_t port = 0;
};
// Where a connection that was accepted on kRedirectTcpPort wanted to. One that was made to that port itself says so.
Result<OriginalDestination> originalDestination(int socket);

}  // namespace ringfence::sandbox
