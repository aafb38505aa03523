#include "supervisor/config.h"

#include <fcntl.h>

#include <charconv>
#include <optional>

#include "sdk/base/io.h"
#include "sdk/base/whole_number.h"

namespace ringfence::supervisor {
namespace {

constexpr char kDefaultFile[] = "/etc/ringfence/ringfence.toml";

Error wrong(std::string message) { return {ErrorCode::kInvalid, std::move(message)}; }

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

Result<UidRange> parseUidRange(std::string_view text) {
  UidRange range;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, range.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-')
    return wrong("a uid range is FIRST-LAST: " + std::string(text));
  const auto last = std::from_chars(first.ptr + 1, end, range.last);
  if (last.ec != std::errc() || last.ptr != end) return wrong("a uid range is FIRST-LAST: " + std::string(text));
  if (range.first == 0 || range.first > range.last || range.last >= 0xfffffff0u) {
    return wrong("the uid range " + std::string(text) + " is empty or holds 0");
  }
  return range;
}

Result<std::string> parseDirectory(std::string_view text) {
  if (text.empty() || text[0] != '/') return wrong("a directory is an absolute path: " + std::string(text));
  while (text.size() > 1 && text.back() == '/') text.remove_suffix(1);
  return std::string(text);
}

// "20%": of a full battery.
Result<std::uint32_t> parsePercent(std::string_view text) {
  std::uint32_t percent = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, percent);
  if (problem != std::errc() || std::string_view(rest, end) != "%" || percent == 0 || percent > 100)
    return wrong("a part of the battery is \"1%\" to \"100%\": " + std::string(text));
  return percent;
}

// "1": of those that agents of the background would take from the person's programs.
Result<std::uint32_t> parseProcessorCount(std::string_view text) {
  constexpr std::uint32_t kMost = 1024;
  const auto count = wholeNumber<std::uint32_t>(text);
  if (!count || *count > kMost) return wrong("a number of processors is \"0\" to \"1024\": " + std::string(text));
  return *count;
}

// "22:00-07:00", hours and minutes of the machine's own clock.
Result<governor::QuietHours> parseQuietHours(std::string_view text) {
  const auto minuteAt = [&](std::size_t at) -> std::optional<std::uint32_t> {
    const auto digit = [&](std::size_t i) { return static_cast<std::uint32_t>(text[at + i] - '0'); };
    for (const std::size_t i : {0, 1, 3, 4})
      if (digit(i) > 9) return std::nullopt;
    const std::uint32_t hours = digit(0) * 10 + digit(1), minutes = digit(3) * 10 + digit(4);
    if (text[at + 2] != ':' || hours > 23 || minutes > 59) return std::nullopt;
    return hours * 60 + minutes;
  };
  const bool isShaped = text.size() == 11 && text[5] == '-';
  const auto from = isShaped ? minuteAt(0) : std::nullopt, to = isShaped ? minuteAt(6) : std::nullopt;
  if (!from || !to || *from == *to) return wrong("quiet hours are written \"22:00-07:00\": " + std::string(text));
  return governor::QuietHours{*from, *to};
}

// "10s", "2m" or "off". Below two seconds a busy machine would be an emergency.
Result<std::chrono::seconds> parseDeadMan(std::string_view text) {
  constexpr std::uint32_t kLeast = 2, kMost = 3600;
  if (text == "off") return std::chrono::seconds(0);
  std::uint32_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, problem] = std::from_chars(text.data(), end, count);
  const std::string_view unit(rest, end);
  const bool isTime = problem == std::errc() && count <= kMost && (unit == "s" || unit == "m");
  const std::uint32_t seconds = unit == "m" ? count * 60 : count;
  if (!isTime || seconds < kLeast || seconds > kMost)
    return wrong("dead_man_after is \"off\" or a time from \"2s\" to \"60m\": " + std::string(text));
  return std::chrono::seconds(seconds);
}

// Also part of directory names in every control group hierarchy.
Result<std::string> parseCgroupRoot(std::string_view text) {
  const bool plain = text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") ==
                     std::string_view::npos;
  if (text.empty() || text.size() > 64 || !plain)
    return wrong("a control group name has 1 to 64 letters, digits, '-' and '_': " + std::string(text));
  return std::string(text);
}

// ---- the file

struct Value {
  std::vector<std::string> texts;
  bool isList = false;
  std::optional<bool> flag;
};

