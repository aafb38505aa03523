#include "sdk/hook/request.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "sdk/base/text.h"

namespace ringfence::hook {
namespace {

using nlohmann::json;
using Operation = AgentAction::Operation;

// As the daemon takes them.
constexpr std::size_t kMaxInput = 16 << 10;
constexpr std::size_t kMaxWordsOfCommand = 256;
constexpr std::size_t kMaxCommandBytes = 32 << 10;
constexpr std::size_t kMaxTarget = 4096;

Error invalid(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

std::string textAt(const json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string absolute(const std::string& path, const std::string& cwd) {
  return path.starts_with('/') || cwd.empty() ? path : cwd + "/" + path;
}

std::string dumped(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace); }

// What is shown is what is done: an input that is too long is not shown in part.
AgentAction callOf(const Event& event, const std::string& words) {
  AgentAction action{.operation = Operation::kCall, .target = event.tool, .words = words};
  action.inputJson = dumped(event.input);
  if (action.inputJson.size() <= kMaxInput) return action;
  const std::string note = "its input has " + std::to_string(action.inputJson.size()) + " bytes and is not shown";
  action.inputJson.clear();
  action.words = words.empty() ? note : note + "; " + words;
  return action;
}

std::optional<std::vector<std::string>> wordsOf(const json& command) {
  if (!command.is_array() || command.empty() || command.size() > kMaxWordsOfCommand) return std::nullopt;
  std::vector<std::string> words;
  std::size_t bytes = 0;
  for (const json& word : command) {
    if (!word.is_string()) return std::nullopt;
    words.push_back(word.get<std::string>());
    bytes += words.back().size();
    if (words.back().find('\0') != std::string::npos) return std::nullopt;
  }
  if (bytes > kMaxCommandBytes || words.front().empty()) return std::nullopt;
  return words;
}

// What the row says of this input; nothing: it is a call.
std::vector<AgentAction> actionsOf(const ToolRow& row, const Event& event, const std::string& words) {
  const auto found = event.input.find(std::string(row.field));
  if (found == event.input.end()) return {};
  const std::string text = textAt(event.input, row.field);
  switch (row.deed) {
    case Deed::kReads:
    case Deed::kWrites: {
      if (text.empty()) return {};
      const Operation operation = row.deed == Deed::kReads ? Operation::kRead : Operation::kWrite;
      return {{.operation = operation, .target = absolute(text, event.cwd), .words = words}};
    }
    case Deed::kFetches: {
      const std::string endpoint = endpointOf(text);
      if (endpoint.empty()) return {};
      return {{.operation = Operation::kConnect, .target = endpoint, .words = words}};
    }
    case Deed::kRuns: {
      const auto argv = wordsOf(*found);
      if (!argv) return {};
      return {{.operation = Operation::kExec, .target = argv->front(), .argv = *argv, .words = words}};
    }
    case Deed::kPatches: {
      const std::vector<std::string> paths = pathsOf(text);
      std::vector<AgentAction> actions;
      if (paths.size() > kMaxFiles) return {};
      for (const std::string& path : paths)
        actions.push_back({.operation = Operation::kWrite, .target = absolute(path, event.cwd), .words = words});
      return actions;
    }
  }
  return {};
}

// "host", "host:port", "[address]:port" without the user in front of it.
std::string_view authorityOf(std::string_view rest) {
  rest = rest.substr(0, rest.find_first_of("/?#\\"));
  const auto at = rest.rfind('@');
  return at == std::string_view::npos ? rest : rest.substr(at + 1);
}

std::string lowered(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 'a' - 'A') : c; });
  return low;
}

struct Address {
  std::string_view scheme, authority;
  std::string host, port;
};

bool isPort(std::string_view port) {
  return !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<Address> addressOf(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string scheme = lowered(url.substr(0, colon));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  Address address{
      .scheme = url.substr(0, colon), .authority = authorityOf(url.substr(colon + 3)), .host = {}, .port = {}};
  const std::string_view authority = address.authority;
  const auto bracket = authority.rfind(']');
  const auto port = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  address.host = lowered(authority.substr(0, port));
  address.port = scheme == "https" ? "443" : "80";
  if (port != std::string_view::npos) address.port = authority.substr(port + 1);
  const bool isText = std::ranges::all_of(address.host, [](char c) { return c > ' ' && c != '\x7f' && c != '%'; });
  if (address.host.empty() || !isText || !isPort(address.port)) return std::nullopt;
  return address;
}

}  // namespace

