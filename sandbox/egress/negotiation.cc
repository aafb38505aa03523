#include "sandbox/egress/negotiation.h"

#include <algorithm>
#include <charconv>

#include "sandbox/egress/client_hello.h"
#include "sandbox/egress/http_upgrade.h"
#include "sandbox/egress/socks.h"
#include "sandbox/plan/plan.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint16_t kHttpPort = 80;

Refused badRequest(const Error& error, std::string host = {}) {
  return {.reply = httpReply("400 Bad Request", "text/plain", error.message + "\n"),
          .why = error.message,
          .host = std::move(host)};
}

bool equalsIgnoringCase(std::string_view one, std::string_view upper) {
  return std::ranges::equal(one, upper, [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; });
}

// What is no host is denied as a host would be.
Refused oddHost(const Error& error, std::string host) {
  Refused refused = badRequest(error, std::move(host));
  refused.kind = Refused::Kind::kOddHost;
  return refused;
}

bool isOurselves(const Destination& destination) {
  return destination.port == kEgressPort && (destination.host == "127.0.0.1" || destination.host == "localhost");
}

Negotiated credential(HttpHead head);

Negotiated forward(HttpHead head) {
  auto target = parseAbsoluteTarget(head.target);
  if (!target) return oddHost(target.error(), head.target);
  // By a program that asks its proxy for everything.
  if (isOurselves(target->destination) && target->origin.starts_with(kCredentialPrefix)) {
    head.target = target->origin;
    return credential(std::move(head));
  }
  const auto host = hostOf(head, kHttpPort);
  if (!host) return badRequest(host.error(), target->destination.text());
  if (*host != target->destination)
    return badRequest({ErrorCode::kInvalid, "the Host field names another host than the target"}, host->text());
  auto framing = framingOf(head);
  if (!framing) return badRequest(framing.error(), target->destination.text());
  const auto upgrade = upgradeOf(head, *framing);
  if (!upgrade) return badRequest(upgrade.error(), target->destination.text());
  // Known to go on before anybody is connected to.
  auto forwarded = forwardedHead(head, {.target = target->origin, .host = host->host, .set = {}});
  if (!forwarded) return badRequest(forwarded.error(), target->destination.text());
  Wanted wanted{.protocol = Protocol::kForward, .destination = std::move(target->destination)};
  wanted.origin = std::move(target->origin);
  wanted.framing = *framing;
  wanted.upgrade = *upgrade;
  wanted.consumed = head.length;
  wanted.head = std::move(head);
  return wanted;
}

Negotiated connect(const HttpHead& head) {
  auto destination = parseAuthority(head.target, std::nullopt);
  if (!destination) return oddHost(destination.error(), head.target);
  return Wanted{.protocol = Protocol::kConnect, .destination = std::move(*destination), .consumed = head.length};
}

Negotiated credential(HttpHead head) {
  const std::string_view path = std::string_view(head.target).substr(std::string_view(kCredentialPrefix).size());
  Wanted wanted{.protocol = Protocol::kCredential};
  // A server answers it with what it was sent, the credential too.
  if (equalsIgnoringCase(head.method, "TRACE"))
    return badRequest({ErrorCode::kInvalid, "TRACE is not made with a credential"});
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), wanted.credential);
  const std::string_view rest = path.substr(static_cast<std::size_t>(end - path.data()));
  if (error != std::errc() || (!rest.empty() && rest.front() != '/' && rest.front() != '?'))
    return badRequest({ErrorCode::kInvalid, "this is no address of a credential"});
  auto framing = framingOf(head);
  if (!framing) return badRequest(framing.error());
  // What comes after it would be a connection of the agent's own with the credential on it, and no request any more.
  const auto upgrade = upgradeOf(head, *framing);
  if (!upgrade || *upgrade != Upgrade::kNone)
    return badRequest({ErrorCode::kInvalid, "a change of the protocol is not asked for with a credential"});
  wanted.origin = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  wanted.framing = *framing;
  wanted.consumed = head.length;
  wanted.head = std::move(head);
  return wanted;
}

Negotiated http(std::string_view bytes) {
  auto parsed = parseHttpHead(bytes);
  if (std::holds_alternative<NeedMore>(parsed)) return NeedMore{};
  if (const auto* error = std::get_if<Error>(&parsed)) return badRequest(*error);
  HttpHead head = std::get<HttpHead>(std::move(parsed));
  if (head.method == "CONNECT") return connect(head);
  if (head.target.starts_with(kCredentialPrefix)) return credential(std::move(head));
  if (head.target.starts_with('/'))
    return badRequest({ErrorCode::kInvalid, "this is a proxy: the target must be http://HOST/… or CONNECT HOST:PORT"});
  return forward(std::move(head));
}

}  // namespace

