#include "sandbox/egress/resolver.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sandbox/egress/sockets.h"
#include "sandbox/plan/egress_files.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"

namespace ringfence::sandbox {
namespace {

constexpr Bytes kMaxFile = mebibytes(1);
constexpr std::size_t kMaxServers = 3;
constexpr std::size_t kRounds = 2;  // over all servers
constexpr std::int64_t kServerTimeMs = 2500;

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> found;
  line = line.substr(0, std::min(line.find_first_of("#;"), line.size()));
  for (std::size_t at = line.find_first_not_of(" \t\r"); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(" \t\r", at), line.size());
    found.emplace_back(line.substr(at, end - at));
    at = line.find_first_not_of(" \t\r", end);
  }
  return found;
}

std::vector<std::vector<std::string>> lines(std::string_view text) {
  std::vector<std::vector<std::string>> found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    found.push_back(words(text.substr(at, end - at)));
    at = end + 1;
  }
  return found;
}

std::uint16_t randomNumber() {
  std::uint16_t number = 0;
  // Before the kernel has any it waits; a machine that runs agents has some.
  while (::getrandom(&number, sizeof number, 0) < 0 && errno == EINTR) {}
  return number;
}

}  // namespace

struct Resolver::Query {
  std::uint64_t id = 0;
  std::string name;
  std::vector<NameServer> servers;
  std::uint16_t type = kDnsA;
  std::size_t attempt = 0;
  std::uint16_t number = 0;
  std::int64_t deadlineMs = 0;
  UniqueFd socket;
  std::string unsent;    // of a stream
  std::string received;  // of a stream
  bool stream = false;
};

std::vector<NameServer> parseResolvConf(std::string_view text) {
  std::vector<NameServer> servers;
  for (const auto& line : lines(text)) {
    if (line.size() < 2 || line[0] != "nameserver" || servers.size() == kMaxServers) continue;
    if (const auto address = policy::Address::parse(line[1])) servers.push_back({*address, 53});
  }
  // What the C library does without a line.
  if (servers.empty()) servers.push_back({*policy::Address::parse("127.0.0.1"), 53});
  return servers;
}

std::vector<policy::Address> parseHosts(std::string_view text, std::string_view name) {
  std::vector<policy::Address> found;
  for (const auto& line : lines(text)) {
    if (line.size() < 2 || std::find(line.begin() + 1, line.end(), name) == line.end()) continue;
    if (const auto address = policy::Address::parse(line[0])) found.push_back(*address);
  }
  return found;
}

Resolver::Resolver(Poller& poller, std::optional<NameServer> fixed) : poller_(poller), fixed_(fixed) {}

Resolver::~Resolver() {
  for (auto& [id, query] : queries_) closeSocket(*query);
}

void Resolver::closeSocket(Query& query) {
  if (query.socket) poller_.forget(query.socket.get());
  query.socket.reset();
}

void Resolver::ask(std::uint64_t id, const std::string& name, std::int64_t nowMs) {
  nowMs_ = nowMs;
  auto made = std::make_unique<Query>();
  Query& query = *made;
  query.id = id;
  query.name = name;
  queries_[id] = std::move(made);
  if (fixed_) {
    query.servers = {*fixed_};
  } else {
    const auto hosts = readFileAt(AT_FDCWD, std::string(kNameFilesOfEgress) + "/hosts", kMaxFile);
    auto known = hosts ? parseHosts(*hosts, name) : std::vector<policy::Address>();
    if (!known.empty()) return finish(query, std::move(known));
    const auto configured = readFileAt(AT_FDCWD, std::string(kNameFilesOfEgress) + "/resolv.conf", kMaxFile);
    query.servers = parseResolvConf(configured ? *configured : "");
  }
  begin(query);
}

void Resolver::forget(std::uint64_t id) {
  const auto found = queries_.find(id);
  if (found == queries_.end()) return;
  closeSocket(*found->second);
  queries_.erase(found);
}

void Resolver::finish(Query& query, Result<std::vector<policy::Address>> result) {
  const std::uint64_t id = query.id;
  answers_.push_back({id, std::move(result)});
  forget(id);
}

