#include "sandbox/egress/http_head.h"

#include <algorithm>
#include <charconv>

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kMaxMethod = 32;

Error bad(std::string why) { return {ErrorCode::kInvalid, std::move(why)}; }

bool isTokenChar(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool isToken(std::string_view text) { return !text.empty() && std::ranges::all_of(text, isTokenChar); }
bool isValueChar(char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); }

std::string lower(std::string_view text) {
  std::string made(text);
  for (char& c : made) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return made;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Result<HttpHead> parseRequestLine(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos)
    return bad("the request line is not `METHOD TARGET VERSION`");
  HttpHead head;
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!isToken(head.method) || head.method.size() > kMaxMethod) return bad("the method is no word");
  const auto isTargetChar = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; };
  if (head.target.empty() || !std::ranges::all_of(head.target, isTargetChar)) return bad("the target is empty or odd");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return bad("only HTTP/1.0 and HTTP/1.1 are spoken here");
  head.minorVersion = version.back() == '1' ? 1 : 0;
  return head;
}

Result<HttpField> parseField(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !isToken(line.substr(0, colon))) return bad("a header field without a name");
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (!std::ranges::all_of(value, isValueChar)) return bad("a header field with control characters");
  return HttpField{.name = lower(line.substr(0, colon)), .value = std::string(value)};
}

std::vector<const HttpField*> fieldsNamed(const HttpHead& head, std::string_view name) {
  std::vector<const HttpField*> found;
  for (const HttpField& field : head.fields) {
    if (field.name == name) found.push_back(&field);
  }
  return found;
}

constexpr std::string_view kNextHopOnly[] = {"connection", "proxy-connection", "proxy-authorization", "keep-alive",
                                             "te",         "upgrade",          "http2-settings",      "host"};
constexpr std::string_view kFraming[] = {"content-length", "transfer-encoding", "host"};

template <typename Range>
bool contains(const Range& range, std::string_view text) {
  return std::ranges::find(range, text) != std::ranges::end(range);
}

}  // namespace

std::vector<std::string> httpWords(std::string_view value) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t comma = std::min(value.find(',', at), value.size());
    const std::string_view word = trimmed(value.substr(at, comma - at));
    if (!word.empty()) words.push_back(lower(word));
    at = comma + 1;
  }
  return words;
}

std::vector<std::string> httpWords(const HttpHead& head, std::string_view name) {
  std::vector<std::string> words;
  for (const HttpField* field : fieldsNamed(head, name)) {
    for (std::string& word : httpWords(field->value)) words.push_back(std::move(word));
  }
  return words;
}

HeadParse parseHttpHead(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMaxHttpHead.count).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMaxHttpHead.count) return bad("the head is longer than 64 KiB");
    return NeedMore{};
  }
  const std::string_view text = bytes.substr(0, end);
  std::size_t lineEnd = std::min(text.find("\r\n"), text.size());
  auto head = parseRequestLine(text.substr(0, lineEnd));
  if (!head) return head.error();
  while (lineEnd < text.size()) {
    const std::size_t start = lineEnd + 2;
    lineEnd = std::min(text.find("\r\n", start), text.size());
    auto field = parseField(text.substr(start, lineEnd - start));
    if (!field) return field.error();
    if (head->fields.size() == kMaxHttpFields) return bad("more than 128 header fields");
    head->fields.push_back(std::move(*field));
  }
  head->length = end + 4;
  return std::move(*head);
}

Result<Framing> framingOf(const HttpHead& head) {
  const auto lengths = fieldsNamed(head, "content-length");
  const auto encodings = fieldsNamed(head, "transfer-encoding");
  if (!encodings.empty()) {
    if (!lengths.empty()) return bad("both Content-Length and Transfer-Encoding");
    if (encodings.size() != 1 || lower(encodings.front()->value) != "chunked" || head.minorVersion == 0)
      return bad("a transfer encoding other than chunked");
    return Framing{Chunked{}};
  }
  if (lengths.empty()) return Framing{NoBody{}};
  const std::string& digits = lengths.front()->value;
  BodyLength length;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length.bytes);
  if (lengths.size() != 1 || error != std::errc() || end != digits.data() + digits.size() || length.bytes >> 60 != 0)
    return bad("a Content-Length that is no one number");
  return Framing{length};
}

Result<Destination> hostOf(const HttpHead& head, std::uint16_t defaultPort) {
  const auto hosts = fieldsNamed(head, "host");
  if (hosts.size() != 1) return bad("a request needs one Host field");
  return parseAuthority(hosts.front()->value, defaultPort);
}

Result<AbsoluteTarget> parseAbsoluteTarget(std::string_view target) {
  constexpr std::string_view kScheme = "http://";
  if (lower(target.substr(0, kScheme.size())) != kScheme)
    return bad("only http:// is forwarded; use CONNECT for https");
  target.remove_prefix(kScheme.size());
  const std::size_t end = std::min(target.find_first_of("/?#"), target.size());
  const std::string_view authority = target.substr(0, end);
  if (authority.find('@') != std::string_view::npos) return bad("a name of a user in the target");
  if (target.find('#') != std::string_view::npos) return bad("a fragment in the target");
  AbsoluteTarget made{.destination = RF_TRY(parseAuthority(authority, std::uint16_t{80})),
                      .origin = std::string(target.substr(end))};
  if (!made.origin.starts_with('/')) made.origin.insert(0, "/");
  return made;
}

Result<std::string> forwardedHead(const HttpHead& head, const Forwarding& how) {
  std::vector<std::string> dropped;
  for (std::string& word : httpWords(head, "connection")) {
    if (contains(kFraming, word)) return bad("Connection names " + word);
    dropped.push_back(std::move(word));
  }
  for (const HttpField& field : how.set) dropped.push_back(field.name);
  std::string made = head.method + " " + how.target + (head.minorVersion == 1 ? " HTTP/1.1" : " HTTP/1.0") + "\r\n";
  made += "Host: " + how.host + "\r\n";
  for (const HttpField& field : head.fields) {
    if (contains(kNextHopOnly, field.name) || contains(dropped, field.name)) continue;
    made += field.name + ": " + field.value + "\r\n";
  }
  for (const HttpField& field : how.set) made += field.name + ": " + field.value + "\r\n";
  if (how.upgrade == Upgrade::kWebSocket) return made + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  return made + "Connection: close\r\n\r\n";
}

}  // namespace ringfence::sandbox
