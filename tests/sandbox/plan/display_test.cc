// A run that could press keys and draw windows as its person is known as one.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "sandbox/plan/display.h"
#include "tests/sandbox/plan/plan_fixture.h"

namespace ringfence::sandbox {
namespace {

using Catch::Matchers::ContainsSubstring;
using test::rule;
using test::sampleRequest;
using test::smallPolicy;

std::string displayOf(const policy::Document& document, const LaunchRequest& request = sampleRequest()) {
  return displayGiven(document, request);
}

TEST_CASE("a run has no display unless something gives it one, whatever its caller's environment says") {
  LaunchRequest request = sampleRequest();
  request.callerEnvironment["DISPLAY"] = ":0";
  request.callerEnvironment["WAYLAND_DISPLAY"] = "wayland-0";
  request.callerEnvironment["XDG_RUNTIME_DIR"] = "/run/user/1000";
  CHECK(displayOf(smallPolicy(), request).empty());
}

TEST_CASE("a granted X11 socket, its folder or what holds it is a display, and says where it was granted") {
  for (const char* path : {"/tmp/.X11-unix", "/tmp/.X11-unix/X0"}) {
    policy::Document document = smallPolicy();
    document.files.read.push_back(rule(path, 7));
    CHECK_THAT(displayOf(document), ContainsSubstring("the X11 socket /tmp/.X11-unix (") && ContainsSubstring(":7)"));
  }
  LaunchRequest request = sampleRequest();
  request.extraPaths = {{"/tmp/.X11-unix", Access::kReadWrite}};
  CHECK_THAT(displayOf(smallPolicy(), request), ContainsSubstring("--read or --write"));
}

TEST_CASE("what is asked about is there to be given, and counts") {
  policy::Document document = smallPolicy();
  document.files.ask.push_back(rule("/tmp/.X11-unix"));
  CHECK_FALSE(displayOf(document).empty());
}

TEST_CASE("a Wayland socket where the caller has it, or by its name, is a display") {
  LaunchRequest request = sampleRequest();
  request.callerEnvironment["XDG_RUNTIME_DIR"] = "/srv/runtime";
  request.callerEnvironment["WAYLAND_DISPLAY"] = "screen";
  policy::Document document = smallPolicy();
  document.files.read.push_back(rule("/srv/runtime"));
  CHECK_THAT(displayOf(document, request), ContainsSubstring("the Wayland socket /srv/runtime/screen ("));
  CHECK(displayOf(document).empty());
  request.callerEnvironment["WAYLAND_DISPLAY"] = "/srv/other/screen";
  CHECK(displayOf(document, request).empty());
  document.files.read.push_back(rule("/var/lib/x/wayland-3"));
  CHECK_THAT(displayOf(document), ContainsSubstring("/var/lib/x/wayland-3"));
}

TEST_CASE("a port of this machine at which an X server listens is a display, another one is none") {
  policy::Document document = smallPolicy();
  document.network.loopback = {11434, 6010};
  CHECK_THAT(displayOf(document), ContainsSubstring("the X11 port 6010"));
  document.network.loopback = {11434};
  document.network.allow = {{.host = "example.org", .port = 6010, .why = "", .origin = {}}};
  CHECK(displayOf(document).empty());
  document.network.ask = {{.host = "127.0.0.1", .port = {}, .why = "", .origin = {"a.toml", 3, ""}}};
  CHECK_THAT(displayOf(document), ContainsSubstring("(a.toml:3)"));
}

}  // namespace
}  // namespace ringfence::sandbox