std::string endpointOf(std::string_view url) {
  const auto address = addressOf(url);
  return address ? address->host + ":" + address->port : std::string();
}

std::string withHost(std::string_view url, std::string_view host) {
  const auto address = addressOf(url);
  if (!address) return std::string(url);
  const bool hasPort = host.find(':') != std::string_view::npos && !host.ends_with(']');
  const auto port = address->authority.substr(std::min(address->host.size(), address->authority.size()));
  const auto rest = static_cast<std::size_t>(address->authority.data() - url.data()) + address->authority.size();
  return std::string(address->scheme) + "://" + std::string(host) + (hasPort ? "" : std::string(port)) +
         std::string(url.substr(rest));
}

namespace {

// What Unicode calls white space, as the agent that reads patches does.
constexpr std::string_view kBlanks[] = {" ",      "\t",     "\r",     "\v",     "\f",     "\u0085", "\u00a0", "\u1680",
                                        "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007",
                                        "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

std::string_view withoutBlanks(std::string_view line) {
  const auto front = [&](std::string_view blank) { return line.starts_with(blank); };
  const auto back = [&](std::string_view blank) { return line.ends_with(blank); };
  for (auto found = std::ranges::find_if(kBlanks, front); found != std::end(kBlanks);
       found = std::ranges::find_if(kBlanks, front))
    line.remove_prefix(found->size());
  for (auto found = std::ranges::find_if(kBlanks, back); found != std::end(kBlanks);
       found = std::ranges::find_if(kBlanks, back))
    line.remove_suffix(found->size());
  return line;
}

// Nothing: it names no file. As it is read by the agent that such patches are of: blanks around the first three count
// for nothing, those around where a file goes belong to its name.
std::string_view fileIn(std::string_view line) {
  static constexpr std::string_view kHeads[] = {"*** Add File: ", "*** Update File: ", "*** Delete File: "};
  static constexpr std::string_view kMoves = "*** Move to: ";
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with(kMoves)) return line.substr(kMoves.size());
  const std::string_view bare = withoutBlanks(line);
  for (const std::string_view head : kHeads) {
    if (bare.starts_with(head)) return bare.substr(head.size());
  }
  return {};
}

}  // namespace

std::vector<std::string> pathsOf(std::string_view patch) {
  std::vector<std::string> paths;
  while (!patch.empty() && paths.size() <= kMaxFiles) {
    const auto end = std::min(patch.find('\n'), patch.size());
    std::string path(fileIn(patch.substr(0, end)));
    patch.remove_prefix(std::min(end + 1, patch.size()));
    if (!path.empty() && std::ranges::find(paths, path) == paths.end()) paths.push_back(std::move(path));
  }
  return paths;
}

Result<Request> requestOf(const Contract& contract, const Event& event) {
  if (event.tool.empty()) return invalid("the event names no tool");
  const std::string words = textAt(event.input, "description");
  Request request;
  for (const ToolRow& row : contract.tools) {
    if (row.tool != event.tool || !request.actions.empty()) continue;
    request.actions = actionsOf(row, event, words);
    if (request.actions.size() == 1 && row.deed != Deed::kPatches) request.field = row.field;
  }
  if (request.actions.empty()) request.actions.push_back(callOf(event, words));
  for (const AgentAction& action : request.actions) {
    const std::string what = "what the tool " + escapeForDisplay(event.tool) + " is about ";
    if (action.target.find('\0') != std::string::npos) return invalid(what + "holds a NUL");
    if (action.target.size() > kMaxTarget)
      return invalid(what + "is longer than " + std::to_string(kMaxTarget) + " bytes");
  }
  const AgentAction& first = request.actions.front();
  request.doing = event.tool;
  if (!words.empty())
    request.doing += ": " + words;
  else if (first.operation != Operation::kCall)
    request.doing += " " + first.target;
  return request;
}

}  // namespace ringfence::hook
