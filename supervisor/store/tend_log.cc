#include <malloc.h>

#include "supervisor/core/log_keeping.h"
#include "supervisor/store/store.h"

namespace ringfence::supervisor {

Result<void> tendLog(Store& store, State& state, const Progress& progress, const Context& context) {
  if (auto draft = draftSnapshot(state, context)) {
    RF_TRY(store.appendSnapshot(draft->fact, std::move(draft->state)));
    state = evolve(std::move(state), draft->fact);
    // Its text was put together from some 30 MB of small parts. What is freed between others stays with a program.
    (void)::malloc_trim(0);
  }
  if (progress.retirable) {
    if (const auto fact = draftRetirement(state, *progress.retirable, context)) {
      RF_TRY(store.append({*fact}));
      state = evolve(std::move(state), *fact);
    }
  }
  return {};
}

}  // namespace ringfence::supervisor
