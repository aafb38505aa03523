// The log as OpenTelemetry has it: facts in, lines of OTLP/JSON out (the format of the file exporter: each line is a
// whole TracesData or MetricsData). Pure: ids are made of the run and the fact's number, so the same log makes the same
// lines. Feed it all of the log from its beginning, in order: what was before tells when a run or a question began.
//
//   OtlpSpans spans; for (const client::LogLine& line : log) for (const std::string& text : spans.take(line))
//   print(text);
//
// A run is a span `invoke_agent`, written when it has ended, with events for what was done to it; what its egress tells
// just after that of the tokens that it saw is in the metrics alone. What it did or wanted
// to, where a guard told of it or it asked itself, is a span `execute_tool` below it. The conventions are still under
// development; one version of them is spoken.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/client/client.h"

namespace ringfence::cli {

inline constexpr std::string_view kGenAiConventions = "1.41.0";

// Of a run: 32 hexadecimal digits, and 16 of its own span. Empty: that is no id of a run.
std::string otlpTraceId(std::string_view run);
std::string otlpRunSpanId(std::string_view run);
// Of what fact `seq` tells, the `index`th of it from 0.
std::string otlpSpanId(std::uint64_t seq, std::size_t index);

// The last runs that ended. The guards of a run end after it, and what they tell then is no run that begins.
class EndedRuns {
 public:
  bool contains(const std::string& run) const { return std::ranges::find(runs_, run) != runs_.end(); }
  // Which one is forgotten for it; empty: none.
  std::string add(const std::string& run) {
    runs_.push_back(run);
    if (runs_.size() <= kMostKept) return {};
    std::string oldest = std::move(runs_.front());
    runs_.pop_front();
    return oldest;
  }

 private:
  static constexpr std::size_t kMostKept = 64;
  std::deque<std::string> runs_;
};

class OtlpSpans {
 public:
  // The lines of the spans that end with this fact. A fact that cannot be read makes none.
  std::vector<std::string> take(const client::LogLine& line);

 private:
  struct Event {
    Microseconds at{};
    std::string name;
    std::vector<std::pair<std::string, std::string>> attributes;
  };
  struct Used {
    std::uint64_t inputTokens = 0, outputTokens = 0, reports = 0;
    std::optional<std::uint64_t> costMicroUsd;
  };
  struct OpenRun {
    Microseconds began{};
    bool isBeginKnown = false;
    std::string name, policyName, policyHash, program;
    std::vector<Event> events;  // the first kMaxSpanEvents
    std::uint64_t droppedEvents = 0;
    Used reported, seen;  // by the agent, by its egress
  };
  struct OpenQuestion {
    std::string run, bodyJson;
    std::uint64_t seq = 0;
    Microseconds asked{};
  };
  std::map<std::string, OpenRun> runs_;
  std::map<std::uint64_t, OpenQuestion> questions_;
  EndedRuns ended_;

  struct Fact;
  OpenRun& runOf(const Fact& fact);
  void note(const Fact& fact);
  std::string ended(const Fact& fact);
  std::vector<std::string> actions(const Fact& fact);
};

// Tokens, cost and counters as agents reported them and their egress saw them: of each fact what came since the one
// before of the same source.
class OtlpMetrics {
 public:
  std::vector<std::string> take(const client::LogLine& line);

 private:
  struct OpenRun {
    Microseconds reportedAt{}, seenAt{};  // the last fact of each source
    std::string name;
  };
  std::map<std::string, OpenRun> runs_;  // those that ended last, too
  EndedRuns ended_;
};

}  // namespace ringfence::cli
