#include "ui/cli/command_line.h"

namespace ringfence::cli {
namespace {

// "  LEFT   RIGHT" with the right column at `width`.
std::string twoColumns(std::string_view left, std::string_view right, std::size_t width) {
  std::string line = "  " + std::string(left);
  if (left.size() + 2 > width)
    line += "\n" + std::string(width + 2, ' ');
  else
    line += std::string(width - left.size(), ' ');
  return line + std::string(right) + "\n";
}

std::string optionSpelling(const Option& option) {
  std::string text = option.letter != 0 ? std::string("-") + option.letter + ", " : std::string("    ");
  text += "--" + std::string(option.name);
  if (!option.value.empty()) text += " " + std::string(option.value);
  return text;
}

}  // namespace

std::string generalHelp() {
  std::string text =
      "ringfence runs programs inside walls that the kernel keeps, and shows and stops them.\n"
      "\n"
      "  ringfence run -- COMMAND [ARG…]\n"
      "\n"
      "Verbs:\n";
  for (const Verb& verb : verbs()) text += twoColumns(verb.name, verb.summary, 10);
  text +=
      "\n"
      "'ringfence VERB --help' explains one. RUN is the id or the name of a run. --json is taken by every verb that "
      "prints.\n"
      "The daemon is found by $RINGFENCE_SOCKET, else at /run/ringfence/control.sock.\n"
      "\n"
      "Exit status: 0 ok, 1 failed, 2 usage, 3 daemon unreachable, 4 denied by policy, 5 not approved or expired,\n"
      "6 policy invalid, 7 stopped. 'ringfence run --help' has those of run.\n";
  return text;
}

std::string verbHelp(const Verb& verb) {
  std::string text = "usage: ringfence " + std::string(verb.synopsis) + "\n\n" + std::string(verb.summary) + "\n";
  if (!verb.details.empty()) text += "\n" + std::string(verb.details) + "\n";
  if (!verb.options.empty()) text += "\nOptions:\n";
  for (const Option& option : verb.options) {
    if (option.refusal.empty()) text += twoColumns(optionSpelling(option), option.help, 26);
  }
  return text;
}

}  // namespace ringfence::cli
