#include "ui/cli/stop_views.h"

#include <nlohmann/json.hpp>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/format.h"

namespace ringfence::cli {
namespace {

using Json = nlohmann::json;

std::string textIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool isTrue(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::optional<std::uint64_t> numberIn(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? std::optional(found->get<std::uint64_t>())
                                                              : std::nullopt;
}

std::string countOf(std::optional<std::uint64_t> count, const char* one, const char* many) {
  return (count ? std::to_string(*count) : std::string("?")) + " " + (count && *count == 1 ? one : many);
}

std::string countOf(const Json& object, const char* name, const char* one, const char* many) {
  return countOf(numberIn(object, name), one, many);
}

std::string milliseconds(const Json& object, const char* name) {
  const auto usec = numberIn(object, name);
  if (!usec) return "?";
  const std::string tenths = std::to_string((*usec + 50) / 100);
  return (tenths.size() > 1 ? tenths.substr(0, tenths.size() - 1) : "0") + "." + tenths.back() + " ms";
}

std::string runLines(const Json& receipt) {
  const auto evidence = receipt.find("evidence");
  if (evidence == receipt.end() || !evidence->is_array()) return {};
  std::string text;
  for (const Json& run : *evidence) {
    if (!run.is_object() || isTrue(run, "prepared")) continue;  // made for a run that nobody has asked for yet
    text += "  " + escapeForDisplay(textIn(run, "run")) + ":";
    const char* before = " ";
    for (const char* state : {"frozen", "held", "finishing"}) {
      const auto count = numberIn(run, state);
      if (!count || (*count == 0 && std::string_view(state) != "frozen")) continue;
      text += before + std::to_string(*count) + " " + state;
      before = ", ";
    }
    text += "\n";
  }
  return text;
}

// Of a stop that ended some runs and froze the others.
std::string killedLines(const Json& receipt, const StopReceipt& read) {
  const auto killed = numberIn(receipt, "killed_runs"), runs = numberIn(receipt, "runs");
  std::string text;
  if (!read.killed && killed.value_or(0) > 0) {
    text += "killed " + countOf(killed, "run", "runs");
    text += receipt.contains("killed_of") ? ", as whoever owns them asked" : " of yours";
    if (runs && *runs > *killed)
      text += "; " + countOf(*runs - *killed, "other run stays", "other runs stay") + " frozen";
    text += "\n";
  }
  if (numberIn(receipt, "killed_left").value_or(0) > 0)
    text += countOf(receipt, "killed_left", "run has", "runs have") + " not ended yet\n";
  // Who began it with an earlier version can end it with the daemon's help.
  if (!read.refused.empty() && numberIn(receipt, "owner_unknown").value_or(0) > 0)
    text += countOf(receipt, "owner_unknown", "run does", "runs do") +
            " not say whose they are, as those of an earlier version; 'ringfence kill --all' ends yours\n";
  return text;
}

std::string textOf(const Json& receipt, const StopReceipt& read) {
  std::string text = read.killed ? "killed " : "stopped ";
  text += countOf(receipt, "runs", "run", "runs") + " with " + countOf(receipt, "processes", "process", "processes") +
          " in " + milliseconds(receipt, "took_usec") + " (" + milliseconds(receipt, "write_usec") +
          " until the kernel had taken it)\n" + runLines(receipt) + killedLines(receipt, read);
  if (!read.verified)
    text += "NOT verified: " +
            (numberIn(receipt, "finishing")
                 ? countOf(receipt, "finishing", "process", "processes") + " still inside a call begun before"
                 : std::string("not all was seen to stand still")) +
            "\n";
  for (const char* problem : {"freeze_problem", "latch_problem"}) {
    if (const std::string words = textIn(receipt, problem); !words.empty())
      text +=
          std::string(problem[0] == 'f' ? "the kernel did not take all of it: " : "the latch is not on the disk: ") +
          escapeForDisplay(words) + "\n";
  }
  return text + "Nothing starts and nothing is resumed until 'ringfence rearm'.\n";
}

}  // namespace

std::optional<StopReceipt> readReceipt(std::string_view json) {
  const Json object = Json::parse(json.begin(), json.end(), nullptr, false);
  if (!object.is_object()) return std::nullopt;
  StopReceipt receipt{isTrue(object, "verified"),
                      isTrue(object, "latched"),
                      isTrue(object, "killed"),
                      textIn(object, "kill_refused"),
                      {}};
  if (object.contains("error")) {
    receipt.refused = textIn(object, "error");
    receipt.verified = receipt.latched = false;
    return receipt;
  }
  receipt.text = textOf(object, receipt);
  return receipt;
}

std::string rearmedText(const std::vector<std::string>& held) {
  if (held.empty()) return "re-armed; no run is held by it\n";
  std::string text = "re-armed; " + std::to_string(held.size()) + (held.size() == 1 ? " run stays" : " runs stay") +
                     " held until you resume " + (held.size() == 1 ? "it" : "each") + ":\n";
  for (const std::string& run : held) text += "  ringfence resume " + escapeForDisplay(run) + "\n";
  return text;
}

std::string rearmedJson(const std::vector<std::string>& held) {
  JsonWriter json;
  json.beginObject().field("rearmed", true).key("held").beginArray();
  for (const std::string& run : held) json.value(run);
  json.endArray().endObject();
  return json.text();
}

std::vector<std::string> stopAlarms(const client::StopState& stop) {
  std::vector<std::string> lines;
  if (stop.latched) {
    lines.push_back("the emergency stop is latched since " + escapeForDisplay(stop.at) + " (" +
                    escapeForDisplay(stop.trigger) +
                    "): nothing starts and nothing is resumed until 'ringfence rearm'");
  }
  if (!stop.alarm.empty()) lines.push_back("ALARM: " + escapeForDisplay(stop.alarm));
  return lines;
}

}  // namespace ringfence::cli
