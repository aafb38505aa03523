// What `ringfence policy learn` takes from a run's log.
#include <catch2/catch_all.hpp>

#include "ui/cli/observed_actions.h"

using namespace ringfence;
using policy::Operation;

namespace {

client::LogLine line(std::uint64_t seq, const char* kind, const char* body) { return {seq, "", "", kind, body, ""}; }

}  // namespace

TEST_CASE("what was allowed is observed with its counts, equal actions together, in the order in which they came") {
  cli::ObservedActions observed;
  observed.add(line(4, "actions-allowed", R"({"actions":[
    {"op":"write","target":"/w/a","what":"openat","count":3},
    {"op":"exec","target":"/usr/bin/git","argv":["git","status"],"count":1}]})"));
  observed.add(line(7, "actions-allowed", R"({"actions":[{"op":"write","target":"/w/a","count":2}]})"));
  observed.add(line(9, "connection-opened", R"({"action":{"op":"connect","target":"example.org:443"},"count":1})"));
  const auto all = observed.all();
  REQUIRE(all.size() == 3);
  CHECK(all[0].action == policy::Action{Operation::kWrite, "/w/a", {}});
  CHECK(all[0].count == 5);
  CHECK(all[0].evidence == "seq 4");
  CHECK(all[1].action == policy::Action{Operation::kExec, "/usr/bin/git", {"git", "status"}});
  CHECK(all[2].action == policy::Action{Operation::kConnect, "example.org:443", {}});
  CHECK(observed.refused() == 0);
  CHECK(observed.unreadable() == 0);
}

TEST_CASE("of what was asked only what a person allowed is observed") {
  cli::ObservedActions observed;
  for (const char* body :
       {R"({"id":1,"action":{"op":"write","target":"/w/yes"}})", R"({"id":2,"action":{"op":"write","target":"/w/no"}})",
        R"({"id":3,"action":{"op":"write","target":"/w/late"}})",
        R"({"id":4,"action":{"op":"write","target":"/w/changed"}})",
        R"({"id":5,"action":{"op":"write","target":"/w/open"}})"})
    observed.add(line(1, "action-asked", body));
  observed.add(line(2, "action-answered", R"({"id":1,"outcome":"allowed"})"));
  observed.add(line(3, "action-answered", R"({"id":2,"outcome":"denied"})"));
  observed.add(line(4, "action-answered", R"({"id":3,"outcome":"expired"})"));
  observed.add(line(5, "action-answered", R"({"id":4,"outcome":"rewritten"})"));
  observed.add(line(6, "action-answered", R"({"id":99,"outcome":"allowed"})"));
  const auto all = observed.all();
  REQUIRE(all.size() == 1);
  CHECK(all[0].action.target == "/w/yes");
  CHECK(observed.refused() == 3);
}

TEST_CASE("what a rule denied is observed: learn decides whether it may be proposed") {
  cli::ObservedActions observed;
  observed.add(line(3, "action-denied", R"({"action":{"op":"read","target":"/etc/shadow"},"count":4})"));
  REQUIRE(observed.all().size() == 1);
  CHECK(observed.all()[0].count == 4);
}

TEST_CASE("a rename changes both of its ends") {
  cli::ObservedActions observed;
  observed.add(line(3, "actions-allowed", R"({"actions":[{"op":"write","target":"/w/a","second":"/w/b","count":1}]})"));
  REQUIRE(observed.all().size() == 2);
  CHECK(observed.all()[1].action.target == "/w/b");
}

TEST_CASE("names that are not UTF-8 are read as they are, and what cannot be read is counted") {
  cli::ObservedActions observed;
  observed.add(line(3, "actions-allowed", R"({"actions":[{"op":"write","target":{"base64":"L3cv/w=="},"count":1}]})"));
  REQUIRE(observed.all().size() == 1);
  CHECK(observed.all()[0].action.target == "/w/\xff");
  for (const char* body : {"", "[]", "{}", R"({"actions":[1]})", R"({"actions":[{"op":"fly","target":"/w"}]})",
                           R"({"actions":[{"op":"write","target":7}]})",
                           R"({"actions":[{"op":"exec","target":"/x","argv":[{"base64":"?"}]}]})"})
    observed.add(line(4, "actions-allowed", body));
  observed.add(line(5, "action-denied", R"({"action":null})"));
  observed.add(line(6, "run-started", "garbage"));
  CHECK(observed.all().size() == 1);
  CHECK(observed.unreadable() == 7);
}
