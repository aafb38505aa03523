// Facts as a link would have told them, for tests of what is made of them.
#pragma once

#include <QSignalSpy>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/ui_wait.h"
#include "ui/shared/fact_log.h"

namespace ringfence::test {

struct ToldFacts {
  ui::Link link = ui::Link();
  ui::FactLog facts = ui::FactLog(link);
  std::uint64_t seq = 0;

  // Kinds and bodies, all of one run.
  bool tell(const std::string& run, const std::vector<std::pair<std::string, std::string>>& told) {
    ui::LogLines lines;
    for (const auto& [kind, body] : told)
      lines.lines.push_back({.seq = ++seq,
                             .at = "2026-11-28T10:00:00.123456Z",
                             .run = run,
                             .kind = kind,
                             .bodyJson = body,
                             .hash = "aa"});
    facts.take(lines);
    return until([this] { return !facts.isCatchingUp(); });
  }
};

}  // namespace ringfence::test
