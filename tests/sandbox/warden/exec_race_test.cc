// Another thread exchanges what an exec was judged by, after it was judged. Shown winnable where the call simply
// proceeds; where it is verified, no forbidden program runs.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <cstring>
#include <iostream>
#include <thread>

#include "tests/sandbox/warden/exec_world.h"
#include "tests/support/temp_dir.h"

using namespace ringfence;
using namespace ringfence::sandbox;
using test::ExecWorld;
using test::Mediation;
using test::runProgram;

namespace {

// What the calling process's threads fight over. Both texts have the same length, so that each moment's mixture ends.
struct Exchange {
  const char* allowed;
  const char* forbidden;
};

// A process whose second thread writes the one and the other over `text` for ever, while the first executes.
[[noreturn]] void race(const Exchange& exchange, const std::function<void(char* text)>& execute) {
  static char text[64];
  std::strcpy(text, exchange.allowed);
  std::thread([&exchange] {
    const std::size_t size = std::strlen(exchange.allowed);
    for (;;) {
      std::memcpy(text, exchange.forbidden, size);
      for (int i = 0; i < 40; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
      std::memcpy(text, exchange.allowed, size);
      for (int i = 0; i < 40; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
    }
  }).detach();
  execute(text);
  ::_exit(0);
}

int repeat(int times, const Exchange& exchange, const std::function<void(char* text)>& execute) {
  for (int i = 0; i < times; ++i) {
    const pid_t child = ::fork();
    if (child == 0) race(exchange, execute);
    (void)::waitpid(child, nullptr, 0);
  }
  return 0;
}

long countLines(const std::string& text, const std::string& line) {
  long count = 0;
  for (std::size_t at = text.find(line + "\n"); at != std::string::npos; at = text.find(line + "\n", at + 1)) ++count;
  return count;
}

int races() {
  const char* wanted = std::getenv("RINGFENCE_RACES");
  return wanted != nullptr ? std::atoi(wanted) : 500;
}

// Without the check, in steps of this many until one is won, and no more than so many.
constexpr int kStep = 100;
constexpr int kMost = 20'000;

}  // namespace

TEST_CASE(
    "an argument that is exchanged while an exec is judged never reaches a program, and would without the check") {
  static constexpr Exchange kWords{"good-word", "evil-word"};
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {"echo", "evil-word"}, .decide = policy::Decision::kForbid});
  const auto execute = [](char* text) {
    char name[] = "echo";
    char* argv[] = {name, text, nullptr};
    ::execv("/bin/echo", argv);
  };

  ExecWorld world(document);
  const int count = races();
  const auto held = world.run(Mediation::kVerified, [&] { return repeat(count, kWords, execute); });
  CHECK(countLines(held.output, "evil-word") == 0);
  CHECK(held.notified == count);
  const int caught = held.count(ExecOutcome::End::kExchanged);
  CHECK(held.count(ExecOutcome::End::kRan) + caught + held.forbidden == count);
  CHECK(countLines(held.output, "good-word") <= held.count(ExecOutcome::End::kRan));

  long won = 0;
  int tried = 0;
  for (; tried < kMost && won == 0; tried += kStep) {
    const auto lost = world.run(Mediation::kProceed, [&] { return repeat(kStep, kWords, execute); });
    won = countLines(lost.output, "evil-word");
  }
  CHECK(won > 0);
  std::cout << count << " races over an argument: 0 won, " << caught << " caught; without the check " << won << " of "
            << tried << " won\n";
}

TEST_CASE("a path that is exchanged while an exec is judged never runs, and would without the check") {
  const test::TempDir directory;
  const std::string good = directory.path() + "/good";
  const std::string evil = directory.path() + "/evil";
  // Programs, not scripts: what is compared is the object.
  REQUIRE(::system(("cp /bin/true " + good + " && cp /usr/bin/whoami " + evil).c_str()) == 0);
  const Exchange paths{good.c_str(), evil.c_str()};
  policy::Document document = ExecWorld::everythingReadable();
  document.exec.push_back({.match = {evil}, .decide = policy::Decision::kForbid});
  const auto execute = [](char* text) {
    char name[] = "same";
    char* argv[] = {name, nullptr};
    ::execv(text, argv);
  };

  ExecWorld world(document);
  const int count = races();
  const auto held = world.run(Mediation::kVerified, [&] { return repeat(count, paths, execute); });
  CHECK(countLines(held.output, "root") == 0);
  CHECK(held.notified == count);

  long won = 0;
  int tried = 0;
  for (; tried < kMost && won == 0; tried += kStep) {
    const auto lost = world.run(Mediation::kProceed, [&] { return repeat(kStep, paths, execute); });
    won = countLines(lost.output, "root");
  }
  CHECK(won > 0);
  std::cout << count << " races over a path: 0 won, " << held.count(ExecOutcome::End::kExchanged)
            << " caught; without the check " << won << " of " << tried << " won\n";
}

TEST_CASE("what a warden that dies has let proceed and not verified is killed before it runs") {
  const test::TempDir directory;
  const std::string ran = directory.path() + "/ran";
  const std::string ended = directory.path() + "/ended";
  const pid_t warden = ::fork();
  REQUIRE(warden >= 0);
  if (warden == 0) {
    ExecWorld world;
    world.afterAdmit = [](const Notification&) { (void)::kill(::getpid(), SIGKILL); };
    (void)world.run(Mediation::kVerified, [&] {
      const pid_t child = ::fork();
      if (child == 0) ::_exit(runProgram("/usr/bin/touch", {"touch", ran}));
      int status = 0;
      (void)::waitpid(child, &status, 0);
      const int file = ::open((ended + ".new").c_str(), O_WRONLY | O_CREAT, 0600);
      (void)!::dprintf(file, "%d", test::exitCode(status));
      (void)::rename((ended + ".new").c_str(), ended.c_str());
      return 0;
    });
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(warden, &status, 0) == warden);
  CHECK(test::exitCode(status) == 128 + SIGKILL);
  for (int tries = 0; ::access(ended.c_str(), F_OK) != 0 && tries < 6000; ++tries) ::usleep(10'000);
  CHECK(test::readFile(ended) == std::to_string(128 + SIGKILL));
  CHECK(::access(ran.c_str(), F_OK) != 0);
}
