// What runs and the machine use as Prometheus reads it: its text exposition format, version 0.0.4. A number that is not
// known has no line, and a metric without a line has no HELP either. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/api/answer.h"

namespace ringfence::supervisor::api {

inline constexpr char kExpositionType[] = "text/plain; version=0.0.4; charset=utf-8";

struct Metering {
  std::string version;
  std::optional<Device> device;  // absent: nothing of the machine can be read
  std::vector<UsageRow> runs;    // live ones
};

std::string exposition(const Metering& metering);

// For between the quotes of a label: untrusted text as it is shown to people, with what the format needs escaped.
std::string labelValue(std::string_view text);

}  // namespace ringfence::supervisor::api
