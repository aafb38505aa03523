#include "tests/sandbox/egress/egress_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "sandbox/egress/dns_message.h"
#include "sandbox/kernel/namespaces.h"
#include "sandbox/kernel/redirect.h"
#include "sandbox/wire/long_message.h"
#include "sdk/base/io.h"
#include "tests/support/slower.h"

namespace ringfence::test {
namespace {

using namespace sandbox;

const int kDeadlineMs = 60'000 * slower();
constexpr uid_t kEgressId = 64'999;
constexpr int kNamePort = 5300;

[[noreturn]] void giveUp(const std::string& what) { throw std::runtime_error(what + ": " + std::strerror(errno)); }

void need(bool holds, const char* what) {
  if (!holds) giveUp(what);
}

bool readable(int fd, int milliseconds) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, milliseconds) == 1;
}

sockaddr_in at(const std::string& address, int port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(static_cast<std::uint16_t>(port));
  need(::inet_pton(AF_INET, address.c_str(), &made.sin_addr) == 1, "address");
  return made;
}

UniqueFd listenOn(const std::string& address, int port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const sockaddr_in own = at(address, port);
  need(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0, "bind");
  need(::listen(fd.get(), 512) == 0, "listen");
  return fd;
}

// Empty when nobody listens there.
Wire tryConnect(UniqueFd fd, const std::string& address, int port) {
  const sockaddr_in to = at(address, port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return {};
  return Wire(std::move(fd));
}

UniqueFd openNamespace(pid_t pid) {
  return openAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/ns/net", O_RDONLY).value();
}

}  // namespace

Wire::Wire(UniqueFd fd) : fd_(std::move(fd)) {
  const timeval limit{kDeadlineMs / 1000, 0};
  (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  (void)::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

void Wire::send(const std::string& bytes) const {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (sent < 0) giveUp("sending");
    at += static_cast<std::size_t>(sent);
  }
}

std::string Wire::read(std::size_t count) const {
  std::string bytes(count, '\0');
  std::size_t at = 0;
  while (at < count) {
    const ssize_t got = ::recv(fd_.get(), bytes.data() + at, count - at, 0);
    if (got < 0) giveUp("reading");
    if (got == 0) throw std::runtime_error("the end came after: " + bytes.substr(0, at));
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string Wire::readUntil(const std::string& end) const {
  std::string bytes;
  while (!bytes.ends_with(end)) bytes += read(1);
  return bytes;
}

std::string Wire::readAll() const {
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN) giveUp("reading to the end");
    if (got <= 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
}

bool Wire::isReset() const {
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::recv(fd_.get(), buffer, sizeof buffer, 0)) > 0) {}
  if (got < 0 && errno == EAGAIN) giveUp("waiting for a reset");
  return got < 0 && errno == ECONNRESET;
}

bool Wire::hasBytes() const { return readable(fd_.get(), 0); }
void Wire::finish() const { (void)::shutdown(fd_.get(), SHUT_WR); }

Server::Server(const std::string& address, int port) : fd_(listenOn(address, port)) {}
bool Server::hasClient() const { return readable(fd_.get(), 0); }
Wire Server::accept() const {
  if (!readable(fd_.get(), kDeadlineMs)) throw std::runtime_error("nobody connected");
  return Wire(UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

EgressProcess::EgressProcess(const std::vector<std::string>& options) {
  need(::unshare(CLONE_NEWNET) == 0, "unshare");
  need(bringLoopbackUp().has_value(), "lo");
  // .10 is this machine's; whoever connects to the others does so from there, as to other machines.
  for (int i = 10; i > 0; --i) {
    const std::string address = "198.51.100." + std::to_string(i);
    need(std::system(("ip addr add " + address + "/32 dev lo").c_str()) == 0, "ip addr add");
    const std::string route = "ip route replace table local local " + address + " dev lo src 198.51.100.10";
    need(i == 10 || std::system(route.c_str()) == 0, "ip route replace");
  }
  worldNs_ = openNamespace(::getpid());
  int ready[2];
  need(::pipe2(ready, O_CLOEXEC) == 0, "pipe");
  holder_ = ::fork();
  if (holder_ == 0) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool made = ::unshare(CLONE_NEWNET) == 0 && bringLoopbackUp() && prepareNetwork();
    (void)!::write(ready[1], made ? "y" : "n", 1);
    for (;;) ::pause();
  }
  ::close(ready[1]);
  char answer = 'n';
  need(::read(ready[0], &answer, 1) == 1 && answer == 'y', "preparing the run's network");
  ::close(ready[0]);
  agentNs_ = openNamespace(holder_);
  nameSocket_ = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in own = at("127.0.0.1", kNamePort);
  need(::bind(nameSocket_.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0, "the name server");
  startHalves(options);
  daemon_ = std::thread([this] { daemon(); });
  nameServer_ = std::thread([this] { nameServer(); });
}

EgressProcess::~EgressProcess() {
  ending_ = true;
  daemon_.join();
  nameServer_.join();
  for (const pid_t pid : {inner_, outer_, holder_}) {
    if (pid <= 0) continue;
    (void)::kill(pid, SIGKILL);
    (void)::waitpid(pid, nullptr, 0);
  }
}

void EgressProcess::startHalves(const std::vector<std::string>& options) {
  int halves[2];
  int guards[2];
  need(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, halves) == 0, "socketpair");
  need(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, guards) == 0, "socketpair");
  ring_ = ActionRing::create(kActionRingCapacity).value();
  denialsPath_ = directory_.write("denials", "");
  const UniqueFd denials = openAt(AT_FDCWD, denialsPath_, O_WRONLY | O_APPEND).value();
  const std::string program = std::string(RINGFENCE_BIN_DIR) + "/ringfence-egress";
  // High numbers first: what is put at 3 to 6 must not hide what is still needed.
  const auto start = [&](std::vector<std::string> words, std::vector<int> fds, int net) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int& fd : fds) fd = ::fcntl(fd, F_DUPFD, 100);
    if (::setns(net, CLONE_NEWNET) != 0) ::_exit(90);
    for (std::size_t i = 0; i < fds.size(); ++i) (void)::dup2(fds[i], static_cast<int>(3 + i));
    (void)::close_range(static_cast<unsigned>(3 + fds.size()), ~0U, 0);
    if (::setresgid(kEgressId, kEgressId, kEgressId) != 0 || ::setresuid(kEgressId, kEgressId, kEgressId) != 0)
      ::_exit(91);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(program.c_str(), argv.data());
    ::_exit(92);
  };
  inner_ = start({program, "inner"}, {halves[0]}, agentNs_.get());
  std::vector<std::string> words{program, "outer", "--resolver", "127.0.0.1:" + std::to_string(kNamePort)};
  words.insert(words.end(), options.begin(), options.end());
  outer_ = start(words, {halves[1], guards[1], ring_->fd(), denials.get()}, worldNs_.get());
  guard_.reset(guards[0]);
  for (const int fd : {halves[0], halves[1], guards[1]}) ::close(fd);
}

