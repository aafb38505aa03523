#include "ui/cli/protection.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"

namespace ringfence::cli {
namespace {

constexpr std::size_t kKept = 8;
constexpr double kQuiet = 2.0;   // what a frame without agents may take, against its work alone
constexpr double kIsLoad = 1.5;  // what uncontrolled work must do to a program for a measurement to say anything

double percentile95(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, values.size() * 95 / 100)];
}

double against(const std::vector<double>& values, double alone) { return alone > 0 ? percentile95(values) / alone : 0; }

std::string oneDigit(double number, const char* format = "%.2f") {
  char text[32];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

std::vector<std::string> findingsOf(const Placement& placement) {
  std::vector<std::string> found;
  if (!placement.agentGroup || !placement.personGroup) {
    found.push_back(
        "no control group of this machine has the processors (cpu controller): background agents are held back by the "
        "scheduler's idle class alone, thread by thread, which many threads outweigh");
    if (placement.autogroup) found.push_back("autogroup is on: priorities count only within a session");
  } else if (const std::string branch = branchOf(*placement.agentGroup, *placement.personGroup); branch.empty()) {
    found.push_back("agents are in your own group or above it (" + *placement.agentGroup +
                    "): nothing holds them apart");
  } else if (!placement.branchIsIdle) {
    found.push_back("this kernel has no cpu.idle (Linux 5.15): " + branch + " has little weight instead");
  } else if (!*placement.branchIsIdle) {
    found.push_back(branch + " is the sibling of what you work in, and it is not idle: cpu.idle there is 0");
  }
  if (placement.schedExt) {
    found.push_back("a scheduler of sched_ext is loaded: what control groups say counts as far as that one wants");
  }
  return found;
}

}  // namespace

std::string branchOf(std::string_view agentGroup, std::string_view personGroup) {
  const auto nextOf = [](std::string_view path, std::size_t from) {
    return std::min(path.find('/', from), path.size());
  };
  for (std::size_t at = 1; at < agentGroup.size();) {
    const std::size_t end = nextOf(agentGroup, at);
    const bool same =
        at < personGroup.size() && agentGroup.substr(0, end) == personGroup.substr(0, nextOf(personGroup, at));
    if (!same) return std::string(agentGroup.substr(0, end));
    at = end + 1;
  }
  return "";
}

Protection judge(const ProtectionSamples& samples, const Placement& placement) {
  Protection protection;
  const double alone = percentile95(samples.alone);
  protection.factor = against(samples.besideAgent, alone);
  protection.uncontrolled = against(samples.besideUncontrolled, alone);
  protection.agentShare =
      samples.leftCpuSeconds > 0 ? std::min(1.0, samples.agentCpuSeconds / samples.leftCpuSeconds) : 0;
  protection.findings = findingsOf(placement);
  if (alone > kQuiet * samples.workMicroseconds) {
    protection.disturbed = true;
    protection.findings = {"without any agent, work of " + oneDigit(samples.workMicroseconds / 1000) + " ms took " +
                           oneDigit(alone / 1000) +
                           " ms: something else uses this machine; measure again when it is quiet"};
  } else if (protection.uncontrolled < kIsLoad) {
    protection.disturbed = true;
    protection.findings = {"work that nothing holds slowed this program down only " +
                           oneDigit(protection.uncontrolled) + " times, so nothing is proved; measure again"};
  } else if (!isGood(protection) && protection.findings.empty()) {
    protection.findings = {
        "agents have the place that they should, so what slows your programs down is none of the scheduler's: "
        "reserve_processors = \"1\" in /etc/ringfence/ringfence.toml keeps a processor free of them while you work"};
  }
  return protection;
}

std::string protectionText(const Protection& protection) {
  if (protection.disturbed) return "     protection: " + protection.findings.front() + "\n";
  std::string text = isGood(protection) ? "ok   " : "FAIL ";
  text += "protection: your programs take " + oneDigit(protection.factor) + " times as long beside a busy agent, " +
          oneDigit(protection.uncontrolled) + " times beside work that nothing holds; the agent got " +
          oneDigit(100 * protection.agentShare, "%.0f") + " % of what was left (measured " +
          escapeForDisplay(protection.at) + ")\n";
  for (const std::string& finding : protection.findings) text += "     " + escapeForDisplay(finding) + "\n";
  return text;
}

std::string protectionJson(const Protection& protection) {
  JsonWriter json;
  json.beginObject().field("kernel", protection.kernel).field("layout", protection.layout).field("at", protection.at);
  json.field("factor", protection.factor).field("uncontrolled", protection.uncontrolled);
  json.field("agent_share", protection.agentShare)
      .field("disturbed", protection.disturbed)
      .field("ok", isGood(protection));
  json.key("findings").beginArray();
  for (const std::string& finding : protection.findings) json.value(finding);
  json.endArray().endObject();
  return std::move(json).take();
}

std::vector<Protection> parseProtections(std::string_view text) {
  std::vector<Protection> all;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) return all;
  for (const auto& one : json) {
    if (!one.is_object() || all.size() == kKept) break;
    const auto word = [&](const char* key) {
      const auto at = one.find(key);
      return at != one.end() && at->is_string() ? at->get<std::string>() : std::string();
    };
    const auto number = [&](const char* key) {
      const auto at = one.find(key);
      return at != one.end() && at->is_number() ? at->get<double>() : 0.0;
    };
    Protection protection{word("kernel"),         word("layout"),        word("at"), number("factor"),
                          number("uncontrolled"), number("agent_share"), false,      {}};
    if (const auto at = one.find("findings"); at != one.end() && at->is_array()) {
      for (const auto& finding : *at) {
        if (finding.is_string()) protection.findings.push_back(finding.get<std::string>());
      }
    }
    all.push_back(std::move(protection));
  }
  return all;
}

std::string keptProtections(const std::vector<Protection>& before, const Protection& newest) {
  std::string text = "[" + protectionJson(newest);
  std::size_t kept = 1;
  for (const Protection& one : before) {
    if (kept == kKept) break;
    if (one.kernel == newest.kernel && one.layout == newest.layout) continue;
    text += ",\n" + protectionJson(one);
    ++kept;
  }
  return text + "]\n";
}

}  // namespace ringfence::cli
