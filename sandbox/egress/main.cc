// Started by ringfence-launcher, which names the run for whoever lists processes.
// inner: descriptor 3 is the pair with the outer half.
// outer: 3 the pair with the inner half, 4 the pair with ringfenced, 5 the ring of allowed actions,
// 6 the denials file.
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/egress/inner.h"
#include "sandbox/egress/outer.h"
#include "sdk/base/whole_number.h"

namespace ringfence::sandbox {
namespace {

constexpr const char* kUsage =
    "usage: ringfence-egress inner|outer [--run RUN] [--restarted] [--pid PID] [--resolver ADDRESS:PORT] "
    "[--trust-anchors FILE]\n";
constexpr int kInnerPair = 3;

int say(const Result<void>& result) {
  if (result) return 0;
  std::fprintf(stderr, "ringfence-egress: %s\n", result.error().message.c_str());
  return 1;
}

Result<void> serveOuter(const OuterOptions& options) {
  auto outer = RF_TRY(Outer::create(options));
  return outer->serve();
}

// Nothing: they are not understood.
std::optional<OuterOptions> parse(const std::vector<std::string_view>& words) {
  OuterOptions options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool last = i + 1 == words.size();
    if (words[i] == "--run" && !last) {
      ++i;
    } else if (words[i] == "--restarted") {
      options.start = Start::kRestarted;
    } else if (words[i] == "--pid" && !last) {
      const auto pid = wholeNumber<decltype(options.pid)>(words[++i]);
      if (!pid) return std::nullopt;
      options.pid = *pid;
    } else if (words[i] == "--trust-anchors" && !last) {
      options.trustAnchors = words[++i];
    } else if (words[i] == "--resolver" && !last) {
      const auto server = parseAuthority(words[++i], std::nullopt);
      if (!server || !server->address) return std::nullopt;
      options.resolver = NameServer{*server->address, server->port};
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace
}  // namespace ringfence::sandbox

int main(int argc, char** argv) {
  using namespace ringfence::sandbox;
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  (void)std::signal(SIGPIPE, SIG_IGN);
  if (words.empty() || (words[0] != "inner" && words[0] != "outer")) return std::fputs(kUsage, stderr), 2;
  const auto options = parse({words.begin() + 1, words.end()});
  if (!options) return std::fputs(kUsage, stderr), 2;
  return say(words[0] == "inner" ? serveInner(kInnerPair) : serveOuter(*options));
}