// A basic string without escapes, cut from the front of `rest`.
std::optional<std::string> takeText(std::string_view& rest) {
  if (rest.empty() || rest[0] != '"') return std::nullopt;
  const auto end = rest.find('"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  std::string text(rest.substr(1, end - 1));
  if (text.find('\\') != std::string::npos) return std::nullopt;
  rest = trim(rest.substr(end + 1));
  return text;
}

std::optional<Value> takeValue(std::string_view& rest) {
  Value value;
  for (const auto& [word, flag] : {std::pair<std::string_view, bool>{"true", true}, {"false", false}}) {
    if (!rest.starts_with(word)) continue;
    rest = trim(rest.substr(word.size()));
    value.flag = flag;
    return value;
  }
  if (!rest.starts_with('[')) {
    auto text = takeText(rest);
    if (!text) return std::nullopt;
    value.texts.push_back(std::move(*text));
    return value;
  }
  value.isList = true;
  rest = trim(rest.substr(1));
  while (!rest.starts_with(']')) {
    auto text = takeText(rest);
    if (!text) return std::nullopt;
    value.texts.push_back(std::move(*text));
    if (rest.starts_with(','))
      rest = trim(rest.substr(1));
    else if (!rest.starts_with(']'))
      return std::nullopt;
  }
  rest = trim(rest.substr(1));
  return value;
}

Result<void> apply(Config& config, std::string_view key, const Value& value) {
  const bool isText = !value.isList && !value.flag;
  if (key == "kill_on_exit") {
    if (!value.flag) return wrong("kill_on_exit is true or false");
    config.onExit = *value.flag ? OnExit::kKillRuns : OnExit::kKeepRuns;
  } else if (key == "check_logins") {
    if (!value.flag) return wrong("check_logins is true or false");
    config.logins = *value.flag ? LoginCheck::kOn : LoginCheck::kOff;
  } else if (key == "pause_when_hot") {
    if (!value.flag) return wrong("pause_when_hot is true or false");
    config.governor.pauseWhenHot = *value.flag;
  } else if (key == "pause_below_battery" && isText) {
    config.governor.pauseBelowBatteryPercent = RF_TRY(parsePercent(value.texts[0]));
  } else if (key == "quiet_hours" && isText) {
    config.governor.quietHours = RF_TRY(parseQuietHours(value.texts[0]));
  } else if (key == "reserve_processors" && isText) {
    config.governor.reserveProcessors = RF_TRY(parseProcessorCount(value.texts[0]));
  } else if (key == "dead_man_after" && isText) {
    config.deadManAfter = RF_TRY(parseDeadMan(value.texts[0]));
  } else if (key == "stop_keys") {
    if (!value.isList) return wrong("stop_keys is a list of triggers, [] for none");
    config.stopKeys = value.texts;
  } else if (key == "policy_dirs") {
    if (!value.isList) return wrong("policy_dirs is a list of directories");
    config.policyDirs.clear();
    for (const std::string& text : value.texts) {
      std::string directory = RF_TRY(parseDirectory(text));
      config.policyDirs.push_back(std::move(directory));
    }
  } else if (key == "run_dir" && isText) {
    config.runDir = RF_TRY(parseDirectory(value.texts[0]));
  } else if (key == "state_dir" && isText) {
    config.stateDir = RF_TRY(parseDirectory(value.texts[0]));
  } else if (key == "cgroup_root" && isText) {
    config.cgroupRoot = RF_TRY(parseCgroupRoot(value.texts[0]));
  } else if (key == "uid_range" && isText) {
    config.uids = RF_TRY(parseUidRange(value.texts[0]));
  } else {
    return wrong("unknown key or wrong type: " + std::string(key));
  }
  return {};
}

Result<void> applyLine(Config& config, std::string_view line) {
  line = trim(line);
  if (line.empty() || line[0] == '#') return {};
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return wrong("expected key = value");
  std::string_view rest = trim(line.substr(equals + 1));
  const auto value = takeValue(rest);
  if (!value || (!rest.empty() && rest[0] != '#')) return wrong("expected \"text\", true, false or a list on one line");
  return apply(config, trim(line.substr(0, equals)), *value);
}

// ---- the command line

struct Option {
  std::string name;
  std::optional<std::string> value;
};

// Splits "--name=value" and "--name value"; `takesValue` says which options have one.
Result<std::vector<Option>> split(const std::vector<std::string>& arguments) {
  std::vector<Option> options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const auto equals = argument.find('=');
    Option option{argument.substr(0, equals), std::nullopt};
    if (equals != std::string::npos) option.value = argument.substr(equals + 1);
    bool takesValue = false;
    for (const char* name : {"--config", "--run-dir", "--state-dir", "--policy-dir", "--cgroup-root", "--uid-range",
                             "--against", "--meter-root"}) {
      takesValue = takesValue || option.name == name;
    }
    if (takesValue && !option.value) {
      if (++i == arguments.size()) return wrong(option.name + " needs a value");
      option.value = arguments[i];
    }
    if (!takesValue && option.value) return wrong(option.name + " takes no value");
    options.push_back(std::move(option));
  }
  return options;
}

