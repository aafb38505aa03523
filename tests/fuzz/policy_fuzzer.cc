// Any text is a policy, or is refused with at least one diagnostic that can be shown. What loads can be shown, means
// the same when read back, and can be asked about anything; a project of any text grants nothing that was not granted.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "policy/evaluate.h"
#include "policy/flatten.h"
#include "policy/load.h"
#include "sdk/base/error.h"
#include "sdk/base/text.h"

namespace policy = ringfence::policy;

namespace {

using Outcome = std::variant<policy::Loaded, std::vector<policy::Diagnostic>>;

// Nothing of the input reaches a terminal in a form that it would act upon.
void checkHarmless(const std::string& shown) {
  RF_CHECK(!shown.empty());
  std::string_view rest = shown;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of("\n\t\\"), rest.size());
    RF_CHECK(!ringfence::needsEscaping(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void show(const std::vector<policy::Diagnostic>& diagnostics) {
  RF_CHECK(!diagnostics.empty());
  checkHarmless(policy::renderText(diagnostics));
  RF_CHECK(!policy::renderJson(diagnostics).empty());
}

void readBack(const policy::Document& document, const policy::DecodeOptions& options) {
  policy::Sources sources;
  sources.file = policy::SourceText{"again.toml", policy::renderToml(document, policy::ShowOrigins::kYes)};
  checkHarmless(sources.file->text);
  const Outcome again = policy::load(sources, "again", options);
  RF_CHECK(std::holds_alternative<policy::Loaded>(again));
  RF_CHECK(policy::documentHash(std::get<policy::Loaded>(again).document) == policy::documentHash(document));
}

void ask(const policy::Document& document, const std::string& text) {
  const policy::Places places{.workspace = "/w", .home = "/h"};
  for (const auto operation :
       {policy::Operation::kRead, policy::Operation::kWrite, policy::Operation::kExec, policy::Operation::kConnect}) {
    (void)policy::evaluate(document, places, {.operation = operation, .target = text, .argv = {text, text}});
    (void)policy::evaluate(document, places, {.operation = operation, .target = "/w/" + text, .argv = {}});
  }
}

void alone(const std::string& text, const policy::DecodeOptions& options) {
  policy::Sources sources;
  sources.shipped.push_back({"base.toml", "schema = 1\nname = \"base\"\n"});
  sources.file = policy::SourceText{"fuzz.toml", text};
  const Outcome outcome = policy::load(sources, "fuzz", options);
  if (const auto* refused = std::get_if<std::vector<policy::Diagnostic>>(&outcome)) return show(*refused);
  const policy::Document& document = std::get<policy::Loaded>(outcome).document;
  readBack(document, options);
  ask(document, text.substr(0, 64));
}

void asProject(const std::string& text) {
  policy::Sources sources;
  sources.shipped.push_back({"base.toml", "files.read = [\"/usr\"]\nlimits.pids = 5\nfiles.workspace = \"ro\"\n"});
  sources.project = policy::SourceText{".ringfence.toml", text};
  const Outcome outcome = policy::load(sources, "base");
  if (const auto* refused = std::get_if<std::vector<policy::Diagnostic>>(&outcome)) return show(*refused);
  const policy::Document& document = std::get<policy::Loaded>(outcome).document;
  RF_CHECK(document.files.read.size() == 1 && document.files.write.empty());
  RF_CHECK(document.files.workspace == policy::WorkspaceAccess::kReadOnly);
  RF_CHECK(document.limits.pids && *document.limits.pids <= 5);
  RF_CHECK(document.walls == policy::Walls{} && document.groups.empty() && document.environment.pass.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  alone(text, {.unwired = policy::UnwiredKeys::kRefuse});
  alone(text, {.unwired = policy::UnwiredKeys::kAccept});
  asProject(text);
  return 0;
}
