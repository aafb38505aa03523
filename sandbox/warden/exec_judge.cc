#include "sandbox/warden/exec_judge.h"

#include <algorithm>
#include <string_view>

#include "sandbox/warden/exec_unwrap.h"
#include "sdk/base/sha256.h"

namespace ringfence::sandbox {
namespace {

void addForms(const ExecProgram& program, const ExecObject& object, std::vector<ExecForm>& forms) {
  ExecForm form{.action = {.operation = policy::Operation::kExec, .target = object.path, .argv = object.argv}};
  if (!forms.empty()) form.seenAs = "the interpreter of " + program.chain.front().path;
  forms.push_back(std::move(form));
  std::size_t index = 0;
  for (UnwrappedCommand& inner : unwrapCommand(object.path, object.argv)) {
    ExecForm hidden{.action = {.operation = policy::Operation::kExec}};
    hidden.before.assign(object.argv.begin(), object.argv.begin() + static_cast<std::ptrdiff_t>(inner.offset));
    hidden.seenAs = "what `" + inner.wrapper + "` starts";
    // With the wrapper as the target a rule speaks by the name that the command line claims.
    const bool found = index < object.loads.size() && !object.loads[index].empty();
    hidden.action.target = found ? object.loads[index] : object.path;
    hidden.action.argv = std::move(inner.argv);
    forms.push_back(std::move(hidden));
    ++index;
  }
}

bool isGranted(const policy::Document& document, const policy::Action& action) {
  return std::ranges::any_of(document.grants, [&](const policy::Grant& grant) {
    return grant.operation == policy::Operation::kExec && grant.target == action.target && grant.argv == action.argv;
  });
}

// Two command lines that are cut alike are two questions all the same, and never one answer.
std::string hashOf(std::string_view bytes) { return "sha256 " + sha256Hex(bytes).substr(0, 32); }

std::string hashOf(const std::vector<std::string>& argv) {
  std::string bytes;
  for (const std::string& argument : argv) bytes += std::to_string(argument.size()) + ":" + argument;
  return hashOf(bytes);
}

}  // namespace

std::vector<ExecForm> execForms(const ExecProgram& program) {
  std::vector<ExecForm> forms;
  for (const ExecObject& object : program.chain) addForms(program, object, forms);
  return forms;
}

Ruling judgeExec(const Rules& rules, const std::vector<ExecForm>& forms) {
  const bool granted = isGranted(rules.judge().document(), forms.front().action);
  Ruling strictest = rules.rule({forms.front().action});
  for (auto form = forms.begin() + 1; form != forms.end(); ++form) {
    Ruling ruling = rules.rule({form->action});
    if (granted && ruling.decision != policy::Decision::kForbid) continue;
    if (strength(ruling.decision) <= strength(strictest.decision)) continue;
    policy::Verdict& verdict = ruling.verdict;
    if (!verdict.replacement.argv.empty())
      verdict.replacement.argv.insert(verdict.replacement.argv.begin(), form->before.begin(), form->before.end());
    verdict.why = form->seenAs + (verdict.why.empty() ? "" : ": " + verdict.why);
    strictest = std::move(ruling);
  }
  strictest.recorded = true;
  return strictest;
}

std::vector<std::string> boundedArguments(const std::vector<std::string>& argv, ArgumentsCut cut) {
  std::vector<std::string> bounded;
  std::size_t bytes = 0;
  for (const std::string& argument : argv) {
    std::string text = argument;
    if (text.size() > kMaxWholeArgument) {
      text.resize(kMaxWholeArgument);
      text += "… (" + std::to_string(argument.size()) + " bytes, " + hashOf(argument) + ")";
    }
    bytes += text.size();
    if (bounded.size() + 1 >= kMaxGuardArguments || bytes > kMaxGuardArgvBytes - 256) break;
    bounded.push_back(std::move(text));
  }
  const std::size_t missing = argv.size() - bounded.size();
  if (cut == ArgumentsCut::kYes)
    bounded.push_back("… (" + std::to_string(missing) + " more, and what was too long to be read; " + hashOf(argv) +
                      ")");
  else if (missing > 0)
    bounded.push_back("… (" + std::to_string(missing) + " more; all: " + hashOf(argv) + ")");
  return bounded;
}

}  // namespace ringfence::sandbox
