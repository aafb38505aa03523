#include "supervisor/prunes.h"

#include <algorithm>

namespace ringfence::supervisor {
namespace {

const char* fateName(HomeFate fate) {
  switch (fate) {
    case HomeFate::kGoes: return "goes";
    case HomeFate::kInUse: return "in-use";
    case HomeFate::kRecent: return "recent";
    case HomeFate::kStuck: return "stuck";
  }
  return "";
}

api::PruneAnswer listingOf(const std::vector<JudgedHome>& judged) {
  api::PruneAnswer listing;
  for (const JudgedHome& home : judged) {
    listing.homes.push_back(
        {home.uid, home.policy, formatRfc3339(home.lastUsed), home.bytes, home.isMore, fateName(home.fate), home.why});
  }
  return listing;
}

}  // namespace

void Prunes::begin() {
  if (world_.homes != nullptr) world_.homes->sweep([this](const auto& left) { say(left); });
}

// On a full disk this is what makes room: as long as the log has some of its own, it is done.
Result<void> Prunes::mayPrune() const {
  if (world_.homes == nullptr) return Error{ErrorCode::kUnsupported, "this daemon keeps no private homes"};
  if (world_.turns.canWrite()) return {};
  return Error{ErrorCode::kUnavailable, "the log cannot be written (" + world_.turns.storeFailure()->message +
                                            "): no home is removed until it can"};
}

void Prunes::ask(ClientId client, std::uint64_t request, const api::PruneHomes& what) {
  const Client* const asker = world_.clients.find(client);
  if (asker == nullptr) return;
  const Asked asked{client, request, asker->identity.peer, what};
  if (auto may = mayPrune(); !may) return tell(asked, api::refusalOf(may.error()), api::Last::kYes);
  const bool isSecond = std::ranges::any_of(asked_, [&](const Asked& one) { return one.peer.uid == asked.peer.uid; });
  if (isSecond || asked_.size() >= kMaxWaitingPrunes) {
    const Error busy{ErrorCode::kBusy, std::string("homes are being looked at or removed for ") +
                                           (isSecond ? "you already" : "others") + "; try again when that is done"};
    return tell(asked, api::refusalOf(busy), api::Last::kYes);
  }
  asked_.push_back(asked);
  if (asked_.size() == 1) look();
}

void Prunes::look() {
  while (!asked_.empty() && world_.clients.find(asked_.front().client) == nullptr) asked_.pop_front();
  if (asked_.empty()) return;
  const Peer& peer = asked_.front().peer;
  const bool isOfAll = peer.uid == 0 || peer.admin;
  world_.homes->look(isOfAll ? std::nullopt : std::optional(peer.uid), [this](const auto& found) { looked(found); });
}

void Prunes::ready() {
  if (world_.homes != nullptr) world_.homes->finish();
}

void Prunes::looked(const Result<std::vector<FoundHome>>& found) {
  const Asked asked = asked_.front();
  // Whoever went away was not told what goes, so nothing does.
  if (world_.clients.find(asked.client) == nullptr) return end(api::Done{});
  if (!found) return end(api::refusalOf(found.error()));
  if (auto may = mayPrune(); !may) return end(api::refusalOf(may.error()));
  const auto judged = judgeHomes(world_.turns.state(), asked.peer, *found, asked.what.unusedFor, world_.clock.now());
  if (asked.what.dryRun) return end(listingOf(judged));
  // Which judges them again: the same state, at the same time.
  auto decided = world_.turns.submit(PruneHomes{asked.peer, asked.what.unusedFor, *found});
  if (!decided) return end(api::refusalOf(decided.error()));
  for (const JudgedHome& home : judged) {
    if (home.fate == HomeFate::kGoes) leaving_[{home.uid, home.directory}] = home.bytes;
  }
  tell(asked, listingOf(judged), api::Last::kNo);
  if (leaving_.empty()) end(removed_);
}

void Prunes::perform(const std::vector<RemoveHome>& homes) {
  if (homes.empty() || world_.homes == nullptr) return;
  for (const RemoveHome& home : homes) {
    auto leaving = leaving_.extract({home.uid, home.directory});
    if (auto aside = world_.homes->setAside(home.uid, home.directory); !aside) {
      world_.say(aside.error().message);
      removed_.left.push_back(aside.error().message);
    } else if (!leaving.empty()) {
      ++removed_.removed;
      removed_.removedBytes += leaving.mapped();
    }
  }
  if (leaving_.empty()) world_.homes->sweep([this](const auto& left) { swept(left); });
}

void Prunes::swept(const std::vector<PrivateHomes::Left>& left) {
  say(left);
  for (const PrivateHomes::Left& one : left) {
    if (mayControl(asked_.front().peer, one.uid)) removed_.left.push_back(one.error.message);
  }
  end(removed_);
}

void Prunes::say(const std::vector<PrivateHomes::Left>& left) {
  for (const PrivateHomes::Left& one : left) world_.say(one.error.message);
}

// What was decided is done when the log can be written again; nobody waits for that.
void Prunes::storeFailed(const Error& error) {
  const std::string why = "the log cannot be written: " + error.message;
  while (asked_.size() > 1) {
    tell(asked_.back(), api::refusalOf({ErrorCode::kUnavailable, why}), api::Last::kYes);
    asked_.pop_back();
  }
  if (leaving_.empty()) return;
  const Error later{ErrorCode::kUnavailable, why + "; what was to go is removed when it can"};
  tell(asked_.front(), api::refusalOf(later), api::Last::kYes);
  asked_.front().client = 0;
}

void Prunes::tell(const Asked& asked, const api::Answer& answer, api::Last last) {
  world_.clients.answer(asked.client, asked.request, answer, {}, last, world_.clock.now());
}

void Prunes::end(const api::Answer& answer) {
  tell(asked_.front(), answer, api::Last::kYes);
  asked_.pop_front();
  removed_ = {};
  look();
}

}  // namespace ringfence::supervisor
