// Questions as a daemon asks them, for tests of words and windows.
#pragma once

#include "sdk/client/client.h"

namespace ringfence::ui::test {

inline client::PendingItem writeQuestion(std::uint64_t id = 17, std::string target = "/home/ada/Documents/a") {
  client::PendingItem item;
  item.id = id;
  item.run = "r-0123456789abcdef";
  item.runName = "coder";
  item.action = {client::Operation::kWrite, std::move(target), "", {}, "/home/ada/webapp", "openat"};
  item.chain = {{41, "sh"}, {7, "agent"}};
  item.rule = client::RuleText{"/etc/ringfence/policies/coding.toml", 12, "ask = [\"~/Documents\"]"};
  item.digest = std::string(63, 'a') + std::to_string(id % 10);
  item.asked = "2026-11-28T10:00:00.000000Z";
  item.deadline = "2026-11-28T10:10:00.000000Z";
  item.reversible = client::Reversibility::kIrreversible;
  item.offers = {{client::Scope::kRun, "# in force until run r-0123456789abcdef ends\n[[grant]]\nop = \"write\"\n"},
                 {client::Scope::kProject, "# in force in the workspace\n[[grant]]\nop = \"write\"\n"},
                 {client::Scope::kAlways, "# in force in every run of uid 1000\n[[grant]]\nop = \"write\"\n"}};
  return item;
}

inline client::PendingItem execQuestion(std::vector<std::string> argv, std::string program = "/usr/bin/git") {
  client::PendingItem item = writeQuestion();
  item.action = {client::Operation::kExec, std::move(program), "", std::move(argv), "/home/ada/webapp", "execve"};
  return item;
}

}  // namespace ringfence::ui::test
