// The pure parts of ringfence-stop: requests, the dead-man's clock, what a thread's files mean, answers.
#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>

#include "supervisor/stop/branches.h"
#include "supervisor/stop/dead_man.h"
#include "supervisor/stop/evidence.h"
#include "supervisor/stop/frozen_processes.h"
#include "supervisor/stop/json_text.h"
#include "supervisor/stop/peers.h"
#include "supervisor/stop/presses.h"
#include "supervisor/stop/request.h"

using namespace ringfence;
using namespace ringfence::supervisor::stop;
using namespace std::chrono_literals;
using Kind = Request::Kind;

TEST_CASE("a request is its word, and what may follow it") {
  CHECK(parseRequest("stop").kind == Kind::kStop);
  CHECK(parseRequest("stop").words.empty());
  CHECK(parseRequest("stop the printer burns").words.view() == "the printer burns");
  CHECK(parseRequest("kill").kind == Kind::kKill);
  CHECK(parseRequest("status").kind == Kind::kStatus);
  CHECK(parseRequest("release").kind == Kind::kRelease);
  CHECK(parseRequest("beat").kind == Kind::kBeat);
  CHECK(parseRequest("bye").kind == Kind::kBye);
  CHECK(triggerOf(parseRequest("stop")).view() == "asked");
  CHECK(triggerOf(parseRequest("stop now")).view() == "asked: now");
}

TEST_CASE("whatever else comes is no request") {
  for (const char* text : {"",
                           " ",
                           "Stop",
                           "stops",
                           " stop",
                           "status ",
                           "release now",
                           "beat 1",
                           "daemon",
                           "daemon ",
                           "daemon -1",
                           "daemon 1s",
                           "daemon 1.",
                           "daemon .5",
                           "daemon 1.2345",
                           "daemon 99999999",
                           "daemon 99999999999999999999999999",
                           "daemon 1 2",
                           "{\"stop\":1}",
                           "stop\n"}) {
    INFO(text);
    CHECK(parseRequest(text).kind == Kind::kUnknown);
  }
  CHECK(parseRequest("stop " + std::string(kMaxStopRequest, 'x')).kind == Kind::kUnknown);
}

TEST_CASE("the patience of a daemon is in seconds, with up to three places") {
  CHECK(parseRequest("daemon 10").patience == 10s);
  CHECK(parseRequest("daemon 0").kind == Kind::kDaemon);
  CHECK(parseRequest("daemon 0").patience == 0s);
  CHECK(parseRequest("daemon 0.5").patience == 500ms);
  CHECK(parseRequest("daemon 1.25").patience == 1250ms);
  CHECK(parseRequest("daemon 2.007").patience == 2007ms);
}

TEST_CASE("words of a stop are printable and bounded, whoever says them") {
  CHECK(parseRequest("stop a\tb\x1b[2J\xff").words.view() == "a?b?[2J?");
  const std::string longest(kMaxStopRequest - 5, 'w');
  CHECK(triggerOf(parseRequest("stop " + longest)).view().size() == kMaxTriggerText);
}

TEST_CASE("the dead man's clock runs from the last beat, and only while a daemon is there") {
  DeadMan deadMan;
  CHECK_FALSE(deadMan.due());
  CHECK(deadMan.state(0s) == DeadMan::State::kAbsent);
  deadMan.begin(100s, 10s);
  CHECK(deadMan.due() == 110s);
  CHECK(deadMan.state(101s) == DeadMan::State::kHeard);
  CHECK(deadMan.state(107s) == DeadMan::State::kSilent);
  deadMan.beat(108s);
  CHECK(deadMan.due() == 118s);
  CHECK(deadMan.state(109s) == DeadMan::State::kHeard);

  SECTION("a connection that is lost without a word is silence from the last beat on") {
    deadMan.loseConnection();
    CHECK(deadMan.due() == 118s);
    CHECK(deadMan.state(109s) == DeadMan::State::kSilent);
    deadMan.begin(112s, 10s);  // It came back in time.
    CHECK(deadMan.due() == 122s);
  }
  SECTION("after a clean end nobody is waited for") {
    deadMan.bye();
    CHECK_FALSE(deadMan.due());
    CHECK(deadMan.state(500s) == DeadMan::State::kAbsent);
  }
  SECTION("one silence stops once; the next begins with the next beat") {
    deadMan.fired();
    CHECK_FALSE(deadMan.due());
    deadMan.beat(130s);
    CHECK(deadMan.due() == 140s);
  }
  SECTION("our own sleep is nobody's silence") {
    deadMan.excuse(4s);
    CHECK(deadMan.due() == 122s);
    deadMan.excuse(-4s);
    CHECK(deadMan.due() == 122s);
  }
  SECTION("without patience there is none") {
    deadMan.begin(200s, 0s);
    CHECK_FALSE(deadMan.due());
    CHECK(deadMan.state(1000s) == DeadMan::State::kHeard);
  }
}

TEST_CASE("what a thread waits in says whether it is stopped") {
  CHECK(classifyThread('S', "do_freezer_trap") == ThreadState::kFrozen);
  CHECK(classifyThread('S', "do_freezer_trap.isra.0") == ThreadState::kFrozen);
  CHECK(classifyThread('S', "get_signal") == ThreadState::kFrozen);
  CHECK(classifyThread('T', "do_signal_stop") == ThreadState::kFrozen);
  CHECK(classifyThread('t', "ptrace_stop") == ThreadState::kFrozen);
  CHECK(classifyThread('D', "wait_for_vfork_done") == ThreadState::kFrozen);
  CHECK(classifyThread('D', "seccomp_do_user_notification") == ThreadState::kHeld);
  CHECK(classifyThread('Z', "0") == ThreadState::kGone);
  CHECK(classifyThread('X', "") == ThreadState::kGone);
}