Result<void> applyOption(Config& config, const Option& option, std::vector<std::string>& policyDirs) {
  const std::string& name = option.name;
  if (name == "--config") return {};
  if (name == "--run-dir") {
    config.runDir = RF_TRY(parseDirectory(*option.value));
    return {};
  }
  if (name == "--state-dir") {
    config.stateDir = RF_TRY(parseDirectory(*option.value));
    return {};
  }
  if (name == "--cgroup-root") {
    config.cgroupRoot = RF_TRY(parseCgroupRoot(*option.value));
    return {};
  }
  if (name == "--uid-range") {
    config.uids = RF_TRY(parseUidRange(*option.value));
    return {};
  }
  if (name == "--meter-root") {  // Not in the usage: for tests, over a tree of files.
    config.meterRoot = RF_TRY(parseDirectory(*option.value));
    return {};
  }
  if (name == "--against") {
    config.against = *option.value;
    return {};
  }
  if (name == "--policy-dir") {
    std::string directory = RF_TRY(parseDirectory(*option.value));
    policyDirs.push_back(std::move(directory));
    return {};
  }
  if (name == "--kill-on-exit") {
    config.onExit = OnExit::kKillRuns;
    return {};
  }
  if (name == "--no-login-check") {
    config.logins = LoginCheck::kOff;
    return {};
  }
  if (name == "--json") {
    config.json = true;
    return {};
  }
  if (name == "--check") {
    config.mode = Mode::kCheck;
    return {};
  }
  if (name == "--doctor") {
    config.mode = Mode::kDoctor;
    return {};
  }
  if (name == "--verify") {
    config.mode = Mode::kVerify;
    return {};
  }
  if (name == "--help") {
    config.mode = Mode::kHelp;
    return {};
  }
  if (name == "--version") {
    config.mode = Mode::kVersion;
    return {};
  }
  return wrong("unknown option " + name + "; ringfenced --help lists them");
}

}  // namespace

Result<Config> applyConfigText(Config config, const std::string& file, std::string_view text) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto applied = applyLine(config, text.substr(0, end));
    if (!applied) return std::move(applied).error().with(file + ":" + std::to_string(number));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return config;
}

Result<Config> readConfig(const std::vector<std::string>& arguments) {
  const std::vector<Option> options = RF_TRY(split(arguments));
  std::optional<std::string> file;
  for (const Option& option : options) {
    if (option.name == "--config") file = option.value;
  }
  Config config;
  auto text = readFileAt(AT_FDCWD, file.value_or(kDefaultFile), mebibytes(1));
  if (text) {
    config = RF_TRY(applyConfigText(std::move(config), file.value_or(kDefaultFile), *text));
  } else if (file || text.error().code != ErrorCode::kNotFound) {
    return std::move(text).error();
  }
  std::vector<std::string> policyDirs;
  for (const Option& option : options) RF_TRY(applyOption(config, option, policyDirs));
  if (!policyDirs.empty()) config.policyDirs = std::move(policyDirs);
  return config;
}

std::string usageText() {
  return "ringfenced [--config FILE] [--run-dir DIR] [--state-dir DIR] [--policy-dir DIR]... [--cgroup-root NAME]\n"
         "           [--uid-range A-B] [--kill-on-exit] [--no-login-check]\n"
         "ringfenced --check              checks configuration and policies, and ends\n"
         "ringfenced --doctor [--json]    what this machine can give, and ends\n"
         "ringfenced --verify [--against HEAD]   checks the chain of the log, and ends\n";
}

}  // namespace ringfence::supervisor
