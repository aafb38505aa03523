#include "sandbox/egress/dns_message.h"

#include <arpa/inet.h>

#include <algorithm>

namespace ringfence::sandbox {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint16_t kInternet = 1, kAlias = 5;
constexpr std::uint16_t kIsAnswer = 0x8000, kOpcode = 0x7800, kTruncated = 0x0200, kRecursion = 0x0100,
                        kRecursionAvailable = 0x0080;
constexpr std::size_t kMaxName = 253, kMaxLabel = 63, kMaxRecords = 64, kMaxAddresses = 16;

std::uint16_t number16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}
void put16(std::string& bytes, std::size_t number) {
  bytes += static_cast<char>(number >> 8 & 0xff);
  bytes += static_cast<char>(number & 0xff);
}
void put32(std::string& bytes, std::uint32_t number) {
  put16(bytes, number >> 16);
  put16(bytes, number & 0xffff);
}

bool appendLabel(std::string& name, std::string_view label) {
  if (!name.empty()) name += '.';
  for (const char c : label) {
    // A dot within a label, or a character that no host name has, would make one name look like another.
    const bool plain =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
    if (!plain) return false;
    name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name.size() <= kMaxName;
}

// A name and where the bytes go on. Pointers only backwards, as far as `mayPoint` says; nothing when malformed.
struct NameAt {
  std::string name;
  std::size_t end = 0;
};
enum class Pointers { kNone, kBackwards };
std::optional<NameAt> readName(std::string_view bytes, std::size_t at, Pointers pointers) {
  NameAt read;
  std::size_t lowest = at;
  while (at < bytes.size()) {
    const auto length = static_cast<unsigned char>(bytes[at]);
    if (length == 0) {
      if (read.end == 0) read.end = at + 1;
      if (read.name.empty()) read.name = ".";
      return read;
    }
    if ((length & 0xc0) == 0xc0) {
      if (pointers == Pointers::kNone || at + 2 > bytes.size()) return std::nullopt;
      const std::size_t to = number16(bytes, at) & 0x3fff;
      if (to >= lowest) return std::nullopt;
      if (read.end == 0) read.end = at + 2;
      at = lowest = to;
      continue;
    }
    if (length > kMaxLabel || at + 1 + length > bytes.size()) return std::nullopt;
    if (!appendLabel(read.name, bytes.substr(at + 1, length))) return std::nullopt;
    at += 1U + length;
  }
  return std::nullopt;
}

std::string answerHeader(std::uint16_t id, std::uint16_t flags, DnsCode code) {
  std::string made;
  put16(made, id);
  put16(made, kIsAnswer | (flags & (kOpcode | kRecursion)) | kRecursionAvailable | static_cast<std::size_t>(code));
  return made;
}

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::size_t data = 0;
  std::size_t length = 0;
  std::size_t end = 0;
};
std::optional<Record> readRecord(std::string_view bytes, std::size_t at) {
  const auto owner = readName(bytes, at, Pointers::kBackwards);
  if (!owner || owner->end + 10 > bytes.size()) return std::nullopt;
  Record record{.owner = owner->name, .type = number16(bytes, owner->end)};
  if (number16(bytes, owner->end + 2) != kInternet) record.type = 0;
  record.length = number16(bytes, owner->end + 8);
  record.data = owner->end + 10;
  record.end = record.data + record.length;
  if (record.end > bytes.size()) return std::nullopt;
  return record;
}

std::optional<policy::Address> addressOf(std::string_view bytes, const Record& record) {
  const bool v4 = record.type == kDnsA;
  if (record.length != (v4 ? 4U : 16U)) return std::nullopt;
  char text[INET6_ADDRSTRLEN];
  if (inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + record.data, text, sizeof text) == nullptr) return std::nullopt;
  return policy::Address::parse(text);
}

}  // namespace

