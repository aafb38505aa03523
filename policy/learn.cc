#include "policy/learn.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "policy/flatten.h"
#include "policy/match.h"
#include "policy/scalars.h"
#include "policy/words.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

// More paths than this in one directory are named by it.
constexpr std::size_t kFewPaths = 8;
// Of one kind: a policy with more is no longer read by anybody.
constexpr std::size_t kMostProposals = 256;

std::string times(std::uint64_t count) { return count == 1 ? "once" : std::to_string(count) + " times"; }

struct Tally {
  std::uint64_t count = 0;
  std::string evidence;  // the first
  std::size_t paths = 1;
  void add(std::uint64_t more, const std::string& where) {
    count += more;
    if (evidence.empty()) evidence = where;
  }
  std::string text() const {
    std::string shown = times(count);
    if (paths > 1) shown += ", " + std::to_string(paths) + " paths";
    if (!evidence.empty()) shown += ", first " + escapeForDisplay(evidence);
    return shown;
  }
};

using Paths = std::map<std::string, Tally>;

bool isAtOrBelow(std::string_view path, std::string_view place) {
  return path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
}

// Made new for every run or in control of the machine: no policy gives it.
bool isNeverGiven(Operation operation, std::string_view path) {
  for (const std::string_view place : {"/proc", "/sys", "/dev", "/run", "/boot"}) {
    if (isAtOrBelow(path, place)) return true;
  }
  return operation == Operation::kWrite && isAtOrBelow(path, "/etc");
}

std::string directoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

class Learner {
 public:
  explicit Learner(const Observations& seen) : seen_(seen) {
    // What would be asked is asked here, also of an audited run.
    document_ = seen.document;
    document_.mode = Mode::kEnforce;
  }

  std::string run() {
    std::uint64_t actions = 0;
    for (const ObservedAction& one : seen_.observed) {
      actions += one.count;
      consider(one);
    }
    for (Paths* paths : {&read_, &write_, &grantRead_, &grantWrite_}) gather(*paths);
    return text(actions);
  }

 private:
  void consider(const ObservedAction& one) {
    const Verdict verdict = evaluate(document_, seen_.places, one.action);
    if (verdict.decision == Decision::kAllow || verdict.decision == Decision::kRewrite) return;
    if (verdict.decision == Decision::kAsk) return propose(one, verdict, Asked::kYes);
    const bool byDefault = verdict.rule == "not granted" || verdict.rule.starts_with("network.default");
    if (byDefault) return propose(one, verdict, Asked::kNo);
    leave(one, "forbidden by " + verdict.rule, verdict.origin);
  }

  enum class Asked { kNo, kYes };

  void propose(const ObservedAction& one, const Verdict& verdict, Asked asked) {
    switch (one.action.operation) {
      case Operation::kRead:
      case Operation::kWrite: return proposePath(one, asked);
      case Operation::kConnect: return proposeHost(one, verdict);
      case Operation::kCall: return leave(one, "a tool, which no wall knows of", {});
      case Operation::kExec: break;
    }
    if (asked == Asked::kNo) {
      ObservedAction reading = one;
      reading.action = {.operation = Operation::kRead, .target = one.action.target, .argv = {}};
      return proposePath(reading, asked);
    }
    if (!one.action.target.starts_with('/') || one.action.argv.empty()) return leave(one, "no whole command", {});
    for (const std::string& word : one.action.argv) {
      if (!isValidUtf8(word) || word.find('\0') != std::string::npos) return leave(one, "not writable as text", {});
    }
    commands_[{one.action.target, one.action.argv}].add(one.count, one.evidence);
  }

  void proposePath(const ObservedAction& one, Asked asked) {
    const std::string& path = one.action.target;
    const bool writes = one.action.operation == Operation::kWrite;
    if (isNeverGiven(one.action.operation, path)) return leave(one, "no policy gives it", {});
    if (!isValidUtf8(path) || !parsePath(path, GlobUse::kForbidden)) return leave(one, "not writable as a path", {});
    if (asked == Asked::kYes) return (writes ? grantWrite_ : grantRead_)[path].add(one.count, one.evidence);
    (writes ? write_ : read_)[path].add(one.count, one.evidence);
  }

  void proposeHost(const ObservedAction& one, const Verdict& verdict) {
    const auto endpoint = parseEndpoint(one.action.target);
    if (!endpoint) return leave(one, "no host with a port", {});
    const bool isHere = endpoint->host == "localhost" || endpoint->host == "127.0.0.1";
    if (verdict.rule == "not granted" && isHere) return loopback_[endpoint->port].add(one.count, one.evidence);
    if (verdict.rule == "not granted") return leave(one, verdict.why, {});
    // An asked rule stays above what is allowed: only a grant answers it.
    if (verdict.rule.starts_with("network.ask")) return connections_[one.action.target].add(one.count, one.evidence);
    hosts_[{endpoint->host, endpoint->port}].add(one.count, one.evidence);
  }

