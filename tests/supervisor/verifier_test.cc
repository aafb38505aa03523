// Checks of the log beside the loop, and where a reading by time begins.
#include "supervisor/verifier.h"
#include "tests/supervisor/store_world.h"

using namespace ringfence;
using namespace ringfence::supervisor;
using ringfence::supervisor::test::plainFacts;
using ringfence::supervisor::test::waitDurable;

namespace {

struct World {
  ringfence::test::TempDir dir;
  std::string file = dir.path() + "/log.db";
  std::unique_ptr<SqliteStore> store;

  explicit World(std::uint64_t facts) {
    store = std::move(SqliteStore::open(file).value().store);
    for (std::uint64_t first = 1; first <= facts; first += 1000)
      REQUIRE(store->append(plainFacts(first, std::min<std::uint64_t>(1000, facts + 1 - first))));
    REQUIRE(waitDurable(*store, facts));
  }
};

bool waitForNews(const Verifier& verifier) {
  pollfd news{.fd = verifier.eventFd(), .events = POLLIN, .revents = 0};
  return ::poll(&news, 1, 60000) == 1;
}

}  // namespace

TEST_CASE("checks of the log are answered one after another, and only when the loop comes for them") {
  const World world(100);
  auto verifier = Verifier::create(world.file).value();
  std::vector<std::string> answers;
  const auto note = [&](const std::string& who) {
    return [&answers, who](const Result<VerifyReport>& report) {
      answers.push_back(who + (report.value().ok ? " ok" : " broken") + " " + std::to_string(report->facts));
    };
  };
  verifier->verify("", note("first"));
  verifier->verify(std::string(64, 'f'), note("second"));
  REQUIRE(waitForNews(*verifier));
  CHECK(answers.empty());
  verifier->finish();
  CHECK(answers == std::vector<std::string>{"first ok 100"});
  REQUIRE(waitForNews(*verifier));
  verifier->finish();
  CHECK(answers.back() == "second broken 100");
}

TEST_CASE("more checks than may wait are refused at once") {
  const World world(1);
  auto verifier = Verifier::create(world.file).value();
  std::size_t refused = 0, answered = 0;
  const auto count = [&](const Result<VerifyReport>& report) { ++(report ? answered : refused); };
  for (std::size_t i = 0; i < kMaxWaitingChecks + 3; ++i) verifier->verify("", count);
  CHECK(refused == 3);
  while (answered < kMaxWaitingChecks) {
    REQUIRE(waitForNews(*verifier));
    verifier->finish();
  }
  CHECK(refused == 3);
}

TEST_CASE("a check that runs is given up when its verifier goes") {
  const World world(20000);
  bool told = false;
  auto verifier = Verifier::create(world.file).value();
  verifier->verify("", [&](const Result<VerifyReport>&) { told = true; });
  verifier.reset();
  CHECK_FALSE(told);
  std::stop_source stopped;
  stopped.request_stop();
  CHECK(verifyLog(world.file, "", stopped.get_token()).error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a reading by time begins behind the newest fact that is older, when that is not too far back") {
  World world(25000);  // fact n was recorded at n microseconds
  CHECK(world.store->seqBefore(Microseconds(24000)).value() == 23999);
  CHECK(world.store->seqBefore(Microseconds(25001)).value() == 25000);
  CHECK(world.store->seqBefore(Microseconds(1)).value() == 0);
  CHECK(world.store->seqBefore(Microseconds(100)).value() == 0);  // further back than is looked
}