const char* protocolName(Protocol protocol) {
  switch (protocol) {
    case Protocol::kConnect: return "http-connect";
    case Protocol::kSocks: return "socks5";
    case Protocol::kForward: return "http-forward";
    case Protocol::kCredential: return "http-credential";
    case Protocol::kRedirected: return "tcp";
    case Protocol::kLoopback: return "loopback";
    case Protocol::kPublished: return "publish";
  }
  return "tcp";
}

Negotiated Negotiation::step(std::string_view bytes) {
  if (bytes.empty()) return NeedMore{};
  if (!greeted_ && bytes.front() != kSocksVersion) return http(bytes);
  if (!greeted_) {
    const auto parsed = parseSocksGreeting(bytes);
    if (std::holds_alternative<NeedMore>(parsed)) return NeedMore{};
    if (const auto* error = std::get_if<Error>(&parsed)) return Refused{.reply = {}, .why = error->message, .host = {}};
    const auto& greeting = std::get<SocksGreeting>(parsed);
    std::string reply = socksGreetingReply(greeting);
    if (!greeting.withoutPassword)
      return Refused{.reply = std::move(reply), .why = "only without a password", .host = {}};
    greeted_ = true;
    return Answered{.reply = std::move(reply), .consumed = greeting.length};
  }
  auto parsed = parseSocksRequest(bytes);
  if (std::holds_alternative<NeedMore>(parsed)) return NeedMore{};
  if (auto* refusal = std::get_if<SocksRefusal>(&parsed))
    return Refused{.reply = socksReply(refusal->reply), .why = refusal->why, .host = refusal->host};
  auto& request = std::get<SocksRequest>(parsed);
  return Wanted{
      .protocol = Protocol::kSocks, .destination = std::move(request.destination), .consumed = request.length};
}

std::string httpReply(std::string_view status, std::string_view contentType, std::string_view body) {
  std::string made = "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + std::string(contentType);
  made += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
  return made + std::string(body);
}

namespace {

GateLook lookAtHttp(std::string_view bytes, const Gate& gate) {
  const Destination& judged = gate.judged;
  const auto parsed = parseHttpHead(bytes);
  if (std::holds_alternative<NeedMore>(parsed)) return NeedMore{};
  if (const auto* error = std::get_if<Error>(&parsed)) return Mismatch{"not HTTP on port 80: " + error->message};
  const auto& head = std::get<HttpHead>(parsed);
  const auto host = hostOf(head, judged.port);
  if (!host) return Mismatch{host.error().message};
  if (*host != judged) return Mismatch{"the Host field names " + host->text() + " on a connection to " + judged.text()};
  if (!head.target.starts_with('/') && head.target != "*")
    return Mismatch{"a request for a proxy on a connection to a host"};
  const auto framing = framingOf(head);
  if (!framing) return Mismatch{framing.error().message};
  const auto upgrade = upgradeOf(head, *framing);
  if (!upgrade) return Mismatch{upgrade.error().message};
  auto made = forwardedHead(head, {.target = head.target, .host = gate.host, .set = {}, .upgrade = *upgrade});
  if (!made) return Mismatch{made.error().message};
  return Pass{.instead = std::move(*made), .consumed = head.length, .framing = *framing, .upgrade = *upgrade};
}

}  // namespace

GateLook lookThroughGate(std::string_view bytes, const Gate& gate) {
  const Destination& judged = gate.judged;
  if (bytes.empty()) return NeedMore{};
  if (judged.port == kHttpPort) return lookAtHttp(bytes, gate);
  const auto parsed = parseClientHello(bytes);
  if (std::holds_alternative<NeedMore>(parsed)) return NeedMore{};
  if (const auto* error = std::get_if<Error>(&parsed)) return Mismatch{error->message};
  const auto* hello = std::get_if<ClientHello>(&parsed);
  if (hello == nullptr || hello->encrypted || !hello->serverName || judged.address) return Pass{};
  const auto named = parseDestination(*hello->serverName, judged.port);
  if (!named || *named != judged)
    return Mismatch{"TLS names " + *hello->serverName + " on a connection to " + judged.text()};
  return Pass{};
}

}  // namespace ringfence::sandbox
