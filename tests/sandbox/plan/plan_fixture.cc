#include "tests/sandbox/plan/plan_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include "policy/load.h"
#include "sdk/base/error.h"
#include "tests/support/temp_dir.h"

namespace ringfence::test {

policy::Document shippedPolicy(const std::string& name) {
  policy::Sources sources;
  for (const char* file : {"base", "coding", "offline", "readonly", "strict"}) {
    const std::string leaf = std::string(file) + ".toml";
    sources.shipped.push_back({leaf, readFile(std::string(RF_SOURCE_DIR) + "/policy/profiles/" + leaf)});
  }
  auto loaded = policy::load(sources, name);
  RF_CHECK(std::holds_alternative<policy::Loaded>(loaded));
  return std::get<policy::Loaded>(std::move(loaded)).document;
}

sandbox::KernelFeatures kernelWith(std::uint32_t landlockAbi) {
  sandbox::KernelFeatures features;
  features.release = "6.18.0";
  features.architecture = "x86_64";
  features.landlockAbi = landlockAbi;
  features.seccompFilter = true;
  features.seccompNotify = true;
  features.userNamespaces = true;
  features.idmappedMounts = true;
  features.cloneIntoCgroup = true;
  features.memfdNoexec = true;
  features.pidfd = true;
  features.unifiedMount = "/sys/fs/cgroup";
  for (const char* controller : {"memory", "cpu", "pids", "io"})
    features.controllers[controller] = {2, "/sys/fs/cgroup"};
  features.cgroupFreeze = true;
  features.cgroupKill = true;
  features.cpuIdle = true;
  return features;
}

sandbox::LaunchRequest sampleRequest() {
  sandbox::LaunchRequest request;
  request.run = *RunId::parse("r-00000000000000a1");
  request.name = "fix-tests";
  request.caller = {.uid = 1000,
                    .gid = 1000,
                    .name = "ada",
                    .home = "/home/ada",
                    .shell = "/bin/bash",
                    .groups = {44, 1000},
                    .groupIds = {{"video", 44}, {"ada", 1000}}};
  request.ownUid = 700'001;
  request.workspace = "/home/ada/src/app";
  request.workingDirectory = "/home/ada/src/app/lib";
  request.command = {"make", "test"};
  request.executable = "/usr/bin/make";
  request.callerEnvironment = {
      {"LANG", "C.UTF-8"},     {"LC_TIME", "de_DE.UTF-8"},          {"SSH_AUTH_SOCK", "/run/ssh"},
      {"LD_PRELOAD", "/x.so"}, {"AWS_SECRET_ACCESS_KEY", "secret"}, {"TERM", "xterm"}};
  request.rootSymlinks = {{"/bin", "usr/bin"}, {"/lib", "usr/lib"}, {"/lib64", "usr/lib64"}, {"/sbin", "usr/sbin"}};
  request.protectedPaths = {"/run/ringfence", "/var/lib/ringfence"};
  return request;
}

policy::PathRule rule(const std::string& pattern, std::uint32_t line) {
  return {pattern, {.file = "test.toml", .line = line, .text = ""}};
}

policy::Document smallPolicy() {
  policy::Document document;
  document.name = "small";
  document.files.read = {rule("/usr")};
  return document;
}

sandbox::Plan planOf(const policy::Document& document, const sandbox::LaunchRequest& request,
                     std::uint32_t landlockAbi) {
  auto plan = makePlan(document, request, kernelWith(landlockAbi));
  INFO((plan ? "" : plan.error().message));
  REQUIRE(plan);
  return *std::move(plan);
}

Error errorOf(const policy::Document& document, const sandbox::LaunchRequest& request,
              const sandbox::KernelFeatures& features) {
  auto plan = makePlan(document, request, features);
  REQUIRE_FALSE(plan);
  return plan.error();
}

}  // namespace ringfence::test