DnsQuery parseDnsQuery(std::string_view bytes) {
  if (bytes.size() < kHeader || bytes.size() > kMaxDnsMessage) return DnsIgnore{};
  const std::uint16_t id = number16(bytes, 0);
  const std::uint16_t flags = number16(bytes, 2);
  if ((flags & kIsAnswer) != 0) return DnsIgnore{};
  if ((flags & kOpcode) != 0) return DnsRefuse{.id = id, .flags = flags, .code = DnsCode::kNotImplemented};
  const DnsRefuse malformed{.id = id, .flags = flags, .code = DnsCode::kFormatError};
  if (number16(bytes, 4) != 1 || number16(bytes, 6) != 0 || number16(bytes, 8) != 0 || number16(bytes, 10) > 1)
    return malformed;
  const auto name = readName(bytes, kHeader, Pointers::kNone);
  if (!name || name->end + 4 > bytes.size()) return malformed;
  if (number16(bytes, 10) == 0 && name->end + 4 != bytes.size()) return malformed;
  if (number16(bytes, name->end + 2) != kInternet)
    return DnsRefuse{.id = id, .flags = flags, .code = DnsCode::kRefused};
  return DnsQuestion{.id = id,
                     .flags = flags,
                     .name = name->name,
                     .type = number16(bytes, name->end),
                     .section = std::string(bytes.substr(kHeader, name->end + 4 - kHeader))};
}

std::string dnsAnswer(const DnsQuestion& question, DnsCode code, std::optional<DnsAddress> address) {
  std::string made = answerHeader(question.id, question.flags, code);
  put16(made, 1);
  put16(made, address ? 1 : 0);
  put32(made, 0);
  made += question.section;
  if (address) {
    put16(made, 0xc000 | kHeader);
    put16(made, kDnsA);
    put16(made, kInternet);
    put32(made, address->seconds);
    put16(made, 4);
    put32(made, address->v4);
  }
  return made;
}

std::string dnsAnswer(const DnsRefuse& refuse) {
  return answerHeader(refuse.id, refuse.flags, refuse.code) + std::string(8, '\0');
}

Result<std::string> dnsQuestion(std::uint16_t id, std::string_view name, std::uint16_t type) {
  std::string made;
  put16(made, id);
  put16(made, kRecursion);
  put16(made, 1);
  put16(made, 0);
  put32(made, 0);
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t dot = std::min(name.find('.', at), name.size());
    const std::string_view label = name.substr(at, dot - at);
    if (label.empty() || label.size() > kMaxLabel || name.size() > kMaxName)
      return Error{ErrorCode::kInvalid, "\"" + std::string(name.substr(0, 300)) + "\" is no name to ask for"};
    made += static_cast<char>(label.size());
    made += label;
    at = dot + 1;
  }
  made += '\0';
  put16(made, type);
  put16(made, kInternet);
  return made;
}

std::optional<DnsReply> parseDnsReply(std::string_view bytes, std::uint16_t id, std::string_view name,
                                      std::uint16_t type) {
  if (bytes.size() < kHeader || number16(bytes, 0) != id) return std::nullopt;
  const std::uint16_t flags = number16(bytes, 2);
  if ((flags & kIsAnswer) == 0 || number16(bytes, 4) != 1) return std::nullopt;
  const auto asked = readName(bytes, kHeader, Pointers::kNone);
  if (!asked || asked->name != name || asked->end + 4 > bytes.size()) return std::nullopt;
  if (number16(bytes, asked->end) != type || number16(bytes, asked->end + 2) != kInternet) return std::nullopt;
  DnsReply reply;
  const unsigned code = flags & 0xf;
  reply.code = code <= 5 ? static_cast<DnsCode>(code) : DnsCode::kServerFailure;
  reply.truncated = (flags & kTruncated) != 0;
  std::string wanted(name);
  std::size_t at = asked->end + 4;
  const std::size_t records = std::min<std::size_t>(number16(bytes, 6), kMaxRecords);
  for (std::size_t i = 0; i < records; ++i) {
    const auto record = readRecord(bytes, at);
    if (!record) break;  // What came before was whole.
    at = record->end;
    if (record->owner != wanted) continue;
    if (record->type == kAlias) {
      const auto alias = readName(bytes, record->data, Pointers::kBackwards);
      if (!alias) break;
      wanted = alias->name;
    } else if (record->type == type && reply.addresses.size() < kMaxAddresses) {
      if (const auto address = addressOf(bytes, *record)) reply.addresses.push_back(*address);
    }
  }
  return reply;
}

}  // namespace ringfence::sandbox
