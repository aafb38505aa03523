#include "ui/cli/command_line.h"

#include "sdk/base/text.h"

namespace ringfence::cli {
namespace {

using Arguments = std::span<const char* const>;

const Option* findOption(const Verb& verb, std::string_view name) {
  for (const Option& option : verb.options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const Option* findLetter(const Verb& verb, char letter) {
  for (const Option& option : verb.options) {
    if (option.letter != 0 && option.letter == letter) return &option;
  }
  return nullptr;
}

UsageError unknownVerb(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Verb& verb : verbs()) names.push_back(verb.name);
  std::string message = "unknown verb '" + escapeForDisplay(name) + "'";
  if (const auto nearest = nearestName(name, names))
    message += "; did you mean '" + std::string(*nearest) + "'?";
  else
    message += "; 'ringfence --help' lists them";
  return {message, nullptr};
}

UsageError unknownOption(const Verb& verb, std::string_view given) {
  const std::string_view name = given.substr(given.find_first_not_of('-'));
  std::vector<std::string_view> names;
  for (const Option& option : verb.options) {
    if (option.refusal.empty()) names.push_back(option.name);
  }
  std::string message = std::string(verb.name) + ": unknown option '" + escapeForDisplay(given) + "'";
  if (const auto nearest = nearestName(name, names)) message += "; did you mean '--" + std::string(*nearest) + "'?";
  return {message, &verb};
}

// Goes through the arguments behind the verb once, front to back.
class OptionReader {
 public:
  OptionReader(Parsed& parsed, Arguments arguments) : parsed_(parsed), verb_(*parsed.verb), arguments_(arguments) {}

  std::optional<UsageError> read() {
    while (at_ < arguments_.size()) {
      const std::string_view argument = arguments_[at_++];
      if (argument == "--") return takeRest();
      if (argument.size() < 2 || argument[0] != '-') {
        if (verb_.words == Words::kCommand) --at_;
        if (verb_.words == Words::kCommand) return takeRest();
        parsed_.words.emplace_back(argument);
      } else if (argument == "--help" || argument == "-h") {
        parsed_.help = true;
        return std::nullopt;
      } else if (auto wrong = argument[1] == '-' ? readLong(argument) : readLetters(argument)) {
        return wrong;
      }
    }
    return std::nullopt;
  }

 private:
  std::optional<UsageError> takeRest() {
    for (; at_ < arguments_.size(); ++at_) parsed_.words.emplace_back(arguments_[at_]);
    return std::nullopt;
  }

  std::optional<UsageError> readLong(std::string_view argument) {
    const std::size_t equals = argument.find('=');
    const Option* option = findOption(verb_, argument.substr(2, equals == argument.npos ? equals : equals - 2));
    if (option == nullptr) return unknownOption(verb_, argument.substr(0, equals));
    if (equals == argument.npos) return accept(*option, std::nullopt);
    if (option->value.empty()) return UsageError{"option '--" + std::string(option->name) + "' takes no value", &verb_};
    return accept(*option, argument.substr(equals + 1));
  }

  std::optional<UsageError> readLetters(std::string_view argument) {
    for (std::size_t i = 1; i < argument.size(); ++i) {
      const Option* option = findLetter(verb_, argument[i]);
      if (option == nullptr) return unknownOption(verb_, std::string("-") + argument[i]);
      const bool takesRest = !option->value.empty() && i + 1 < argument.size();
      if (auto wrong = accept(*option, takesRest ? std::optional(argument.substr(i + 1)) : std::nullopt)) return wrong;
      if (!option->value.empty()) break;
    }
    return std::nullopt;
  }

  std::optional<UsageError> accept(const Option& option, std::optional<std::string_view> value) {
    const std::string shown = "'--" + std::string(option.name) + "'";
    if (!option.refusal.empty()) return UsageError{"option " + shown + ": " + std::string(option.refusal), &verb_};
    if (!option.value.empty() && !value) {
      if (at_ == arguments_.size())
        return UsageError{"option " + shown + " needs " + std::string(option.value), &verb_};
      value = arguments_[at_++];
    }
    if (!option.value.empty() && value->empty()) return UsageError{"option " + shown + ": the value is empty", &verb_};
    parsed_.options.emplace_back(option.name, value.value_or(""));
    return std::nullopt;
  }

  Parsed& parsed_;
  const Verb& verb_;
  Arguments arguments_;
  std::size_t at_ = 0;
};

std::optional<UsageError> checkWords(const Parsed& parsed) {
  const Verb& verb = *parsed.verb;
  const std::size_t count = parsed.words.size();
  const std::string name(verb.name);
  const auto tooMany = [&](std::size_t most) {
    return UsageError{name + ": one word too many: '" + escapeForDisplay(parsed.words[most]) + "'", &verb};
  };
  for (const std::string& word : parsed.words) {
    const bool mayBeEmpty =
        verb.words == Words::kCommand || (verb.words == Words::kRunAndWords && &word != &parsed.words[0]);
    if (word.empty() && !mayBeEmpty) return UsageError{name + ": the name of a run is empty", &verb};
  }
  switch (verb.words) {
    case Words::kNone:
      if (count > 0) return tooMany(0);
      break;
    case Words::kOneRun:
      if (count == 0) return UsageError{name + ": which run? 'ringfence ps -a' lists them", &verb};
      if (count > 1) return tooMany(1);
      break;
    case Words::kOneNumber:
      if (count == 0) return UsageError{name + ": which one? 'ringfence pending' lists them by number", &verb};
      if (count > 1) return tooMany(1);
      break;
    case Words::kAction:
      if (count > 2) return tooMany(2);
      break;
    case Words::kRunAndWords:
      if (count == 0) return UsageError{name + ": which run? 'ringfence ps -a' lists them", &verb};
      break;
    case Words::kOptionalRun:
      if (count > 1) return tooMany(1);
      break;
    case Words::kRuns:
      if (count == 0 && !parsed.has("all")) return UsageError{name + ": which run? Name runs, or say --all", &verb};
      if (count > 0 && parsed.has("all")) return UsageError{name + ": either runs or --all, not both", &verb};
      break;
    case Words::kCommand:
      if (count == 0 || parsed.words[0].empty()) return UsageError{name + ": no command given", &verb};
      break;
    case Words::kRest: break;
  }
  return std::nullopt;
}

}  // namespace

bool Parsed::has(std::string_view option) const { return value(option).has_value(); }

std::optional<std::string> Parsed::value(std::string_view option) const {
  for (auto at = options.rbegin(); at != options.rend(); ++at) {
    if (at->first == option) return at->second;
  }
  return std::nullopt;
}

std::vector<std::string> Parsed::values(std::string_view option) const {
  std::vector<std::string> found;
  for (const auto& [name, text] : options) {
    if (name == option) found.push_back(text);
  }
  return found;
}

std::variant<Parsed, UsageError> parseCommandLine(Arguments arguments) {
  Parsed parsed;
  if (arguments.empty()) return UsageError{"no verb given", nullptr};
  const std::string_view first = arguments[0];
  if (first == "--help" || first == "-h") {
    parsed.help = true;
    return parsed;
  }
  if (first == "--version" || first == "-V") {
    parsed.version = true;
    return parsed;
  }
  if (first.starts_with('-'))
    return UsageError{"unknown option '" + escapeForDisplay(first) + "' in front of a verb", nullptr};
  parsed.verb = findVerb(first);
  if (parsed.verb == nullptr) return unknownVerb(first);
  if (parsed.verb->words == Words::kRest) {
    parsed.words.assign(arguments.begin() + 1, arguments.end());
    parsed.help = !parsed.words.empty() && (parsed.words[0] == "--help" || parsed.words[0] == "-h");
    return parsed;
  }
  if (auto wrong = OptionReader(parsed, arguments.subspan(1)).read()) return *std::move(wrong);
  if (parsed.help) return parsed;
  if (auto wrong = checkWords(parsed)) return *std::move(wrong);
  return parsed;
}

}  // namespace ringfence::cli
