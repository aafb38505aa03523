// Runs a classic BPF program as the kernel runs a seccomp filter, without installing it.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <span>
#include <string>

#include "sdk/base/result.h"

namespace ringfence::test {

struct BpfRun {
  std::uint32_t returned = 0;
  std::size_t instructions = 0;
  // Of a call whose verdict needs none of its arguments the kernel remembers it, and no longer runs the program for it.
  bool looksAtArguments = false;
};

// How the program goes. Fails with kInvalid for an instruction that seccomp does not allow, a jump out of
// the program or a load outside seccomp_data.
Result<BpfRun> traceBpf(std::span<const sock_filter> program, const seccomp_data& data);

// The value that the program returns; fails as traceBpf() does.
Result<std::uint32_t> runBpf(std::span<const sock_filter> program, const seccomp_data& data);

// "allow", "errno 1", "kill", "notify", or the number in hexadecimal.
std::string verdictText(std::uint32_t returned);

}  // namespace ringfence::test
