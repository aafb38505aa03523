// What a run did -> the narrowest rules under which it would not have been stopped or asked, as a policy text for a
// person to read, with how often each was needed. Pure.
//
//   std::string toml = learn({.name = "coding-learned", .base = "coding", .run = "r-…", .document = …, .places = …,
//                             .observed = …});
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/document.h"
#include "policy/evaluate.h"

namespace ringfence::policy {

// The same action as often as the log has it.
struct ObservedAction {
  Action action;
  std::uint64_t count = 1;
  std::string evidence;  // where a person finds it: "seq 41"; shown escaped
};

struct Observations {
  std::string name;  // of the policy that is proposed
  std::string base;  // which it extends
  std::string run;
  // What the run was judged by; without what was granted for it alone the questions it raised would be missing.
  Document document;
  Places places;
  std::vector<ObservedAction> observed;
};

// A text that loads as a policy of a user and extends `base`. Under it and `base` together each proposed action is
// allowed; nothing that a `forbid`, a read-only workspace or a rule about private addresses forbids is proposed: it is
// listed at the end, with the rule. Where many paths of one directory were needed the directory stands for them.
std::string learn(const Observations& observations);

}  // namespace ringfence::policy
