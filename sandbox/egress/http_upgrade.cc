#include "sandbox/egress/http_upgrade.h"

#include <algorithm>
#include <optional>
#include <string>

namespace ringfence::sandbox {
namespace {

constexpr std::string_view kWebSocket = "websocket";
constexpr int kSwitching = 101;

Error bad(std::string why) { return {ErrorCode::kInvalid, std::move(why)}; }

bool mayBePassedOver(std::string_view protocol) {
  return protocol == "h2c" || protocol.starts_with("tls/") || protocol.starts_with("http/");
}

struct Line {
  std::string name;  // of the field, in lower case
  std::string_view value;
};

Line fieldOf(std::string_view line) {
  const std::size_t colon = std::min(line.find(':'), line.size());
  Line field{.name = std::string(line.substr(0, colon)), .value = line.substr(std::min(colon + 1, line.size()))};
  std::ranges::transform(field.name, field.name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return field;
}

bool names(std::string_view value, std::string_view word) {
  const auto words = httpWords(value);
  return words.size() == 1 && words.front() == word;
}

// "HTTP/1.1 101 …"
std::optional<int> statusOf(std::string_view line) {
  const bool isHttp = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  if (!isHttp || line.size() < 12 || (line.size() > 12 && line[12] != ' ')) return std::nullopt;
  int status = 0;
  for (const char digit : line.substr(9, 3)) {
    if (digit < '0' || digit > '9') return std::nullopt;
    status = status * 10 + (digit - '0');
  }
  return status;
}

}  // namespace

Result<Upgrade> upgradeOf(const HttpHead& head, const Framing& framing) {
  const auto connection = httpWords(head, "connection");
  if (head.minorVersion == 0 || std::ranges::find(connection, "upgrade") == connection.end()) return Upgrade::kNone;
  auto wanted = httpWords(head, "upgrade");
  std::erase_if(wanted, mayBePassedOver);
  if (wanted.empty()) return Upgrade::kNone;
  if (wanted.size() != 1 || wanted.front() != kWebSocket)
    return bad(
        "a change of the protocol to something other than websocket is not carried over plain HTTP; use CONNECT");
  if (head.method != "GET" || !std::holds_alternative<NoBody>(framing))
    return bad("a change of the protocol to websocket is asked for by a GET without a body");
  return Upgrade::kWebSocket;
}

std::variant<NeedMore, UpgradeReply, Error> readUpgradeReply(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMaxHttpHead.count).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMaxHttpHead.count) return bad("its head is longer than 64 KiB");
    return NeedMore{};
  }
  UpgradeReply reply{.length = end + 4};
  const std::string_view text = bytes.substr(0, end);
  std::size_t lineEnd = std::min(text.find("\r\n"), text.size());
  const auto status = statusOf(text.substr(0, lineEnd));
  if (!status) return bad("it is not HTTP/1");
  bool changes = false, dropping = false;
  int upgrades = 0;
  std::string kept(text.substr(0, lineEnd));
  while (lineEnd < text.size()) {
    const std::size_t start = lineEnd + 2;
    lineEnd = std::min(text.find("\r\n", start), text.size());
    const std::string_view line = text.substr(start, lineEnd - start);
    const Line field = fieldOf(line);
    if (field.name == "upgrade") changes = upgrades++ == 0 && names(field.value, kWebSocket);
    const bool goesOn = line.starts_with(' ') || line.starts_with('\t');
    dropping = goesOn ? dropping : field.name == "connection" || field.name == "keep-alive";
    if (!dropping) kept += "\r\n" + std::string(line);
  }
  if (*status == kSwitching) {
    if (!changes) return bad("it changes to another protocol than was asked for");
    reply.kind = UpgradeReply::Kind::kUpgraded;
  } else if (*status < 200) {
    reply.kind = UpgradeReply::Kind::kInterim;
  }
  // Of an ordinary answer: the client must not think that this connection takes another request.
  const bool ordinary = reply.kind == UpgradeReply::Kind::kRefused;
  reply.head = ordinary ? kept + "\r\nConnection: close\r\n\r\n" : std::string(bytes.substr(0, reply.length));
  return reply;
}

}  // namespace ringfence::sandbox