  void leave(const ObservedAction& one, const std::string& why, const Origin& origin) {
    std::string line = std::string(wordOf(one.action.operation)) + " " + escapeForDisplay(one.action.target) + ": " +
                       escapeForDisplay(why);
    if (!origin.file.empty()) line += " (" + escapeForDisplay(origin.file) + ":" + std::to_string(origin.line) + ")";
    left_[line].add(one.count, one.evidence);
  }

  bool isTooBroad(const std::string& directory) const {
    return std::ranges::count(directory, '/') < 2 || isAtOrBelow(seen_.places.home, directory) ||
           isAtOrBelow(seen_.places.workspace, directory);
  }

  // Directories in place of many paths in them; then nothing twice.
  void gather(Paths& paths) const {
    std::map<std::string, std::size_t> inDirectory;
    for (const auto& [path, tally] : paths) ++inDirectory[directoryOf(path)];
    for (const auto& [directory, count] : inDirectory) {
      if (count <= kFewPaths || isTooBroad(directory)) continue;
      Tally whole{.count = 0, .evidence = {}, .paths = 0};
      for (auto path = paths.begin(); path != paths.end();) {
        const bool inside = path->first != directory && isAtOrBelow(path->first, directory);
        if (!inside) {
          ++path;
          continue;
        }
        whole.add(path->second.count, path->second.evidence);
        whole.paths += path->second.paths;
        path = paths.erase(path);
      }
      if (whole.paths == 0) continue;
      if (const auto present = paths.find(directory); present != paths.end()) {
        whole.add(present->second.count, present->second.evidence);
        whole.paths += present->second.paths;
      }
      paths[directory] = whole;
    }
  }

  // ---- the text

  std::string text(std::uint64_t actions) const {
    std::string out = "# From what the run " + escapeForDisplay(seen_.run) + " did, " + times(actions) +
                      " in all. Each rule is as narrow as what was seen; read them before you use them.\n";
    out += "schema = 1\nname = " + quoteToml(seen_.name) + "\nextends = [" + quoteToml(seen_.base) + "]\n";
    std::string files = list("read", read_) + list("write", write_);
    if (!files.empty()) out += "\n[files]\n" + files;
    const std::string network = networkText();
    if (!network.empty()) out += "\n[network]\n" + network;
    for (const auto& [path, tally] : grantRead_) out += grant("read", path, "", tally);
    for (const auto& [path, tally] : grantWrite_) out += grant("write", path, "", tally);
    for (const auto& [target, tally] : connections_) out += grant("connect", target, "", tally);
    for (const auto& [command, tally] : commands_) out += grant("exec", command.first, argvText(command.second), tally);
    if (!left_.empty()) out += "\n# Not proposed:\n";
    for (const auto& [line, tally] : left_) out += "# " + line + ", " + tally.text() + "\n";
    return out;
  }

  static std::string list(const char* key, const Paths& paths) {
    if (paths.empty()) return {};
    std::string out = std::string(key) + " = [\n";
    std::size_t count = 0;
    for (const auto& [path, tally] : paths) {
      if (++count > kMostProposals) {
        out += "  # and " + std::to_string(paths.size() - kMostProposals) + " more\n";
        break;
      }
      out += "  " + quoteToml(path) + ",  # " + tally.text() + "\n";
    }
    return out + "]\n";
  }

  std::string networkText() const {
    std::string out;
    if (!hosts_.empty()) {
      out += "allow = [\n";
      for (const auto& [host, tally] : hosts_) {
        out += "  { host = " + quoteToml(host.first) + ", port = " + std::to_string(host.second) + " },  # " +
               tally.text() + "\n";
      }
      out += "]\n";
    }
    if (!loopback_.empty()) {
      out += "loopback = [\n";
      for (const auto& [port, tally] : loopback_) out += "  " + std::to_string(port) + ",  # " + tally.text() + "\n";
      out += "]\n";
    }
    return out;
  }

  static std::string argvText(const std::vector<std::string>& argv) {
    std::string words;
    for (const std::string& word : argv) words += (words.empty() ? "" : ", ") + quoteToml(word);
    return "argv = [" + words + "]\n";
  }

  static std::string grant(const char* operation, const std::string& target, const std::string& more,
                           const Tally& tally) {
    return std::string("\n[[grant]]  # ") + tally.text() + "\nop = \"" + operation +
           "\"\ntarget = " + quoteToml(target) + "\n" + more;
  }

  const Observations& seen_;
  Document document_;
  Paths read_;
  Paths write_;
  Paths grantRead_;
  Paths grantWrite_;
  std::map<std::pair<std::string, std::uint16_t>, Tally> hosts_;
  std::map<std::uint16_t, Tally> loopback_;
  std::map<std::string, Tally> connections_;
  std::map<std::pair<std::string, std::vector<std::string>>, Tally> commands_;
  std::map<std::string, Tally> left_;
};

}  // namespace

std::string learn(const Observations& observations) { return Learner(observations).run(); }

}  // namespace ringfence::policy
