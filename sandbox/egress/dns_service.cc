#include "sandbox/egress/dns_service.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "sandbox/egress/dns_message.h"
#include "sdk/base/clock.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint32_t kSeconds = 10;  // an answer may be kept: soon forgotten when the policy changes
constexpr std::size_t kMostJudged = 8192;
constexpr std::size_t kMostClients = 16;
constexpr std::int64_t kClientTimeMs = 10'000;
constexpr int kDatagramsATurn = 64;

std::int64_t monotonicMs() { return SystemClock().now().monotonic.count() / 1000; }

}  // namespace

DnsService::~DnsService() {
  for (const auto& [fd, client] : clients_) poller_.forget(fd);
  if (datagrams_) poller_.forget(datagrams_.get());
  if (streams_) poller_.forget(streams_.get());
}

Result<void> DnsService::start(UniqueFd datagrams, UniqueFd streams) {
  datagrams_ = std::move(datagrams);
  streams_ = std::move(streams);
  RF_TRY(poller_.watch(datagrams_.get(), 0, [this](std::uint32_t) { onDatagrams(); }));
  return poller_.watch(streams_.get(), 0, [this](std::uint32_t) { onStreams(); });
}

void DnsService::judgeBy(const Judge* judge) {
  judge_ = judge;
  judged_.clear();
  poller_.change(datagrams_.get(), EPOLLIN);
  poller_.change(streams_.get(), EPOLLIN);
}

bool DnsService::mayAnswer(const std::string& name) {
  if (const auto found = judged_.find(name); found != judged_.end()) return found->second;
  const bool may = judge_->mayAnswer(name);
  if (judged_.size() >= kMostJudged) judged_.clear();
  judged_.emplace(name, may);
  return may;
}

std::string DnsService::answer(std::string_view query) {
  const auto parsed = parseDnsQuery(query);
  if (const auto* refuse = std::get_if<DnsRefuse>(&parsed)) return dnsAnswer(*refuse);
  const auto* question = std::get_if<DnsQuestion>(&parsed);
  if (question == nullptr || judge_ == nullptr) return {};
  if (!mayAnswer(question->name)) return dnsAnswer(*question, DnsCode::kNoSuchName);
  // The name exists, and has nothing else: no IPv6, no hints about services.
  if (question->type != kDnsA) return dnsAnswer(*question, DnsCode::kNoError);
  const auto address = names_.addressOf(question->name);
  if (!address) return dnsAnswer(*question, DnsCode::kServerFailure);
  return dnsAnswer(*question, DnsCode::kNoError, DnsAddress{.v4 = *address, .seconds = kSeconds});
}

void DnsService::onDatagrams() {
  std::array<char, kMaxDnsMessage> bytes;
  for (int i = 0; i < kDatagramsATurn; ++i) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    auto* peer = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(datagrams_.get(), bytes.data(), bytes.size(), 0, peer, &length);
    if (got < 0) return;
    const std::string told = answer({bytes.data(), static_cast<std::size_t>(got)});
    // A client that cannot take it asks again.
    if (!told.empty()) (void)::sendto(datagrams_.get(), told.data(), told.size(), MSG_NOSIGNAL, peer, length);
  }
}

void DnsService::onStreams() {
  UniqueFd socket(::accept4(streams_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  const int fd = socket.get();
  if (!poller_.watch(fd, EPOLLIN, [this, fd](std::uint32_t) { onClient(fd); })) return;
  clients_[fd] = {std::move(socket), {}, {}, monotonicMs() + kClientTimeMs};
  if (clients_.size() >= kMostClients) poller_.change(streams_.get(), 0);
}

void DnsService::drop(int fd) {
  poller_.forget(fd);
  clients_.erase(fd);
  if (judge_ != nullptr) poller_.change(streams_.get(), EPOLLIN);
}

void DnsService::onClient(int fd) {
  const auto found = clients_.find(fd);
  if (found != clients_.end() && !serve(found->second)) drop(fd);
}

// False: it is over.
bool DnsService::serve(Client& client) {
  const int fd = client.socket.get();
  if (client.unsent.empty()) {
    std::array<char, kMaxDnsMessage> bytes;
    const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    client.received.append(bytes.data(), static_cast<std::size_t>(got));
  }
  while (client.unsent.empty() && client.received.size() >= 2) {
    const std::size_t length = std::size_t{static_cast<unsigned char>(client.received[0])} << 8 |
                               static_cast<unsigned char>(client.received[1]);
    if (length > kMaxDnsMessage) return false;
    if (client.received.size() < 2 + length) break;
    const std::string told = answer(std::string_view(client.received).substr(2, length));
    client.received.erase(0, 2 + length);
    if (told.empty()) return false;
    client.unsent = {static_cast<char>(told.size() >> 8), static_cast<char>(told.size() & 0xff)};
    client.unsent += told;
    client.deadlineMs = monotonicMs() + kClientTimeMs;
    const ssize_t sent = ::send(fd, client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) client.unsent.erase(0, static_cast<std::size_t>(sent));
  }
  if (!client.unsent.empty()) {
    const ssize_t sent = ::send(fd, client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) client.unsent.erase(0, static_cast<std::size_t>(sent));
  }
  poller_.change(fd, client.unsent.empty() ? EPOLLIN : EPOLLOUT);
  return true;
}

void DnsService::tick(std::int64_t nowMs) {
  std::vector<int> late;
  for (const auto& [fd, client] : clients_) {
    if (client.deadlineMs <= nowMs) late.push_back(fd);
  }
  for (const int fd : late) drop(fd);
}

}  // namespace ringfence::sandbox
