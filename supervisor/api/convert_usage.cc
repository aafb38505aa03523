#include "supervisor/api/convert_usage.h"

#include "supervisor/api/utf8.h"

namespace ringfence::supervisor::api {
namespace {

void fillPressure(const Pressure& pressure, v1::Pressure& message) {
  if (pressure.cpuUsec) message.set_cpu_usec(*pressure.cpuUsec);
  if (pressure.memoryUsec) message.set_memory_usec(*pressure.memoryUsec);
  if (pressure.ioUsec) message.set_io_usec(*pressure.ioUsec);
}

void fillAccelerator(const AcceleratorLine& line, v1::AcceleratorUse& message) {
  message.set_device(line.device);
  message.set_kind(line.kind);
  message.set_scope(line.scope);
  message.set_confidence(line.confidence);
  if (line.busyUsec) message.set_busy_usec(*line.busyUsec);
  if (line.memoryBytes) message.set_memory_bytes(*line.memoryBytes);
}

void fillSpending(const DaySpendingLine& line, v1::DaySpending& message) {
  message.set_uid(line.uid);
  message.set_policy(line.policy);
  message.set_day(line.day);
  if (line.tokens) message.set_tokens(*line.tokens);
  if (line.costUsd) message.set_cost_usd(*line.costUsd);
  message.set_cost_estimated(line.costEstimated);
  message.set_cost_incomplete(line.costIncomplete);
  if (line.prompts) message.set_prompts(*line.prompts);
  if (line.wallTimeMs) message.set_wall_time_ms(*line.wallTimeMs);
}

void fillDevice(const Device& device, v1::Device& message) {
  if (device.cpus) message.set_cpus(*device.cpus);
  if (device.cpuBusyUsec) message.set_cpu_busy_usec(*device.cpuBusyUsec);
  if (device.memoryTotalBytes) message.set_memory_total_bytes(*device.memoryTotalBytes);
  if (device.memoryAvailableBytes) message.set_memory_available_bytes(*device.memoryAvailableBytes);
  fillPressure(device.pressure, *message.mutable_pressure());
  for (const Energy& energy : device.energy) {
    v1::Energy& one = *message.add_energy();
    one.set_domain(asUtf8(energy.domain));
    one.set_microjoules(energy.microjoules);
  }
  for (const AcceleratorLine& line : device.accelerators) fillAccelerator(line, *message.add_accelerators());
  if (!device.battery) return;
  v1::Battery& battery = *message.mutable_battery();
  if (device.battery->percent) battery.set_percent(*device.battery->percent);
  battery.set_discharging(device.battery->discharging);
  if (device.battery->microwatts) battery.set_microwatts(*device.battery->microwatts);
}

}  // namespace

void fillMessage(const UsageReading& usage, v1::Usage& message) {
  if (usage.cpuUsec) message.set_cpu_usec(*usage.cpuUsec);
  if (usage.memoryBytes) message.set_memory_bytes(*usage.memoryBytes);
  if (usage.memoryPeakBytes) message.set_memory_peak_bytes(*usage.memoryPeakBytes);
  if (usage.pids) message.set_pids(*usage.pids);
  if (usage.ioReadBytes) message.set_io_read_bytes(*usage.ioReadBytes);
  if (usage.ioWriteBytes) message.set_io_write_bytes(*usage.ioWriteBytes);
  if (usage.npuUsec) message.set_npu_usec(*usage.npuUsec);
  if (usage.gpuUsec) message.set_gpu_usec(*usage.gpuUsec);
  if (usage.tokens) message.set_tokens(*usage.tokens);
  if (usage.anonymousBytes) message.set_anonymous_bytes(*usage.anonymousBytes);
  if (usage.networkSentBytes) message.set_network_sent_bytes(*usage.networkSentBytes);
  if (usage.networkReceivedBytes) message.set_network_received_bytes(*usage.networkReceivedBytes);
  fillPressure(usage.pressure, *message.mutable_pressure());
  for (const AcceleratorLine& line : usage.accelerators) fillAccelerator(line, *message.add_accelerators());
  if (usage.costUsd) message.set_cost_usd(*usage.costUsd);
  message.set_cost_estimated(usage.costEstimated);
  message.set_cost_incomplete(usage.costIncomplete);
  for (const BudgetLine& line : usage.budgets) {
    v1::Budget& budget = *message.add_budgets();
    budget.set_limit(line.limit);
    if (line.used) budget.set_used(*line.used);
    budget.set_edge(line.edge);
    budget.set_warn_at(line.warnAt);
    budget.set_day(line.day);
    budget.set_state(line.state);
  }
}

void fillMessage(const UsageList& answer, v1::UsageList& message) {
  for (const UsageRow& row : answer.rows) {
    v1::UsageRow& line = *message.add_rows();
    line.set_run(row.run);
    line.set_name(row.name);
    line.set_state(row.state);
    fillMessage(row.usage, *line.mutable_usage());
  }
  if (answer.device) fillDevice(*answer.device, *message.mutable_device());
  for (const DaySpendingLine& line : answer.today) fillSpending(line, *message.add_today());
  for (const UsageBucket& bucket : answer.series) {
    v1::UsageBucket& line = *message.add_series();
    line.set_run(bucket.run);
    line.set_start_usec(bucket.start.count());
    line.set_seconds(bucket.seconds);
    if (bucket.cpuUsec) line.set_cpu_usec(*bucket.cpuUsec);
    if (bucket.ioReadBytes) line.set_io_read_bytes(*bucket.ioReadBytes);
    if (bucket.ioWriteBytes) line.set_io_write_bytes(*bucket.ioWriteBytes);
    if (bucket.memoryMin) line.set_memory_min(*bucket.memoryMin);
    if (bucket.memoryMean) line.set_memory_mean(*bucket.memoryMean);
    if (bucket.memoryMax) line.set_memory_max(*bucket.memoryMax);
    if (bucket.pidsMax) line.set_pids_max(*bucket.pidsMax);
  }
}

}  // namespace ringfence::supervisor::api