void EgressProcess::daemon() {
  while (!ending_) {
    if (!readable(guard_.get(), 20)) continue;
    auto packet = receivePacket(guard_.get(), kMaxGuardPacket);
    if (!packet || packet->bytes.empty()) return;
    auto event = decodeGuardEvent(packet->bytes);
    if (!event) return;
    const auto* record = std::get_if<Record>(&*event);
    if (record != nullptr && record->ticket != 0 && acknowledging_) send(Recorded{record->ticket});
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(*event));
    changed_.notify_all();
  }
}

void EgressProcess::nameServer() {
  while (!ending_) {
    if (!readable(nameSocket_.get(), 20)) continue;
    char bytes[4096];
    sockaddr_in from{};
    socklen_t length = sizeof from;
    auto* peer = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(nameSocket_.get(), bytes, sizeof bytes, 0, peer, &length);
    if (got < 0) continue;
    const auto parsed = parseDnsQuery({bytes, static_cast<std::size_t>(got)});
    const auto* question = std::get_if<DnsQuestion>(&parsed);
    if (question == nullptr) continue;
    std::string answer = dnsAnswer(*question, DnsCode::kNoSuchName);
    {
      const std::lock_guard lock(mutex_);
      queries_.push_back(question->name);
      const auto known = names_.find(question->name);
      if (known != names_.end() && question->type == kDnsA) {
        const std::string address = known->second.front();
        if (known->second.size() > 1) known->second.erase(known->second.begin());
        answer = dnsAnswer(*question, DnsCode::kNoError,
                           DnsAddress{.v4 = ntohl(at(address, 0).sin_addr.s_addr), .seconds = 1});
      } else if (known != names_.end()) {
        answer = dnsAnswer(*question, DnsCode::kNoError);
      }
    }
    (void)::sendto(nameSocket_.get(), answer.data(), answer.size(), 0, peer, length);
  }
}

