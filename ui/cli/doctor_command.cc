#include <nlohmann/json.hpp>

#include "sdk/base/text.h"
#include "ui/cli/commands.h"
#include "ui/cli/daemon_program.h"
#include "ui/cli/protection_measure.h"

namespace ringfence::cli {
namespace {

constexpr const char* kNotMeasured =
    "     protection: not measured with this kernel; 'ringfence doctor --measure' takes three seconds\n";

using OrderedJson = nlohmann::ordered_json;

std::string layoutOf(const OrderedJson& document) {
  if (!document.is_object() || !document.contains("cgroup")) return "";
  return document["cgroup"].value("layout", "");
}

int show(const client::Document& found, const OrderedJson& parsed, const std::optional<Protection>& protection,
         Form form) {
  if (form == Form::kJson && parsed.is_object()) {
    OrderedJson whole = parsed;
    whole["protection"] = protection ? OrderedJson::parse(protectionJson(*protection)) : OrderedJson(nullptr);
    printLine(whole.dump());
  } else {
    const std::string& text = found.text.empty() ? found.json : found.text;
    print(escapeLines(text) + (text.ends_with('\n') ? "" : "\n"));
    print(protection ? protectionText(*protection) : kNotMeasured);
  }
  // As `ringfenced --doctor` does. Inside a string the quotes would be escaped.
  const bool ok = found.json.find("\"ok\":false") == std::string::npos;
  return ok && (!protection || isGood(*protection)) ? kExitOk : kExitFailed;
}

}  // namespace

int doctorCommand(const Parsed& parsed) {
  const Form form = formOf(parsed);
  auto client = client::Client::connect();
  if (!client && client.error().code == ErrorCode::kUnavailable && !parsed.has("measure")) {
    std::vector<std::string> arguments{"--doctor"};
    if (form == Form::kJson) arguments.emplace_back("--json");
    return becomeDaemonProgram(std::move(arguments), client.error(), form);
  }
  if (!client) return fail(client.error(), form);
  const auto answer = client->doctor();
  if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, form);
  const auto& found = std::get<client::Document>(answer);
  const OrderedJson document = OrderedJson::parse(found.json, nullptr, false);
  const std::string layout = layoutOf(document);
  if (!parsed.has("measure")) return show(found, document, keptProtection(layout), form);
  auto measured = measureProtection(*client, layout);
  if (const auto* failure = std::get_if<client::Failure>(&measured)) return fail(*failure, form);
  const Protection& protection = std::get<Protection>(measured);
  if (protection.disturbed) return show(found, document, protection, form);
  if (auto kept = keepProtection(protection); !kept) complain(escapeForDisplay(kept.error().message));
  return show(found, document, protection, form);
}

}  // namespace ringfence::cli
