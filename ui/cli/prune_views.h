// What becomes of private homes, for people and for programs. Pure.
#pragma once

#include <string>
#include <vector>

#include "sdk/client/client.h"

namespace ringfence::cli {

enum class Pruning { kForGood, kDryRun };

// A line for each; `within`: the time as it was typed.
std::string homesTable(const std::vector<client::PrivateHome>& homes, Pruning pruning, const std::string& within);
// "2 homes removed, 1.4 GiB"; of a dry run what would be, by `homes`.
std::string prunedText(const std::vector<client::PrivateHome>& homes, Pruning pruning, const client::Pruned& pruned);
// {"homes":[{"uid","policy","last_used","bytes","more","fate","why"}],"dry_run","removed","removed_bytes","left":[…]};
// `fate` is goes, in-use, recent or stuck.
std::string pruneJson(const std::vector<client::PrivateHome>& homes, Pruning pruning, const client::Pruned& pruned);

}  // namespace ringfence::cli