void EgressProcess::waitFor(const std::function<bool()>& done) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, std::chrono::milliseconds(kDeadlineMs), done))
    throw std::runtime_error("an event of the egress did not come");
}

void EgressProcess::send(const GuardOrder& order) {
  const Packet packet = packRequest(encodeBounded(order).value()).value();
  std::vector<int> fds;
  for (const UniqueFd& fd : packet.fds) fds.push_back(fd.get());
  need(sendPacket(guard_.get(), packet.bytes, fds).has_value(), "ordering");
}

void EgressProcess::giveRules(const policy::Network& network, std::vector<std::string> credentials, policy::Mode mode) {
  GuardRules rules;
  rules.run = RunId::random();
  rules.generation = ++generation_;
  rules.document.name = "test";
  rules.document.network = network;
  rules.document.mode = mode;
  for (std::string& value : credentials) rules.credentials.push_back({std::move(value)});
  send(rules);
}

Record EgressProcess::expectRecord(RecordKind kind, const std::string& target) {
  return expect<Record>(
      [&](const Record& record) { return record.kind == kind && record.action.action.target == target; });
}

std::vector<AllowedAction> EgressProcess::takeAllowed() {
  std::vector<AllowedAction> taken;
  while (auto entry = ring_->take().value()) taken.push_back(decodeEntry(*entry).value());
  return taken;
}

void EgressProcess::setName(const std::string& name, std::vector<std::string> answers) {
  const std::lock_guard lock(mutex_);
  names_[name] = std::move(answers);
}

std::vector<std::string> EgressProcess::queries() {
  const std::lock_guard lock(mutex_);
  return queries_;
}

void EgressProcess::inAgent(const std::function<void()>& body) {
  need(::setns(agentNs_.get(), CLONE_NEWNET) == 0, "entering the run's network");
  body();
  need(::setns(worldNs_.get(), CLONE_NEWNET) == 0, "leaving the run's network");
}

Wire EgressProcess::connectInside(const std::string& address, int port) {
  Wire made;
  for (int tries = 0; !made; ++tries) {
    if (tries == kDeadlineMs / 10) giveUp("connecting inside");
    // The halves may still be starting.
    if (tries > 0) (void)::poll(nullptr, 0, 10);
    UniqueFd fd;
    inAgent([&] { fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
    made = tryConnect(std::move(fd), address, port);
  }
  return made;
}

Wire EgressProcess::connectWorld(const std::string& address, int port) {
  Wire made;
  for (int tries = 0; !made; ++tries) {
    if (tries == kDeadlineMs / 10) giveUp("connecting outside");
    if (tries > 0) (void)::poll(nullptr, 0, 10);
    made = tryConnect(UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), address, port);
  }
  return made;
}

Server EgressProcess::listenInside(int port) {
  std::optional<Server> made;
  inAgent([&] { made.emplace("127.0.0.1", port); });
  return std::move(*made);
}

std::string EgressProcess::askName(const std::string& query) {
  UniqueFd fd;
  inAgent([&] { fd = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
  const sockaddr_in to = at("9.9.9.9", 53);
  need(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "asking for a name");
  // The halves may still be starting: then it is refused, or there is no answer yet.
  for (int tries = 0; tries < kDeadlineMs / 10; ++tries) {
    (void)::send(fd.get(), query.data(), query.size(), 0);
    if (readable(fd.get(), 1000)) {
      char bytes[4096];
      const ssize_t got = ::recv(fd.get(), bytes, sizeof bytes, 0);
      if (got >= 0) return {bytes, static_cast<std::size_t>(got)};
    }
    (void)::poll(nullptr, 0, 10);
  }
  throw std::runtime_error("no answer to a question for a name");
}

std::string EgressProcess::addressInside(const std::string& name) {
  const std::string answer = askName(dnsQuestion(77, name, kDnsA).value());
  const auto reply = parseDnsReply(answer, 77, name, kDnsA);
  if (!reply || reply->addresses.empty()) return {};
  return reply->addresses[0].text();
}

}  // namespace ringfence::test
