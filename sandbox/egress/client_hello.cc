#include "sandbox/egress/client_hello.h"

#include <cstdint>

namespace ringfence::sandbox {
namespace {

constexpr std::uint8_t kHandshake = 22, kClientHello = 1;
constexpr std::size_t kServerName = 0, kEncryptedHello = 0xfe0d;
constexpr std::size_t kMaxRecord = 16384;
constexpr int kMostRecords = 64;  // each look begins at the first one

Error bad(const char* why) { return {ErrorCode::kInvalid, why}; }

// Takes numbers and blocks from the front; after the first shortage everything is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::size_t number(std::size_t width) {
    std::size_t value = 0;
    for (const char c : take(width)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view take(std::size_t count) {
    if (count > bytes_.size()) short_ = true;
    if (short_) return {};
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }
  std::string_view block(std::size_t width) { return take(number(width)); }
  bool ok() const { return !short_; }
  bool empty() const { return short_ || bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool short_ = false;
};

// The handshake bytes of the records so far. Nothing: a record is not complete.
std::optional<Error> gather(std::string_view bytes, std::string& handshake) {
  for (int records = 0; bytes.size() >= 5; ++records) {
    if (records == kMostRecords) return bad("a hello in too many pieces");
    Reader header(bytes);
    if (header.number(1) != kHandshake) return bad("a TLS record of another kind within the hello");
    (void)header.number(2);
    const std::size_t length = header.number(2);
    if (length == 0 || length > kMaxRecord) return bad("a TLS record of an impossible length");
    const std::string_view body = bytes.substr(5, length);
    handshake += body;
    if (body.size() < length) return std::nullopt;
    bytes.remove_prefix(5 + length);
    if (handshake.size() >= 4) {
      Reader message(handshake);
      (void)message.number(1);
      if (handshake.size() >= 4 + message.number(3)) return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Error> readServerName(std::string_view extension, ClientHello& hello) {
  if (hello.serverName) return bad("two server names in one hello");
  Reader list(Reader(extension).block(2));
  while (!list.empty()) {
    const std::size_t type = list.number(1);
    const std::string_view name = list.block(2);
    if (!list.ok() || type != 0 || name.empty() || hello.serverName) return bad("a server name that cannot be read");
    std::string lower(name);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    hello.serverName = std::move(lower);
  }
  return hello.serverName ? std::nullopt : std::optional<Error>(bad("an empty server name"));
}

HelloParse readHello(std::string_view body) {
  Reader reader(body);
  (void)reader.take(2 + 32);  // version, random
  (void)reader.block(1);      // session
  (void)reader.block(2);      // cipher suites
  (void)reader.block(1);      // compression
  if (!reader.ok()) return bad("a hello that ends too early");
  ClientHello hello;
  if (reader.empty()) return hello;
  Reader extensions(reader.block(2));
  if (!reader.ok() || !reader.empty()) return bad("a hello whose extensions do not fit");
  while (!extensions.empty()) {
    const std::size_t type = extensions.number(2);
    const std::string_view content = extensions.block(2);
    if (!extensions.ok()) return bad("an extension that does not fit");
    if (type == kEncryptedHello) hello.encrypted = true;
    if (type != kServerName) continue;
    if (auto wrong = readServerName(content, hello)) return *wrong;
  }
  if (!extensions.ok()) return bad("an extension that does not fit");
  return hello;
}

}  // namespace

HelloParse parseClientHello(std::string_view bytes) {
  if (bytes.empty()) return NeedMore{};
  if (static_cast<std::uint8_t>(bytes[0]) != kHandshake) return NotTls{};
  if (bytes.size() >= 2 && bytes[1] != 3) return NotTls{};
  std::string handshake;
  if (auto wrong = gather(bytes, handshake)) return *wrong;
  if (!handshake.empty() && static_cast<std::uint8_t>(handshake[0]) != kClientHello)
    return bad("a TLS connection that does not begin with a hello");
  Reader message(handshake);
  (void)message.number(1);
  const std::size_t length = message.number(3);
  if (message.ok() && length > kMaxClientHello.count) return bad("a hello longer than 64 KiB");
  const std::string_view body = message.take(length);
  if (!message.ok()) {
    if (bytes.size() >= 2 * kMaxClientHello.count) return bad("a hello in too many pieces");
    return NeedMore{};
  }
  return readHello(body);
}

}  // namespace ringfence::sandbox
