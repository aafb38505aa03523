#include "ui/top/control.h"

#include <algorithm>
#include <utility>

#include "ui/top/display_width.h"

namespace ringfence::top {
namespace {

using Verb = client::Client::Verb;
constexpr std::size_t kMostHelpLines = 60;  // at the narrowest; what was scrolled beyond would have to be scrolled back

std::optional<std::size_t> placeOf(const View& view, const std::string& run) {
  const auto found = std::ranges::find(view.rows, run, &Row::run);
  if (run.empty() || found == view.rows.end()) return std::nullopt;
  return static_cast<std::size_t>(found - view.rows.begin());
}

// The id first: a name may be long, or look like the id of another one.
std::string shownRun(const Row& row) {
  constexpr std::size_t kNameColumns = 24;
  return row.name == row.run ? row.run : row.run + " (" + fitted(row.name, kNameColumns) + ")";
}

}  // namespace

std::string verbName(Verb verb) {
  switch (verb) {
    case Verb::kFreeze:
    case Verb::kFreezeAtOnce: return "freeze";
    case Verb::kResume: return "resume";
    case Verb::kStop: return "stop";
    case Verb::kKill: return "kill";
  }
  return "";
}

void Control::see(const View& view, std::size_t rowsShown) {
  page_ = std::max<std::size_t>(rowsShown, 1);
  if (!everChosen_ && !view.rows.empty()) {
    chosen_ = view.rows.front().run;
    everChosen_ = true;
  }
  if (const auto place = placeOf(view, chosen_)) {
    at_ = *place;
  } else if (!chosen_.empty()) {
    say("The run that was chosen is gone; choose another one with the arrows.");
    chosen_.clear();
    toKill_.clear();
  }
  const std::size_t last = view.rows.empty() ? 0 : view.rows.size() - 1;
  const std::size_t shown = std::min(at_, last);
  if (shown < first_) first_ = shown;
  if (shown >= first_ + page_) first_ = shown - page_ + 1;
  first_ = std::min(first_, view.rows.size() > page_ ? view.rows.size() - page_ : 0);
}

Wish Control::typed(const Press& press, const View& view) {
  const std::string asked = std::exchange(toKill_, "");
  message_.clear();
  if (help_) {
    const Move* scroll = std::get_if<Move>(&press);
    help_ = scroll != nullptr;
    if (scroll != nullptr && (*scroll == Move::kDown || *scroll == Move::kPageDown))
      helpFrom_ = std::min<std::size_t>(helpFrom_ + 1, kMostHelpLines);
    if (scroll != nullptr && (*scroll == Move::kUp || *scroll == Move::kPageUp) && helpFrom_ > 0) --helpFrom_;
    return Nothing{};
  }
  if (const Move* where = std::get_if<Move>(&press)) {
    move(*where, view);
    return Nothing{};
  }
  const char letter = std::get<char>(press);
  switch (letter) {
    case 'q': return Quit{};
    case '?':
    case 'h':
      help_ = true;
      helpFrom_ = 0;
      return Nothing{};
    case 'f': return act(Verb::kFreeze, view);
    case 'r': return act(Verb::kResume, view);
    case 's': return act(Verb::kStop, view);
    case 'k': {
      Wish wish = act(Verb::kKill, view);
      const Order* order = std::get_if<Order>(&wish);
      if (order == nullptr || order->run == asked) return wish;
      toKill_ = order->run;
      say("k again kills " + order->shown + " with all its processes; any other key: no");
      return Nothing{};
    }
    default: break;
  }
  const auto names = sortNames();
  const auto named = std::ranges::find(names, letter, &SortName::letter);
  if (letter != 0 && named != names.end()) key_ = named->key;
  return Nothing{};
}

Wish Control::act(Verb verb, const View& view) {
  const auto place = placeOf(view, chosen_);
  if (!place) {
    say(chosen_.empty() ? "No run is chosen; choose one with the arrows."
                        : "Nothing is known of the run now: nothing was done.");
    return Nothing{};
  }
  return Order{verb, chosen_, shownRun(view.rows[*place])};
}

void Control::move(Move where, const View& view) {
  if (view.rows.empty()) return;
  const std::size_t last = view.rows.size() - 1;
  // Nothing is chosen: an arrow chooses what stands there now.
  std::size_t to = std::min(at_, last);
  const bool anew = chosen_.empty();
  switch (where) {
    case Move::kUp: to -= std::min<std::size_t>(to, anew ? 0 : 1); break;
    case Move::kDown: to += anew ? 0 : 1; break;
    case Move::kPageUp: to -= std::min(to, page_); break;
    case Move::kPageDown: to += page_; break;
    case Move::kFirst: to = 0; break;
    case Move::kLast: to = last; break;
  }
  at_ = std::min(to, last);
  chosen_ = view.rows[at_].run;
  everChosen_ = true;
}

}  // namespace ringfence::top
