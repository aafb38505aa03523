#include "ui/cli/shim.h"

namespace ringfence::cli {
namespace {

constexpr std::string_view kHead = "#!/bin/sh\n# ringfence shim\n";
constexpr std::string_view kBody =
    R"(# Made by 'ringfence shim install', taken away by 'ringfence shim remove': who edits it loses that.
real=
IFS=:
for place in $PATH; do
  file=${place:-.}/$name
  [ -f "$file" ] && [ -x "$file" ] || continue
  head -c 64 "$file" 2>/dev/null | grep -q '^# ringfence shim$' && continue
  real=$file
  break
done
unset IFS
if [ -z "$real" ]; then
  echo "ringfence shim: there is no other $name on PATH than its shims" >&2
  exit 127
fi
[ -n "${RINGFENCE_RUN-}" ] && [ -S /run/ringfence/agent.sock ] && exec "$real" "$@"
)";

}  // namespace

std::string shellWord(std::string_view text) {
  std::string word = "'";
  for (const char c : text) {
    if (c == '\'')
      word += "'\\''";
    else
      word += c;
  }
  return word + "'";
}

bool isShim(std::string_view head) { return head.starts_with(kHead); }

std::string shimText(const Shim& shim) {
  return std::string(kHead) + "name=" + shellWord(shim.name) + "\n" + std::string(kBody) + "exec " +
         shellWord(shim.ringfence) + " run -p " + shellWord(shim.policy) + " -- \"$real\" \"$@\"\n";
}

}  // namespace ringfence::cli
