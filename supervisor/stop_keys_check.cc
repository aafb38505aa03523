// What the doctor says of the keys of the emergency stop, from what ringfence-stop told of them.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "supervisor/doctor.h"

namespace ringfence::supervisor {
namespace {

using Json = nlohmann::json;

constexpr const char* kName = "emergency keys";

std::string textIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::size_t countIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? found->size() : 0;
}

void add(std::string& list, const std::string& words) { list += (list.empty() ? "" : "; ") + words; }

// The triggers, by what became of them.
struct Triggers {
  std::set<std::string> all;
  std::string watched, unplugged, withoutKeyboard, notUnderstood, unknown;
};

Triggers sorted(const Json& keys) {
  Triggers triggers;
  const auto found = keys.find("triggers");
  if (found == keys.end() || !found->is_array()) return triggers;
  for (const Json& one : *found) {
    if (!one.is_object()) continue;
    const std::string state = textIn(one, "state");
    std::string& list = state == "watched"                  ? triggers.watched
                        : state == "bound button unplugged" ? triggers.unplugged
                        : state == "no keyboard found"      ? triggers.withoutKeyboard
                        : state == "not understood"         ? triggers.notUnderstood
                                                            : triggers.unknown;
    add(list, textIn(one, "spec"));
    triggers.all.insert(textIn(one, "spec"));
  }
  return triggers;
}

// One that the system starts has them from its own command line.
bool areOther(const Triggers& triggers, const std::vector<std::string>& wanted) {
  return std::ranges::any_of(wanted, [&](const std::string& one) { return !triggers.all.contains(one); });
}

Check watching(const Json& keys, const std::optional<std::vector<std::string>>& wanted) {
  const Triggers triggers = sorted(keys);
  const bool isOther = wanted && (wanted->empty() || areOther(triggers, *wanted));
  const std::string problem = textIn(keys, "problem");
  const std::size_t devices = countIn(keys, "devices");
  Check check{kName, true, "", false};
  add(check.detail, devices == 0   ? "no keyboard is watched: none is there"
                    : devices == 1 ? "1 keyboard is watched"
                                   : std::to_string(devices) + " keyboards are watched");
  if (!triggers.watched.empty()) check.detail += ": " + triggers.watched;
  if (!triggers.unplugged.empty()) add(check.detail, "button unplugged: " + triggers.unplugged);
  if (!triggers.withoutKeyboard.empty() && devices > 0)
    add(check.detail, "no keyboard has the keys of: " + triggers.withoutKeyboard);
  if (!triggers.unknown.empty()) add(check.detail, "not yet known: " + triggers.unknown);
  if (!triggers.notUnderstood.empty()) add(check.detail, "not understood: " + triggers.notUnderstood);
  if (!problem.empty()) add(check.detail, problem);
  if (isOther)
    add(check.detail, "stop_keys says otherwise: ringfence-stop was started with --keys, which count instead");
  // What somebody wrote that can never happen is wrong; what is not plugged in may be on purpose.
  check.ok = triggers.notUnderstood.empty();
  check.warns =
      !triggers.unplugged.empty() || !problem.empty() || isOther || (devices > 0 && !triggers.withoutKeyboard.empty());
  return check;
}

}  // namespace

Check stopKeysCheck(const std::optional<StopFindings>& stop, const std::optional<std::vector<std::string>>& wanted) {
  if (!stop || !stop->presence.expected)
    return {kName, true, "unknown: only the daemon is told of the keyboards that are watched"};
  if (!stop->presence.there) return {kName, true, "unknown: ringfence-stop, which watches them, is away"};
  const std::string& text = stop->presence.keys;
  const Json keys = Json::parse(text, nullptr, false);
  if (keys.is_null() && wanted && wanted->empty())
    return {kName, true, "none are watched: stop_keys = []; `ringfence estop` works without them"};
  if (keys.is_null()) {
    // Only who wrote some counts on them.
    const char* const why = wanted ? "none are watched, though stop_keys names some" : "none are watched";
    return {kName, !wanted, std::string(why) + ": ringfence-stop was started with --keys off"};
  }
  if (!keys.is_object()) return {kName, true, "unknown: ringfence-stop says nothing of them"};
  const std::string state = textIn(keys, "state");
  if (state == "failed") return {kName, false, "not watched: " + textIn(keys, "problem")};
  if (state == "starting") return {kName, true, "their watcher is being started"};
  return watching(keys, wanted);
}

}  // namespace ringfence::supervisor
