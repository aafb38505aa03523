#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/prune_views.h"

namespace ringfence::cli {

int pruneCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  const Pruning pruning = parsed.has("dry-run") ? Pruning::kDryRun : Pruning::kForGood;
  const std::string typed = parsed.value("older-than").value_or("30d");
  const auto age = parseAge(typed);
  if (!age) {
    complain("--older-than " + escapeForDisplay(typed) + ": not a duration like 90s, 10m, 2h or 3d");
    return kExitUsage;
  }
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), form);
  using Removal = client::Client::Removal;
  const auto listed = client->prune(std::chrono::duration_cast<std::chrono::seconds>(*age),
                                    pruning == Pruning::kDryRun ? Removal::kDryRun : Removal::kForGood);
  if (const auto* failure = std::get_if<client::Failure>(&listed)) return fail(*failure, form);
  const auto& homes = std::get<std::vector<client::PrivateHome>>(listed);
  // What goes is named before it is gone.
  if (form == Form::kText) print(homesTable(homes, pruning, typed));
  const auto ended = client->pruned();
  if (const auto* failure = std::get_if<client::Failure>(&ended)) return fail(*failure, form);
  const auto& pruned = std::get<client::Pruned>(ended);
  if (form == Form::kJson)
    printLine(pruneJson(homes, pruning, pruned));
  else
    print(prunedText(homes, pruning, pruned));
  for (const std::string& left : pruned.left)
    complain(escapeForDisplay(left) + "; it is tried again by the next prune");
  return pruned.left.empty() ? kExitOk : kExitFailed;
}

}  // namespace ringfence::cli
