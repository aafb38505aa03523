// Runs a classic BPF program as the kernel runs a seccomp filter, without installing it.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstdint>
#include <span>
#include <string>

#include "sdk/base/result.h"

namespace ringfence::test {

// The value that the program returns. Fails with kInvalid for an instruction that seccomp does not allow, a jump out of
// the program or a load outside seccomp_data.
Result<std::uint32_t> runBpf(std::span<const sock_filter> program, const seccomp_data& data);

// "allow", "errno 1", "kill", "notify", or the number in hexadecimal.
std::string verdictText(std::uint32_t returned);

}  // namespace ringfence::test
