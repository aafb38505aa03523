#include "sandbox/kernel/on_this_processor.h"

#include <optional>

namespace ringfence::sandbox {
namespace {

// What this process was given. On a machine with more processors than a cpu_set_t has nothing is known, and nothing
// done.
std::optional<cpu_set_t> given() {
  cpu_set_t all;
  CPU_ZERO(&all);
  if (::sched_getaffinity(0, sizeof all, &all) != 0) return std::nullopt;
  return all;
}

// As it was before any thread was kept anywhere: the first one asks before it is.
const std::optional<cpu_set_t>& before() {
  static const std::optional<cpu_set_t> kBefore = given();
  return kBefore;
}

}  // namespace

OnThisProcessor::OnThisProcessor() {
  const int processor = ::sched_getcpu();
  if (!before() || CPU_COUNT(&*before()) < 2 || processor < 0 || processor >= CPU_SETSIZE) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  kept_ = ::sched_setaffinity(0, sizeof one, &one) == 0;
}

OnThisProcessor::~OnThisProcessor() {
  if (kept_) (void)::sched_setaffinity(0, sizeof(cpu_set_t), &*before());
}

}  // namespace ringfence::sandbox
