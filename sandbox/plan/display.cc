#include "sandbox/plan/display.h"

#include <vector>

#include "sandbox/plan/grants.h"
#include "sandbox/plan/paths.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

constexpr std::string_view kX11Sockets = "/tmp/.X11-unix";
// Displays 0 to 99; those that sshd forwards begin at 10.
constexpr std::uint16_t kFirstX11Port = 6000, kLastX11Port = 6099;

struct Socket {
  const char* kind;
  std::string path;
};

std::string valueOf(const LaunchRequest& request, const char* name) {
  const auto found = request.callerEnvironment.find(name);
  return found == request.callerEnvironment.end() ? std::string() : found->second;
}

// Where the caller's own servers listen.
std::vector<Socket> socketsOf(const LaunchRequest& request) {
  std::vector<Socket> sockets{{"X11", std::string(kX11Sockets)}};
  const auto add = [&](const char* kind, const std::string& path) {
    if (isNormalPath(path)) sockets.push_back({kind, throughRootLinks(request, path)});
  };
  const std::string runtime = valueOf(request, "XDG_RUNTIME_DIR");
  std::string wayland = valueOf(request, "WAYLAND_DISPLAY");
  if (wayland.empty()) wayland = "wayland-0";
  if (wayland.starts_with('/'))
    add("Wayland", wayland);
  else if (!runtime.empty())
    add("Wayland", runtime + "/" + wayland);
  // As Xlib takes it: "/path/to/socket:0", or "unix:/path/to/socket".
  std::string x11 = valueOf(request, "DISPLAY");
  if (x11.starts_with("unix:")) x11.erase(0, 5);
  if (x11.starts_with('/')) add("X11", x11.substr(0, x11.rfind(':')));
  return sockets;
}

bool isWaylandName(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("wayland-") && !name.ends_with(".lock");
}

struct Given {
  std::string path;
  std::string by;
};

std::vector<Given> pathsGiven(const policy::Document& document, const LaunchRequest& request) {
  std::vector<Given> given{{request.workspace, "in the workspace"}};
  const policy::Places places{request.workspace, homeInside(request.caller)};
  const policy::Files& files = document.files;
  for (const auto* rules : {&files.read, &files.write, &files.ask, &files.askRead, &document.auditRead}) {
    for (const policy::PathRule& rule : *rules)
      given.push_back(
          {throughRootLinks(request, policy::expandPattern(rule.pattern, places)), originText(rule.origin)});
  }
  for (const ExtraPath& extra : request.extraPaths)
    given.push_back({throughRootLinks(request, extra.path), "--read or --write"});
  return given;
}

bool isOfThisMachine(const std::string& host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1" || host == "0.0.0.0" || host == "::";
}

bool isX11Port(std::uint16_t port) { return port >= kFirstX11Port && port <= kLastX11Port; }

std::string portText(std::uint16_t port, const std::string& by) {
  return "the X11 port " + std::to_string(port) + " (" + by + ")";
}

std::string portGiven(const policy::Network& network) {
  for (const std::uint16_t port : network.loopback) {
    if (isX11Port(port)) return portText(port, "network.loopback");
  }
  for (const auto* rules : {&network.allow, &network.ask}) {
    for (const policy::HostRule& rule : *rules) {
      if (!isOfThisMachine(rule.host) || (rule.port && !isX11Port(*rule.port))) continue;
      return portText(rule.port.value_or(kFirstX11Port), originText(rule.origin));
    }
  }
  return {};
}

}  // namespace

std::string displayGiven(const policy::Document& document, const LaunchRequest& request) {
  const std::vector<Socket> sockets = socketsOf(request);
  for (const Given& given : pathsGiven(document, request)) {
    const auto of = [&](const char* kind, const std::string& path) {
      return std::string("the ") + kind + " socket " + escapeForDisplay(path) + " (" + given.by + ")";
    };
    for (const Socket& socket : sockets) {
      if (isWithin(socket.path, given.path) || isWithin(given.path, socket.path)) return of(socket.kind, socket.path);
    }
    if (isWaylandName(given.path)) return of("Wayland", given.path);
  }
  return portGiven(document.network);
}

}  // namespace ringfence::sandbox