TEST_CASE("in doubt a thread is not stopped") {
  CHECK(classifyThread('R', "0") == ThreadState::kFinishing);
  CHECK(classifyThread('R', "do_freezer_trap") == ThreadState::kFinishing);
  CHECK(classifyThread('S', "0") == ThreadState::kFinishing);
  CHECK(classifyThread('S', "") == ThreadState::kFinishing);
  CHECK(classifyThread('D', "io_schedule") == ThreadState::kFinishing);
  CHECK(classifyThread('S', "do_freezer_trapdoor") == ThreadState::kFinishing);
  // The freeze takes it out of a call that no warden has taken yet.
  CHECK(classifyThread('S', "seccomp_do_user_notification") == ThreadState::kFinishing);
  CHECK(classifyThread('\0', "do_freezer_trap") == ThreadState::kFinishing);
}

TEST_CASE("a group is found in the group file by its whole name") {
  const std::string file = "root:x:0:\nxringfence-admin:x:7:\nringfence-admins:x:8:\nringfence-admin:x:981:ann,bob\n";
  CHECK(groupIn(file, "ringfence-admin") == 981);
  CHECK_FALSE(groupIn(file, "ringfence"));
  CHECK_FALSE(groupIn("ringfence-admin:x", "ringfence-admin"));
  CHECK_FALSE(groupIn("ringfence-admin:x:12a:", "ringfence-admin"));
  CHECK_FALSE(groupIn("ringfence-admin:x::", "ringfence-admin"));
  CHECK(groupIn("ringfence-admin:x:5", "ringfence-admin") == 5);
}

TEST_CASE("an answer is JSON, whatever the words in it") {
  static JsonText json;
  json.clear()
      .beginObject()
      .field("trigger", "say \"hi\" \\ \n\xff")
      .field("runs", 3)
      .field("ok", true)
      .key("by")
      .null();
  json.key("list").beginArray().beginObject().endObject().value(-1).endArray().endObject();
  CHECK(json.text() == R"({"trigger":"say \"hi\" \\ ??","runs":3,"ok":true,"by":null,"list":[{},-1]})");
  CHECK(json.isWhole());
  json.clear().time(Microseconds(1'795'830'770'123'456));
  CHECK(json.text() == '"' + formatRfc3339(Microseconds(1'795'830'770'123'456)) + '"');
  json.clear().time(Microseconds(0));
  CHECK(json.text() == "\"1970-01-01T00:00:00.000000Z\"");
}

TEST_CASE("an answer that does not fit says that it is not whole") {
  static JsonText json;
  json.clear().beginArray();
  while (json.room() > 0) json.value(1'000'000);
  json.endArray();
  CHECK_FALSE(json.isWhole());
  CHECK(json.clear().isWhole());
}

TEST_CASE("processes that were seen frozen are known again, and only they") {
  const auto known = std::make_unique<FrozenProcesses>();
  // Their numbers meet in the same places.
  for (const int pid : {7, 7 + 16384, 7 + 2 * 16384, 8, 16383}) known->add(pid);
  for (const int pid : {7, 7 + 16384, 7 + 2 * 16384, 8, 16383}) CHECK(known->contains(pid));
  for (const int pid : {1, 9, 10, 11, 7 + 3 * 16384, 2 * 16384 - 1}) CHECK_FALSE(known->contains(pid));
  known->clear();
  CHECK_FALSE(known->contains(7));
}

TEST_CASE("more frozen processes than there is room for are looked at again, and none is made up") {
  const auto known = std::make_unique<FrozenProcesses>();
  for (int pid = 1; pid <= 40'000; ++pid) known->add(pid);
  CHECK(known->contains(1));
  CHECK(known->contains(12'000));
  CHECK_FALSE(known->contains(40'000));
  CHECK_FALSE(known->contains(50'000));
}

TEST_CASE("the last press of each person is known, of as many as there is room for") {
  Presses presses;
  CHECK_FALSE(presses.note(1000, 1s));
  CHECK_FALSE(presses.note(1001, 2s));
  CHECK(presses.note(1000, 3s) == 1s);
  CHECK(presses.note(1000, 4s) == 3s);
  CHECK(presses.note(1001, 5s) == 2s);
  // Whoever pressed the longest ago makes room.
  for (std::uint32_t uid = 1; uid < kMaxPressesKept; ++uid) CHECK_FALSE(presses.note(2000 + uid, 6s));
  CHECK_FALSE(presses.note(1000, 7s));
  CHECK(presses.note(2000 + kMaxPressesKept - 1, 8s) == 6s);
  presses.clear();
  CHECK_FALSE(presses.note(2000 + kMaxPressesKept - 1, 9s));
}

TEST_CASE("a process is below a branch where a line of its groups says so, whatever else they are called") {
  for (const char* inside :
       {"0::/rf-background/r-1/agent\n", "4:pids:/\n0::/rf-interactive/r-1\n", "0::/machine/rf-background/r-1/agent\n",
        "0::/rf-background\n", "0::/rf/rf-background/x\n"}) {
    INFO(inside);
    CHECK(isBelowBranch(inside, "rf"));
  }
  for (const char* outside :
       {"", "0::/\n", "0::/rf-launcher\n", "0::/other-rf-background/r-1\n", "0::/rf-backgrounds/x\n",
        "0::/rf-background", "0::/rf\n", "rf-background/x\n", "0::/rf-guards/r-1/warden\n"}) {
    INFO(outside);
    CHECK_FALSE(isBelowBranch(outside, "rf"));
  }
}
