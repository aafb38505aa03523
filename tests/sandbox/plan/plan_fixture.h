// Requests, kernels and the shipped policies for tests of plans.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policy/document.h"
#include "sandbox/plan/make_plan.h"

namespace ringfence::test {

// A shipped policy, with its files named as "base.toml".
policy::Document shippedPolicy(const std::string& name);
// A kernel that has everything, with Landlock of that ABI.
sandbox::KernelFeatures kernelWith(std::uint32_t landlockAbi);
// "ada" (uid 1000) runs make in /home/ada/src/app.
sandbox::LaunchRequest sampleRequest();
// A policy that grants /usr and nothing else; every wall required.
policy::Document smallPolicy();
policy::PathRule rule(const std::string& pattern, std::uint32_t line = 1);

// The plan, or the error, that a test goes on with; anything else fails the test.
sandbox::Plan planOf(const policy::Document& document, const sandbox::LaunchRequest& request = sampleRequest(),
                     std::uint32_t landlockAbi = 7);
Error errorOf(const policy::Document& document, const sandbox::LaunchRequest& request,
              const sandbox::KernelFeatures& features = kernelWith(7));

template <typename Step>
std::vector<Step> stepsOf(const sandbox::Plan& plan) {
  std::vector<Step> steps;
  for (const sandbox::MountStep& step : plan.mounts) {
    if (const Step* wanted = std::get_if<Step>(&step)) steps.push_back(*wanted);
  }
  return steps;
}

template <typename Step>
std::optional<Step> stepAt(const sandbox::Plan& plan, const std::string& target) {
  for (const Step& step : stepsOf<Step>(plan)) {
    if (step.target == target) return step;
  }
  return std::nullopt;
}

}  // namespace ringfence::test
