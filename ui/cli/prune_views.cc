#include "ui/cli/prune_views.h"

#include <algorithm>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "sdk/base/units.h"
#include "ui/cli/format.h"

namespace ringfence::cli {
namespace {

constexpr std::size_t kToTheSecond = 19;  // of RFC 3339

bool goes(const client::PrivateHome& home) { return home.fate == "goes"; }

std::string fateText(const client::PrivateHome& home, Pruning pruning, const std::string& within) {
  if (goes(home)) return pruning == Pruning::kDryRun ? "would be removed" : "is removed";
  if (home.fate == "recent") return "stays: used in the last " + within;
  return "stays: " + escapeForDisplay(home.why.empty() ? home.fate : home.why);
}

std::string countText(std::uint64_t homes) { return std::to_string(homes) + (homes == 1 ? " home" : " homes"); }

}  // namespace

std::string homesTable(const std::vector<client::PrivateHome>& homes, Pruning pruning, const std::string& within) {
  if (homes.empty()) return {};
  Table table({"POLICY", "USER", "LAST USED", "SIZE", "WHAT"});
  for (const client::PrivateHome& home : homes) {
    table.add({escapeForDisplay(home.policy), std::to_string(home.uid),
               escapeForDisplay(home.lastUsed.substr(0, kToTheSecond)) + "Z",
               (home.isMore ? ">" : "") + formatBytes(Bytes{home.bytes}), fateText(home, pruning, within)});
  }
  return table.text();
}

std::string prunedText(const std::vector<client::PrivateHome>& homes, Pruning pruning, const client::Pruned& pruned) {
  if (pruning == Pruning::kForGood)
    return countText(pruned.removed) + " removed, " + formatBytes(Bytes{pruned.removedBytes}) + "\n";
  std::uint64_t bytes = 0;
  for (const client::PrivateHome& home : homes) bytes += goes(home) ? home.bytes : 0;
  const auto count = static_cast<std::uint64_t>(std::ranges::count_if(homes, goes));
  return countText(count) + " would be removed, " + formatBytes(Bytes{bytes}) + "; nothing was\n";
}

std::string pruneJson(const std::vector<client::PrivateHome>& homes, Pruning pruning, const client::Pruned& pruned) {
  JsonWriter json;
  json.beginObject().key("homes").beginArray();
  for (const client::PrivateHome& home : homes) {
    json.beginObject().field("uid", home.uid).untrustedField("policy", home.policy);
    json.untrustedField("last_used", home.lastUsed).field("bytes", home.bytes).field("more", home.isMore);
    json.untrustedField("fate", home.fate).untrustedFieldOrNull("why", home.why).endObject();
  }
  json.endArray().field("dry_run", pruning == Pruning::kDryRun).field("removed", pruned.removed);
  json.field("removed_bytes", pruned.removedBytes).key("left").beginArray();
  for (const std::string& left : pruned.left) json.value(escapeForDisplay(left));
  json.endArray().endObject();
  return std::move(json).take();
}

}  // namespace ringfence::cli
