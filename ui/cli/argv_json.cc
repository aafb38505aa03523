#include "ui/cli/argv_json.h"

#include <nlohmann/json.hpp>

namespace ringfence::cli {

Result<std::vector<std::string>> parseArgvJson(std::string_view text) {
  using nlohmann::json;
  const auto wrong = [](const char* what) {
    return Error{ErrorCode::kInvalid, std::string(what) + "; it is written like [\"git\", \"status\"]"};
  };
  const json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return wrong("not JSON");
  if (!parsed.is_array() || parsed.empty()) return wrong("not an array of words");
  std::vector<std::string> argv;
  for (const json& word : parsed) {
    if (!word.is_string()) return wrong("a word that is no text");
    argv.push_back(word.get_ref<const std::string&>());
    if (argv.back().find('\0') != std::string::npos) return wrong("a word with a NUL in it");
  }
  if (argv.front().empty()) return wrong("the program is empty");
  return argv;
}

}  // namespace ringfence::cli
