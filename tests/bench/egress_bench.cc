// What passing ringfence-egress costs, against the same over loopback without it: the time to connect and have the
// first byte, and the throughput of one stream. The daemon is the test's: it acknowledges at once, without a disk.
//   egress_bench [ROUNDS] [MEBIBYTES]
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/sandbox/egress/egress_process.h"
#include "tests/sandbox/egress/egress_rules.h"

namespace {

using namespace ringfence::test;
using Clock = std::chrono::steady_clock;

constexpr int kGreetPort = 7001, kFloodPort = 7002, kSinkPort = 7003;
const std::string kServer = "198.51.100.1";

double microseconds(Clock::time_point since) {
  return std::chrono::duration<double, std::micro>(Clock::now() - since).count();
}

// Serves `count` connections one after the other.
std::thread serve(const Server& server, int count, std::function<void(const Wire&)> each) {
  return std::thread([&server, count, each = std::move(each)] {
    for (int i = 0; i < count; ++i) each(server.accept());
  });
}

struct Way {
  const char* what;
  std::function<Wire()> connect;
  std::vector<double> times = {};
  double at(std::size_t percent) const { return times[times.size() * percent / 100]; }
};
// By turns, so that what disturbs the machine disturbs all of them.
void measureFirstByte(int rounds, std::vector<Way>& ways) {
  for (int i = 0; i < rounds; ++i) {
    for (Way& way : ways) {
      const auto begun = Clock::now();
      const Wire wire = way.connect();
      (void)wire.read(1);
      way.times.push_back(microseconds(begun));
    }
  }
  for (Way& way : ways) std::ranges::sort(way.times);
}

double gibibits(std::size_t bytes, double micros) { return static_cast<double>(bytes) * 8 / micros * 1e6 / (1 << 30); }

double download(const Wire& wire, std::size_t bytes) {
  const auto begun = Clock::now();
  std::vector<char> buffer(1 << 20);
  std::size_t got = 0;
  while (got < bytes) {
    const ssize_t now = ::recv(wire.fd(), buffer.data(), buffer.size(), 0);
    if (now <= 0) std::exit(1);
    got += static_cast<std::size_t>(now);
  }
  return gibibits(bytes, microseconds(begun));
}

double upload(const Wire& wire, std::size_t bytes) {
  const auto begun = Clock::now();
  const std::string part(1 << 20, 'x');
  for (std::size_t sent = 0; sent < bytes; sent += part.size()) wire.send(part);
  wire.finish();
  (void)wire.readAll();
  return gibibits(bytes, microseconds(begun));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 500;
  const std::size_t bytes = static_cast<std::size_t>(argc > 2 ? std::atoi(argv[2]) : 512) << 20;
  EgressProcess egress;
  egress.setName("bench.example.org", {kServer});
  ringfence::policy::Network network = allowing({host("bench.example.org"), host(kServer)});
  network.loopback = {kGreetPort};
  egress.giveRules(network);
  const std::string named = egress.addressInside("bench.example.org");

  const Server greet(kServer, kGreetPort);
  const Server local("127.0.0.1", kGreetPort);
  const auto greeting = [](const Wire& client) { client.send("!"); };
  auto greeter = serve(greet, 4 * rounds, greeting);
  auto localGreeter = serve(local, rounds, greeting);
  const auto connectRequest = connectTo("bench.example.org:" + std::to_string(kGreetPort));
  const auto overProxy = [&] {
    Wire wire = egress.proxy();
    wire.send(connectRequest);
    (void)wire.readUntil("\r\n\r\n");
    return wire;
  };
  std::vector<Way> ways{{"direct", [&] { return egress.connectWorld(kServer, kGreetPort); }},
                        {"a loopback port", [&] { return egress.connectInside("127.0.0.1", kGreetPort); }},
                        {"an address, redirected", [&] { return egress.connectInside(kServer, kGreetPort); }},
                        {"a name, redirected", [&] { return egress.connectInside(named, kGreetPort); }},
                        {"a name, CONNECT", overProxy}};
  measureFirstByte(rounds, ways);
  greeter.join();
  localGreeter.join();

  const Server flood(kServer, kFloodPort);
  auto flooder = serve(flood, 2, [&](const Wire& client) {
    const std::string part(1 << 20, 'x');
    for (std::size_t sent = 0; sent < bytes; sent += part.size()) client.send(part);
  });
  const double downDirect = download(egress.connectWorld(kServer, kFloodPort), bytes);
  const double downThrough = download(egress.connectInside(kServer, kFloodPort), bytes);
  flooder.join();
  const Server sink(kServer, kSinkPort);
  auto sinker = serve(sink, 2, [&](const Wire& client) {
    std::vector<char> buffer(1 << 20);
    while (::recv(client.fd(), buffer.data(), buffer.size(), 0) > 0) {}
  });
  const double upDirect = upload(egress.connectWorld(kServer, kSinkPort), bytes);
  const double upThrough = upload(egress.connectInside(kServer, kSinkPort), bytes);
  sinker.join();

  for (const Way& way : ways) {
    std::printf("connect and first byte, %-22s %8.1f us median  %8.1f us p99  %5.2f of direct\n", way.what, way.at(50),
                way.at(99), way.at(50) / ways.front().at(50));
  }
  std::printf("one stream down: direct %.2f Gibit/s, through %.2f Gibit/s: %.2f\n", downDirect, downThrough,
              downThrough / downDirect);
  std::printf("one stream up:   direct %.2f Gibit/s, through %.2f Gibit/s: %.2f\n", upDirect, upThrough,
              upThrough / upDirect);
  return 0;
}
