// A log in a directory of its own, and facts to put into it.
#pragma once

#include <poll.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "random_facts.h"
#include "supervisor/store/sqlite.h"
#include "supervisor/store/sqlite_store.h"
#include "supervisor/store/verify_log.h"
#include "tests/support/temp_dir.h"

namespace ringfence::supervisor::test {

// Polls the store until `done` says so; a generous deadline, for a machine that is busy.
template <typename Done>
bool waitUntil(Store& store, Done done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < deadline) {
    if (done(store.progress())) return true;
    pollfd news{.fd = store.eventFd(), .events = POLLIN, .revents = 0};
    (void)::poll(&news, 1, 1000);
  }
  return false;
}

inline bool waitDurable(Store& store, std::uint64_t seq) {
  return waitUntil(store, [&](const Progress& progress) { return progress.durableSeq >= seq || progress.failure; }) &&
         store.progress().durableSeq >= seq;
}

// Fits together: every third is an admission of a new run, then it ends.
inline std::vector<Fact> plainFacts(std::uint64_t first, std::uint64_t count) {
  std::vector<Fact> facts;
  for (std::uint64_t seq = first; seq < first + count; ++seq) {
    Fact fact{.seq = seq,
              .run = runId(static_cast<unsigned>(seq / 3)),
              .at = {Microseconds(seq), Microseconds(2 * seq), Microseconds(3 * seq)},
              .bootId = "boot",
              .body = RunStarted{static_cast<std::int32_t>(seq % 1000)}};
    if (seq % 3 == 0)
      fact.body = RunAdmitted{.name = "run",
                              .callerUid = 1000,
                              .command = {"true"},
                              .workspace = "/w",
                              .policyName = {},
                              .policyHash = {},
                              .planHash = {},
                              .weakened = {}};
    if (seq % 3 == 2)
      fact.body = RunEnded{.exit = {.code = 0, .signal = {}}, .outOfMemory = false, .note = {}, .usage = {}};
    facts.push_back(std::move(fact));
  }
  return facts;
}

inline State foldAll(const std::vector<Fact>& facts) {
  State state;
  for (const Fact& fact : facts) state = evolve(std::move(state), fact);
  return state;
}

class LogWorld {
 public:
  std::string path() const { return directory_.path() + "/log.db"; }

  SqliteStore::Opened open(StoreOptions options = {}) const {
    auto opened = SqliteStore::open(path(), options);
    if (!opened) FAIL(opened.error().message);
    return *std::move(opened);
  }
  Error openError(StoreOptions options = {}) const {
    auto opened = SqliteStore::open(path(), options);
    REQUIRE_FALSE(opened.has_value());
    return opened.error();
  }
  // A closed log with facts 1 to `count`.
  void fill(std::uint64_t count) const {
    auto opened = open();
    REQUIRE(opened.store->append(plainFacts(1, count)));
    REQUIRE(waitDurable(*opened.store, count));
  }
  void sql(const std::string& text) const {
    auto connection = Connection::open(path(), OpenMode::kWrite);
    REQUIRE(connection);
    const auto done = (*connection)->executeText(text.c_str());
    if (!done) FAIL(done.error().message);
  }
  VerifyReport verify(const std::string& against = {}) const {
    auto report = verifyLog(path(), against);
    if (!report) FAIL(report.error().message);
    return *report;
  }

 private:
  ringfence::test::TempDir directory_;
};

}  // namespace ringfence::supervisor::test
