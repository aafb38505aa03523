#include "ui/cli/adapter_imports.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "sdk/base/json_writer.h"
#include "sdk/base/text.h"
#include "ui/cli/fact_json.h"

namespace ringfence::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kHook = "/ringfence-hook";

std::uint32_t uidIn(const json& body, const char* name) {
  return static_cast<std::uint32_t>(numberOf(body, name, UINT32_MAX));
}

// Empty: that command imports nothing.
std::string pathImported(const json& body) {
  const auto command = body.find("command");
  if (command == body.end() || !command->is_array() || command->size() < 3) return {};
  const auto word = [&](std::size_t at) { return factText(command->at(at)).value_or(""); };
  return word(0).ends_with(kHook) && word(1) == "import" ? word(2) : std::string();
}

bool isGood(const json& body) {
  const auto exit = body.find("exit");
  return exit != body.end() && exit->is_object() && exit->contains("code") && exit->at("code") == 0;
}

}  // namespace

void ImportHistory::note(const client::LogLine& line) {
  const bool isAdmitted = line.kind == "run-admitted", isEnded = line.kind == "run-ended";
  if (!isAdmitted && !isEnded && line.kind != "home-removed") return;
  const json body = json::parse(line.bodyJson, nullptr, false);
  if (!body.is_object()) return;
  if (isAdmitted) {
    std::string path = pathImported(body);
    if (!path.empty())
      underWay_[line.run] = {std::move(path), textOf(body, "policy_name"), line.at, line.run,
                             uidIn(body, "caller_uid")};
  } else if (isEnded) {
    auto begun = underWay_.extract(line.run);
    if (begun.empty() || !isGood(body)) return;
    Import& one = begun.mapped();
    std::erase_if(done_, [&](const Import& old) {
      return std::tie(old.uid, old.policy, old.path) == std::tie(one.uid, one.policy, one.path);
    });
    done_.push_back(std::move(one));
  } else {
    const std::string policy = textOf(body, "policy");
    const std::uint32_t uid = uidIn(body, "uid");
    std::erase_if(done_, [&](const Import& old) { return old.policy == policy && old.uid == uid; });
  }
}

std::vector<Import> ImportHistory::imports() const {
  std::vector<Import> all = done_;
  std::ranges::sort(all, {}, [](const Import& one) { return std::tie(one.uid, one.policy, one.path); });
  return all;
}

std::string importsTable(const std::vector<Import>& imports) {
  if (imports.empty()) return "nothing was imported into a private home that is there still\n";
  std::size_t widest = 6;
  for (const Import& one : imports) widest = std::max(widest, escapeForDisplay(one.policy).size());
  std::string text;
  for (const Import& one : imports) {
    const std::string policy = escapeForDisplay(one.policy);
    text += policy + std::string(widest - policy.size() + 2, ' ') + escapeForDisplay(one.at) + "  " + one.run + "  ~/" +
            escapeForDisplay(one.path) + "\n";
  }
  return text;
}

std::string importJson(const Import& one) {
  JsonWriter json;
  json.beginObject().untrustedField("path", one.path).untrustedField("policy", one.policy).field("at", one.at);
  json.field("run", one.run).field("uid", std::uint64_t{one.uid}).endObject();
  return std::move(json).take();
}

}  // namespace ringfence::cli
