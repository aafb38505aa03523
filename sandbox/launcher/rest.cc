#include "sandbox/launcher/rest.h"

#include <malloc.h>
#include <poll.h>

namespace ringfence::sandbox {
namespace {

// Longer than any step of a launch, so that none pays for it.
constexpr int kLongWait = 1000;

}  // namespace

int Rest::until(int due) {
  isNext_ = !resting_ && (due < 0 || due > kLongWait);
  return isNext_ ? kLongWait : due;
}

void Rest::after(int ready) {
  if (ready > 0) resting_ = false;
  if (ready != 0 || !isNext_) return;
  resting_ = true;
  (void)::malloc_trim(0);
}

void restUntilReadable(int fd) {
  Rest rest;
  pollfd watched{fd, POLLIN, 0};
  // What cannot be waited for is read at once, and fails there.
  for (int ready = 0; ready == 0;) rest.after(ready = ::poll(&watched, 1, rest.until()));
}

}  // namespace ringfence::sandbox
