// The JSON shapes that others rely on. Numbers are numbers; unknown is null, never 0; text that was escaped has its
// bytes in base64 beside it, under the same name with _raw. Pure.
#pragma once

#include <optional>
#include <string>

#include "sdk/client/client.h"

namespace ringfence::cli {

std::string runJson(const client::RunDetails& run);
std::string usageJson(const client::UsageRow& row);
std::string spendingJson(const client::DaySpending& spending);
std::string bucketJson(const client::UsageBucket& bucket);
std::string deviceJson(const client::Device& device);
std::string logJson(const client::LogLine& line);
std::string verifyJson(const client::VerifyAnswer& answer);
// {"exit":{"code":0}} or {"exit":{"signal":9}}; {"exit":null} when nobody saw it.
std::string exitLine(const std::optional<client::ExitStatus>& exit);
// {"error":{"code","message","token","exit_status","detail"}}; `detail` is the daemon's own JSON (policy diagnostics).
std::string errorJson(std::string_view code, std::string_view message, std::string_view token, int exitStatus,
                      std::string_view detail);
// One piece of a run's output: {"output"[,"output_raw"]}, {"lost":bytes}, {"ended":true}.
std::string outputJson(std::string_view bytes);

}  // namespace ringfence::cli