// A socket and a number of its own for every try: what another could guess is of no use for the next.
void Resolver::begin(Query& query) {
  closeSocket(query);
  query.stream = false;
  query.number = randomNumber();
  query.deadlineMs = nowMs_ + kServerTimeMs;
  auto question = dnsQuestion(query.number, query.name, query.type);
  if (!question) return finish(query, question.error());
  const NameServer& server = query.servers[query.attempt % query.servers.size()];
  auto socket = beginConnect(Transport::kDatagram, server.address, server.port);
  if (!socket) return next(query);
  query.socket = std::move(*socket);
  const std::uint64_t id = query.id;
  if (!poller_.watch(query.socket.get(), EPOLLIN, [this, id](std::uint32_t) { onDatagram(id); })) return next(query);
  if (::send(query.socket.get(), question->data(), question->size(), MSG_NOSIGNAL) < 0) return next(query);
}

void Resolver::next(Query& query) {
  if (++query.attempt < kRounds * query.servers.size()) return begin(query);
  finish(query, Error{ErrorCode::kUnavailable, "no name server answers for " + query.name});
}

void Resolver::onDatagram(std::uint64_t id) {
  const auto found = queries_.find(id);
  if (found == queries_.end()) return;
  Query& query = *found->second;
  std::array<char, kMaxDnsMessage> bytes;
  const ssize_t got = ::recv(query.socket.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) next(query);
    return;
  }
  const auto reply = parseDnsReply({bytes.data(), static_cast<std::size_t>(got)}, query.number, query.name, query.type);
  if (!reply) return;  // Not to us, or forged: the real one may still come.
  if (reply->truncated) return beginStream(query);
  handleReply(query, *reply);
}

void Resolver::handleReply(Query& query, const DnsReply& reply) {
  if (reply.code == DnsCode::kNoSuchName)
    return finish(query, Error{ErrorCode::kNotFound, "no host is named " + query.name});
  if (reply.code != DnsCode::kNoError) return next(query);
  if (!reply.addresses.empty()) return finish(query, reply.addresses);
  if (query.type == kDnsAaaa) return finish(query, Error{ErrorCode::kNotFound, query.name + " has no address"});
  query.type = kDnsAaaa;
  query.attempt = 0;
  begin(query);
}

void Resolver::beginStream(Query& query) {
  closeSocket(query);
  auto question = dnsQuestion(query.number, query.name, query.type);
  const NameServer& server = query.servers[query.attempt % query.servers.size()];
  auto socket = beginConnect(Transport::kStream, server.address, server.port);
  if (!question || !socket) return next(query);
  query.socket = std::move(*socket);
  query.stream = true;
  query.received.clear();
  query.unsent = {static_cast<char>(question->size() >> 8), static_cast<char>(question->size() & 0xff)};
  query.unsent += *question;
  const std::uint64_t id = query.id;
  const std::uint32_t events = EPOLLIN | EPOLLOUT;
  if (!poller_.watch(query.socket.get(), events, [this, id](std::uint32_t) { onStream(id); })) next(query);
}

void Resolver::onStream(std::uint64_t id) {
  const auto found = queries_.find(id);
  if (found == queries_.end()) return;
  Query& query = *found->second;
  if (!query.unsent.empty()) {
    const ssize_t sent = ::send(query.socket.get(), query.unsent.data(), query.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return next(query);
    if (sent > 0) query.unsent.erase(0, static_cast<std::size_t>(sent));
    if (query.unsent.empty()) poller_.change(query.socket.get(), EPOLLIN);
    return;
  }
  std::array<char, kMaxDnsMessage> bytes;
  const ssize_t got = ::recv(query.socket.get(), bytes.data(), bytes.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return next(query);
  query.received.append(bytes.data(), static_cast<std::size_t>(got));
  if (query.received.size() < 2) return;
  const std::size_t length =
      std::size_t{static_cast<unsigned char>(query.received[0])} << 8 | static_cast<unsigned char>(query.received[1]);
  if (query.received.size() < 2 + length) return;
  const auto reply =
      parseDnsReply(std::string_view(query.received).substr(2, length), query.number, query.name, query.type);
  if (!reply) return next(query);
  handleReply(query, *reply);
}

std::vector<Resolver::Answer> Resolver::takeAnswers() { return std::exchange(answers_, {}); }

void Resolver::tick(std::int64_t nowMs) {
  nowMs_ = nowMs;
  std::vector<std::uint64_t> late;
  for (const auto& [id, query] : queries_) {
    if (query->deadlineMs <= nowMs) late.push_back(id);
  }
  for (const std::uint64_t id : late) next(*queries_.at(id));
}

}  // namespace ringfence::sandbox
