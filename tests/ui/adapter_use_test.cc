#include "ui/cli/adapter_use.h"

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <nlohmann/json.hpp>

namespace ringfence::cli {
namespace {

using nlohmann::json;

policy::Adapter example(const std::string& name) {
  policy::Adapter adapter;
  adapter.name = name;
  adapter.file = "/etc/ringfence/adapters/" + name + ".toml";
  adapter.programs = {name};
  adapter.packages = {"@x/" + name};
  adapter.arguments = {"-c", "sandbox=off"};
  adapter.environment = {{"SANDBOX", "false"}, {"MODE", "quiet"}};
  adapter.files = {{"." + name + "/settings.json", R"({"command":"$HOOK mine"})"}};
  adapter.hook = policy::AdapterHook{{"Before"}, 120};
  adapter.stop = policy::AdapterStop{"INT", 12};
  return adapter;
}

AdapterShelf shelf() {
  AdapterShelf shelf;
  shelf.adapters = {example("mine"), example("other")};
  policy::Diagnostic wrong;
  wrong.file = "/etc/ringfence/adapters/bad.toml";
  wrong.message = "unknown key `x`";
  shelf.broken.push_back({"bad", wrong.file, {wrong}});
  return shelf;
}

client::RunRequest command(std::vector<std::string> argv) {
  client::RunRequest request;
  request.executable = "/usr/bin/" + argv[0];
  request.argv = std::move(argv);
  return request;
}

AdapterChoice chosen(const std::string& named, const client::RunRequest& request) {
  auto choice = chooseAdapter(shelf(), named, request);
  REQUIRE(choice);
  REQUIRE(choice->has_value());
  return **choice;
}

}  // namespace

TEST_CASE("the adapter that knows a command is used, another where it is named, and none where that is said") {
  const auto request = command({"mine", "-p", "hi"});
  CHECK(chosen("", request).adapter.name == "mine");
  CHECK(chosen("other", request).adapter.name == "other");
  CHECK_FALSE(chosen("other", request).place);
  for (const auto& [named, argv] : {std::pair{"none", "mine"}, {"", "make"}}) {
    const auto nothing = chooseAdapter(shelf(), named, command({argv}));
    REQUIRE(nothing);
    CHECK_FALSE(nothing->has_value());
  }
}

TEST_CASE("an adapter that is not there, or does not load, is refused where it is named") {
  const auto absent = chooseAdapter(shelf(), "mien", command({"mine"}));
  REQUIRE_FALSE(absent);
  CHECK(absent.error().code == ErrorCode::kNotFound);
  CHECK(absent.error().message == "there is no adapter 'mien'; there are mine, other, and none");
  const auto broken = chooseAdapter(shelf(), "bad", command({"mine"}));
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == ErrorCode::kInvalid);
  CHECK(broken.error().message.find("unknown key `x`") != std::string::npos);
}

TEST_CASE("arguments go behind the agent's own word, and a variable that the person set stays") {
  auto request = command({"npx", "-y", "@x/mine", "--fast"});
  request.extraEnvironment = {{"MODE", "loud"}};
  const AdapterChoice choice = chosen("", request);
  applyAdapter(choice, "/usr/libexec/ringfence/ringfence-hook", request);
  CHECK(request.argv == std::vector<std::string>{"npx", "-y", "@x/mine", "-c", "sandbox=off", "--fast"});
  CHECK(request.extraEnvironment ==
        std::vector<std::pair<std::string, std::string>>{{"MODE", "loud"}, {"SANDBOX", "false"}});
  REQUIRE(request.adapter);
  CHECK(request.adapter->name == "mine");
  CHECK(request.adapter->speaks == std::vector<std::string>{"Before"});
  CHECK(request.adapter->silentAfterSec == 120);
  CHECK(request.adapter->stopSignal == SIGINT);
  CHECK(request.adapter->stopPatienceSec == 12);
  CHECK(request.adapter->start == "/usr/libexec/ringfence/ringfence-hook");
  CHECK(
      json::parse(request.adapter->settings) ==
      json::parse(
          R"({"adapter":"mine","files":[{"path":".mine/settings.json","merge":{"command":"/usr/libexec/ringfence/ringfence-hook mine"}}]})"));
  const std::string text = describeAdapter(choice, request);
  CHECK(text.find("adapter mine (/etc/ringfence/adapters/mine.toml)") == 0);
  CHECK(text.find("-c sandbox=off") != std::string::npos);
  CHECK(text.find("~/.mine/settings.json") != std::string::npos);
  CHECK(text.find("SIGINT, killed 12s later") != std::string::npos);
}

TEST_CASE("an adapter that was only named adds no argument, for nobody knows where it would belong") {
  auto request = command({"sh", "-c", "mine"});
  const AdapterChoice choice = chosen("mine", request);
  applyAdapter(choice, "/hook", request);
  CHECK(request.argv == std::vector<std::string>{"sh", "-c", "mine"});
  CHECK(describeAdapter(choice, request).find("left out") != std::string::npos);
}

}  // namespace ringfence::cli
