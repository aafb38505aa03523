// Command lines that the rules allow without a question: the same one again is allowed for as long as the same rules
// are in force and its path leads to the same program, and nobody judges it or makes words of it once more. Of programs
// alone that their path leads to for good, of no scripts and of no dynamic loader. Threads may share one.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "sandbox/warden/exec_case.h"
#include "sandbox/wire/action_ring.h"

namespace ringfence::sandbox {

struct AllowedExec {
  std::uint64_t rules = 0;  // Rules::serial()
  ExecCopy copy;
  ExecObject program;  // not open
  EntryForm entry;     // what is recorded of it
};

class AllowedExecs {
 public:
  // Null: not known, or no longer the same. Asks the kernel with one call where it is known.
  std::shared_ptr<const AllowedExec> find(const ExecCopy& copy, const Rules& rules);
  // `action`: as it is recorded. Keeps nothing of what cannot be known the next time.
  void keep(const ExecCase& allowed, const Rules& rules, const Ruling& ruling, const policy::Action& action);

 private:
  static constexpr std::size_t kPlaces = 64;
  std::shared_ptr<const AllowedExec>& placeOf(const ExecCopy& copy);

  std::mutex mutex_;
  std::array<std::shared_ptr<const AllowedExec>, kPlaces> places_;
};

// As it was judged, for `call`.
ExecCase againOf(const AllowedExec& allowed, const Notification& call, const ExecCopy& copy);

}  // namespace ringfence::sandbox
