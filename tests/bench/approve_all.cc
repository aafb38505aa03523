// Allows every question as soon as it is seen, until it is ended: what a question costs when nobody has to think.
// Prints "ready" once it listens. $RINGFENCE_SOCKET names the daemon.
#include <cstdio>
#include <cstdlib>
#include <variant>

#include "sdk/client/client.h"

namespace {

using ringfence::client::Client;

template <typename T>
T expect(ringfence::client::Answer<T> answer, const char* what) {
  if (auto* failure = std::get_if<ringfence::client::Failure>(&answer)) {
    std::fprintf(stderr, "approve_all: %s: %s\n", what,
                 failure->refusal ? failure->refusal->message.c_str() : failure->error.message.c_str());
    std::exit(1);
  }
  return std::move(std::get<T>(answer));
}

}  // namespace

int main() {
  auto watching = Client::connect();
  auto answering = Client::connect();
  if (!watching || !answering) {
    std::fputs("approve_all: no daemon\n", stderr);
    return 1;
  }
  expect(watching->beginPending("", Client::Watch::kYes), "watching");
  std::puts("ready");
  std::fflush(stdout);
  while (const auto event = expect(watching->nextPending(), "watching")) {
    const auto* item = std::get_if<ringfence::client::PendingItem>(&*event);
    if (item == nullptr) continue;
    // One that its run withdrew meanwhile is refused, which is nobody's fault.
    (void)answering->answer({.id = item->id, .verdict = ringfence::client::AllowAnswer{}});
  }
  return 0;
}
