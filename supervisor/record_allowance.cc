#include "supervisor/record_allowance.h"

namespace ringfence::supervisor {

Bytes weightOf(const sandbox::Record& record) {
  constexpr std::size_t kFrame = 256;
  const sandbox::GuardedAction& action = record.action;
  std::size_t bytes = kFrame + action.action.target.size() + action.what.size() + action.second.size() +
                      action.cwd.size() + action.object.size();
  for (const std::string& argument : action.action.argv) bytes += argument.size();
  for (const sandbox::ProcessLink& link : action.chain) bytes += link.name.size();
  bytes += record.rule.text.size() + record.rule.why.size() + record.rule.origin.file.size() +
           record.rule.origin.text.size();
  bytes += record.rewrite.path.value_or("").size() + record.rewrite.host.value_or("").size() +
           record.rewrite.content.value_or("").size();
  for (const std::string& argument : record.rewrite.argv) bytes += argument.size();
  return Bytes{bytes};
}

}  // namespace ringfence::supervisor
