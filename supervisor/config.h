// What ringfenced was told: its command line over its configuration file over the defaults.
//
// The file is lines of `key = value` with "text", true, false or ["a", "b"] as values and # for comments: a subset of
// TOML, so an editor shows it well. Keys: run_dir, state_dir, policy_dirs, cgroup_root, uid_range, kill_on_exit,
// check_logins, pause_below_battery, pause_when_hot, quiet_hours ("22:00-07:00"), reserve_processors ("1"),
// dead_man_after ("10s" or "off"), stop_keys (docs/emergency-keys.md). An unknown key is an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/read_sources.h"
#include "sdk/base/result.h"
#include "supervisor/governor/govern.h"

namespace ringfence::supervisor {

enum class Mode { kServe, kCheck, kDoctor, kVerify, kHelp, kVersion };
enum class OnExit { kKeepRuns, kKillRuns };

// Whether allow, rewrite, resume and rearm take a login session of the one who asks.
enum class LoginCheck { kOn, kOff };

struct UidRange {
  std::uint32_t first = 700000;
  std::uint32_t last = 765535;
};

struct Config {
  Mode mode = Mode::kServe;
  std::string runDir = "/run/ringfence";
  std::string stateDir = "/var/lib/ringfence";
  std::vector<std::string> policyDirs = {policy::shippedDirectory(),
                                         "/etc/ringfence/policies"};  // shipped, then system
  std::string cgroupRoot = "ringfence";
  UidRange uids;
  OnExit onExit = OnExit::kKeepRuns;
  governor::GovernorSettings governor;
  std::chrono::seconds deadManAfter{10};             // silent for so long, everything is stopped; zero: never
  std::optional<std::vector<std::string>> stopKeys;  // triggers of the emergency stop; absent: its own, empty: none
  LoginCheck logins = LoginCheck::kOn;               // where logind runs
  std::string meterRoot = "/";  // whose proc, sys and dev are metered; another one is for tests alone
  bool json = false;            // of --doctor
  std::string against;          // of --verify
};

// Fails with kInvalid naming the option. Reads the file that --config names; the default one may be absent.
Result<Config> readConfig(const std::vector<std::string>& arguments);
// The settings of `text` over `config`. Fails with kInvalid: "FILE:LINE: …". Pure.
Result<Config> applyConfigText(Config config, const std::string& file, std::string_view text);

std::string usageText();

}  // namespace ringfence::supervisor
