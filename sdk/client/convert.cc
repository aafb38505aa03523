#include "sdk/client/convert.h"

#include <algorithm>
#include <cstdint>

namespace ringfence::client {
namespace {

void toMessage(const PolicyText& policy, v1::PolicyText& message) {
  message.set_file(policy.file);
  message.set_text(policy.text);
  message.set_path(policy.path);
}

v1::StdioMode toMessage(StdioMode mode) {
  switch (mode) {
    case StdioMode::kDescriptors: return v1::STDIO_DESCRIPTORS;
    case StdioMode::kTerminal: return v1::STDIO_TERMINAL;
    case StdioMode::kCaptured: return v1::STDIO_CAPTURED;
  }
  return v1::STDIO_UNSPECIFIED;
}

void addPair(const std::pair<std::string, std::string>& pair, v1::KeyValue& message) {
  message.set_key(pair.first);
  message.set_value(pair.second);
}

}  // namespace

void toMessage(const RunRequest& request, v1::RunRequest& message) {
  message.set_name(request.name);
  message.set_policy(request.policy);
  if (request.policyFile) toMessage(*request.policyFile, *message.mutable_policy_file());
  for (const PolicyText& policy : request.userPolicies) toMessage(policy, *message.add_user_policies());
  if (request.projectPolicy) toMessage(*request.projectPolicy, *message.mutable_project_policy());
  message.set_workspace(request.workspace);
  message.set_working_directory(request.workingDirectory);
  for (const std::string& argument : request.argv) message.add_argv(argument);
  message.set_executable(request.executable);
  message.set_install_tree(request.installTree);
  for (const auto& pair : request.environment) addPair(pair, *message.add_environment());
  for (const auto& pair : request.extraEnvironment) addPair(pair, *message.add_extra_environment());
  for (const ExtraPath& path : request.extraPaths) {
    v1::ExtraPath& added = *message.add_extra_paths();
    added.set_path(path.path);
    added.set_writable(path.writable);
  }
  for (const HostGrant& grant : request.allowHosts) {
    v1::HostGrant& added = *message.add_allow_hosts();
    added.set_host(grant.host);
    added.set_port(grant.port);
  }
  message.set_stdio(toMessage(request.stdio));
  message.set_terminal_rows(request.rows);
  message.set_terminal_columns(request.columns);
  message.set_detached(request.detached);
  message.set_as_user(request.asUser);
  message.set_unattended(request.unattended);
  message.set_wants_name(true);
  if (!request.adapter) return;
  v1::AdapterUse& adapter = *message.mutable_adapter();
  adapter.set_name(request.adapter->name);
  for (const std::string& event : request.adapter->speaks) adapter.add_speaks(event);
  adapter.set_silent_after_seconds(request.adapter->silentAfterSec);
  adapter.set_start(request.adapter->start);
  adapter.set_settings(request.adapter->settings);
  adapter.set_stop_signal(request.adapter->stopSignal);
  adapter.set_stop_patience_seconds(request.adapter->stopPatienceSec);
}

namespace {

Pressure pressureOf(const v1::Pressure& message) {
  Pressure pressure;
  if (message.has_cpu_usec()) pressure.cpuUsec = message.cpu_usec();
  if (message.has_memory_usec()) pressure.memoryUsec = message.memory_usec();
  if (message.has_io_usec()) pressure.ioUsec = message.io_usec();
  return pressure;
}

AcceleratorUse acceleratorOf(const v1::AcceleratorUse& message) {
  AcceleratorUse use{message.device(),     message.kind(), message.scope(),
                     message.confidence(), std::nullopt,   std::nullopt};
  if (message.has_busy_usec()) use.busyUsec = message.busy_usec();
  if (message.has_memory_bytes()) use.memoryBytes = message.memory_bytes();
  return use;
}

}  // namespace

Device fromMessage(const v1::Device& message) {
  Device device;
  if (message.has_cpus()) device.cpus = message.cpus();
  if (message.has_cpu_busy_usec()) device.cpuBusyUsec = message.cpu_busy_usec();
  if (message.has_memory_total_bytes()) device.memoryTotalBytes = message.memory_total_bytes();
  if (message.has_memory_available_bytes()) device.memoryAvailableBytes = message.memory_available_bytes();
  device.pressure = pressureOf(message.pressure());
  for (const v1::Energy& energy : message.energy()) device.energy.push_back({energy.domain(), energy.microjoules()});
  for (const v1::AcceleratorUse& use : message.accelerators()) device.accelerators.push_back(acceleratorOf(use));
  if (!message.has_battery()) return device;
  Battery& battery = device.battery.emplace();
  if (message.battery().has_percent()) battery.percent = message.battery().percent();
  battery.discharging = message.battery().discharging();
  if (message.battery().has_microwatts()) battery.microwatts = message.battery().microwatts();
  return device;
}

UsageBucket fromMessage(const v1::UsageBucket& message) {
  UsageBucket bucket{
      .run = message.run(), .start = std::chrono::microseconds(message.start_usec()), .seconds = message.seconds()};
  if (message.has_cpu_usec()) bucket.cpuUsec = message.cpu_usec();
  if (message.has_io_read_bytes()) bucket.ioReadBytes = message.io_read_bytes();
  if (message.has_io_write_bytes()) bucket.ioWriteBytes = message.io_write_bytes();
  if (message.has_memory_min()) bucket.memoryMin = message.memory_min();
  if (message.has_memory_mean()) bucket.memoryMean = message.memory_mean();
  if (message.has_memory_max()) bucket.memoryMax = message.memory_max();
  if (message.has_pids_max()) bucket.pidsMax = message.pids_max();
  return bucket;
}

Budget budgetOf(const v1::Budget& message) {
  Budget budget;
  budget.limit = message.limit();
  if (message.has_used()) budget.used = message.used();
  budget.edge = message.edge();
  budget.warnAt = message.warn_at();
  budget.day = message.day();
  budget.state = message.state();
  return budget;
}

DaySpending fromMessage(const v1::DaySpending& message) {
  DaySpending spending;
  spending.uid = message.uid();
  spending.policy = message.policy();
  spending.day = message.day();
  if (message.has_tokens()) spending.tokens = message.tokens();
  if (message.has_cost_usd()) spending.costUsd = message.cost_usd();
  spending.costEstimated = message.cost_estimated();
  spending.costIncomplete = message.cost_incomplete();
  if (message.has_prompts()) spending.prompts = message.prompts();
  if (message.has_wall_time_ms()) spending.wallTimeMs = message.wall_time_ms();
  return spending;
}

Usage fromMessage(const v1::Usage& message) {
  Usage usage;
  if (message.has_cpu_usec()) usage.cpuUsec = message.cpu_usec();
  if (message.has_memory_bytes()) usage.memoryBytes = message.memory_bytes();
  if (message.has_memory_peak_bytes()) usage.memoryPeakBytes = message.memory_peak_bytes();
  if (message.has_pids()) usage.pids = message.pids();
  if (message.has_io_read_bytes()) usage.ioReadBytes = message.io_read_bytes();
  if (message.has_io_write_bytes()) usage.ioWriteBytes = message.io_write_bytes();
  if (message.has_npu_usec()) usage.npuUsec = message.npu_usec();
  if (message.has_gpu_usec()) usage.gpuUsec = message.gpu_usec();
  if (message.has_tokens()) usage.tokens = message.tokens();
  if (message.has_anonymous_bytes()) usage.anonymousBytes = message.anonymous_bytes();
  if (message.has_network_sent_bytes()) usage.networkSentBytes = message.network_sent_bytes();
  if (message.has_network_received_bytes()) usage.networkReceivedBytes = message.network_received_bytes();
  usage.pressure = pressureOf(message.pressure());
  for (const v1::AcceleratorUse& use : message.accelerators()) usage.accelerators.push_back(acceleratorOf(use));
  if (message.has_cost_usd()) usage.costUsd = message.cost_usd();
  usage.costEstimated = message.cost_estimated();
  usage.costIncomplete = message.cost_incomplete();
  for (const v1::Budget& budget : message.budgets()) usage.budgets.push_back(budgetOf(budget));
  return usage;
}

ExitStatus fromMessage(const v1::ExitStatus& message) {
  ExitStatus status;
  if (message.has_code()) status.code = message.code();
  if (message.has_signal()) status.signal = message.signal();
  status.outOfMemory = message.out_of_memory();
  status.note = message.note();
  if (!message.has_later()) return status;
  LaterReport& later = status.later.emplace();
  later.more = message.later().more();
  for (const v1::LaterFile& file : message.later().files()) {
    later.files.push_back({file.path(), file.obeyed_by(), std::nullopt, file.name()});
    if (file.has_pid()) later.files.back().pid = file.pid();
  }
  return status;
}

RunDetails fromMessage(const v1::RunDetails& message) {
  RunDetails details;
  details.id = message.id();
  details.name = message.name();
  details.state = message.state();
  if (message.has_exit()) details.exit = fromMessage(message.exit());
  details.uid = message.uid();
  details.callerUid = message.caller_uid();
  details.pid = message.pid();
  details.command.assign(message.command().begin(), message.command().end());
  details.workspace = message.workspace();
  details.policyName = message.policy_name();
  details.policyHash = message.policy_hash();
  details.policyFile = message.policy_file();
  details.policyFileSha256 = message.policy_file_sha256();
  details.started = message.started();
  details.ended = message.ended();
  details.token = message.token();
  details.weakened = weakeningsOf(message.weakened());
  for (const v1::WallReading& wall : message.walls()) {
    details.walls.push_back({wall.wall(), wall.wanted(), wall.got(), wall.proved(), wall.up()});
  }
  details.usage = fromMessage(message.usage());
  details.notes.assign(message.notes().begin(), message.notes().end());
  details.priority = message.priority();
  if (message.has_held()) {
    const v1::HeldBy& held = message.held();
    details.held = HeldBy{held.governor(), held.by_uid(), held.reason(), held.since(), held.by(), held.cause()};
  }
  if (message.has_pausing()) {
    const v1::Pausing& pausing = message.pausing();
    const auto within = std::min<std::uint64_t>(pausing.within_ms(), INT64_MAX);
    details.pausing =
        Pausing{pausing.by_uid(), pausing.asked(), std::chrono::milliseconds(static_cast<std::int64_t>(within))};
  }
  details.says = message.says();
  details.saidAt = message.said_at();
  details.adapter = message.adapter();
  details.hookHeardAt = message.hook_heard_at();
  for (const v1::AlarmLine& alarm : message.alarms())
    details.alarms.push_back({alarm.kind(), alarm.reason(), alarm.at()});
  for (const v1::AlarmLine& limit : message.limits_reached())
    details.limitsReached.push_back({limit.kind(), limit.reason(), limit.at()});
  return details;
}

LogLine fromMessage(const v1::LogLine& message) {
  return {message.seq(), message.at(), message.run(), message.kind(), message.body_json(), message.hash()};
}

Refusal fromMessage(const v1::ErrorAnswer& message) {
  // A refusal is never a success, whatever the daemon wrote.
  const int exitCode =
      message.exit_code() >= 1 && message.exit_code() <= 255 ? static_cast<int>(message.exit_code()) : 1;
  return {message.code(), message.message(), message.token(), message.json(), exitCode};
}

ErrorCode codeOf(const std::string& name) {
  if (name == "invalid" || name == "policy") return ErrorCode::kInvalid;
  if (name == "denied") return ErrorCode::kDenied;
  if (name == "not-found" || name == "gone") return ErrorCode::kNotFound;
  if (name == "busy") return ErrorCode::kBusy;
  if (name == "unsupported") return ErrorCode::kUnsupported;
  if (name == "unavailable" || name == "lagged") return ErrorCode::kUnavailable;
  return ErrorCode::kInternal;
}

}  // namespace ringfence::client
