#include "supervisor/api/exposition.h"

#include <cstdint>
#include <cstdio>

#include "sdk/base/text.h"

namespace ringfence::supervisor::api {
namespace {

enum class Kind { kCounter, kGauge };
enum class Unit { kWhole, kMillionths, kHundredths };
using Number = std::optional<std::uint64_t>;

struct Metric {
  const char* name;
  Kind kind;
  Unit unit;
  const char* help;
};

// In the base unit of the metric, without a rounding.
std::string valueText(std::uint64_t number, Unit unit) {
  if (unit == Unit::kWhole) return std::to_string(number);
  const std::uint64_t parts = unit == Unit::kMillionths ? 1'000'000 : 100;
  char text[48];
  (void)std::snprintf(text, sizeof text, "%llu.%0*llu", static_cast<unsigned long long>(number / parts),
                      unit == Unit::kMillionths ? 6 : 2, static_cast<unsigned long long>(number % parts));
  return text;
}

// The lines of one metric stand together; the first brings what is said of it.
class Lines {
 public:
  Lines(std::string& text, const Metric& metric) : text_(text), metric_(metric) {}
  void add(const std::string& labels, Number number) {
    if (!number) return;
    if (!begun_) begin();
    text_ += metric_.name;
    if (!labels.empty()) text_ += '{' + labels + '}';
    text_ += ' ' + valueText(*number, metric_.unit) + '\n';
  }

 private:
  void begin() {
    begun_ = true;
    text_ += std::string("# HELP ") + metric_.name + ' ' + metric_.help + '\n';
    text_ += std::string("# TYPE ") + metric_.name + (metric_.kind == Kind::kCounter ? " counter\n" : " gauge\n");
  }
  std::string& text_;
  const Metric& metric_;
  bool begun_ = false;
};

std::string label(const char* name, std::string_view value) {
  return std::string(name) + "=\"" + labelValue(value) + '"';
}

template <typename Of>
struct Told {
  Metric metric;
  Number (*number)(const Of&);
};

// ---- of runs

constexpr Told<UsageRow> kRunMetrics[] = {
    {{"ringfence_run_frozen", Kind::kGauge, Unit::kWhole, "1: it is held, by a person or by the governor."},
     [](const UsageRow& row) { return Number(row.state == "frozen" ? 1 : 0); }},
    {{"ringfence_run_cpu_seconds_total", Kind::kCounter, Unit::kMillionths, "Time on processors, with its guards."},
     [](const UsageRow& row) { return row.usage.cpuUsec; }},
    {{"ringfence_run_memory_bytes", Kind::kGauge, Unit::kWhole, "Memory in use."},
     [](const UsageRow& row) { return row.usage.memoryBytes; }},
    {{"ringfence_run_memory_peak_bytes", Kind::kGauge, Unit::kWhole, "The most memory that was in use."},
     [](const UsageRow& row) { return row.usage.memoryPeakBytes; }},
    {{"ringfence_run_memory_anonymous_bytes", Kind::kGauge, Unit::kWhole,
      "The part of its memory that only swap can take back."},
     [](const UsageRow& row) { return row.usage.anonymousBytes; }},
    {{"ringfence_run_pids", Kind::kGauge, Unit::kWhole, "Processes and their threads."},
     [](const UsageRow& row) { return row.usage.pids; }},
    {{"ringfence_run_io_read_bytes_total", Kind::kCounter, Unit::kWhole, "Read from disks."},
     [](const UsageRow& row) { return row.usage.ioReadBytes; }},
    {{"ringfence_run_io_written_bytes_total", Kind::kCounter, Unit::kWhole, "Written to disks."},
     [](const UsageRow& row) { return row.usage.ioWriteBytes; }},
    {{"ringfence_run_network_sent_bytes_total", Kind::kCounter, Unit::kWhole, "Sent through its egress, as last told."},
     [](const UsageRow& row) { return row.usage.networkSentBytes; }},
    {{"ringfence_run_network_received_bytes_total", Kind::kCounter, Unit::kWhole,
      "Received through its egress, as last told."},
     [](const UsageRow& row) { return row.usage.networkReceivedBytes; }},
    {{"ringfence_run_tokens_total", Kind::kCounter, Unit::kWhole, "Tokens of models, as reported."},
     [](const UsageRow& row) { return row.usage.tokens; }},
};

constexpr Metric kRuns{"ringfence_runs", Kind::kGauge, Unit::kWhole, "Live runs that you may see."};
constexpr Metric kRunWaited{"ringfence_run_pressure_seconds_total", Kind::kCounter, Unit::kMillionths,
                            "Time in which some task of it waited for the resource."};
constexpr Metric kRunAccelerator{"ringfence_run_accelerator_busy_seconds_total", Kind::kCounter, Unit::kMillionths,
                                 "Time in which the GPU or NPU worked for it."};
constexpr Metric kRunAcceleratorMemory{"ringfence_run_accelerator_memory_bytes", Kind::kGauge, Unit::kWhole,
                                       "Memory of the GPU or NPU that it has."};

void addPressure(Lines& lines, const std::string& labels, const Pressure& pressure) {
  const std::string before = labels.empty() ? "" : labels + ',';
  lines.add(before + label("resource", "cpu"), pressure.cpuUsec);
  lines.add(before + label("resource", "memory"), pressure.memoryUsec);
  lines.add(before + label("resource", "io"), pressure.ioUsec);
}

std::string acceleratorLabels(const std::string& run, const AcceleratorLine& line) {
  return run + ',' + label("device", line.device) + ',' + label("kind", line.kind) + ',' + label("scope", line.scope) +
         ',' + label("confidence", line.confidence);
}

void addRuns(std::string& text, const std::vector<UsageRow>& runs) {
  Lines(text, kRuns).add("", runs.size());
  std::vector<std::string> labels;
  for (const UsageRow& run : runs) labels.push_back(label("run", run.run) + ',' + label("name", run.name));
  for (const auto& told : kRunMetrics) {
    Lines lines(text, told.metric);
    for (std::size_t i = 0; i < runs.size(); ++i) lines.add(labels[i], told.number(runs[i]));
  }
  Lines waited(text, kRunWaited);
  for (std::size_t i = 0; i < runs.size(); ++i) addPressure(waited, labels[i], runs[i].usage.pressure);
  Lines busy(text, kRunAccelerator);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (const AcceleratorLine& line : runs[i].usage.accelerators)
      busy.add(acceleratorLabels(labels[i], line), line.busyUsec);
  }
  Lines held(text, kRunAcceleratorMemory);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (const AcceleratorLine& line : runs[i].usage.accelerators)
      held.add(acceleratorLabels(labels[i], line), line.memoryBytes);
  }
}

// ---- of the machine

constexpr Told<Device> kDeviceMetrics[] = {
    {{"ringfence_device_cpus", Kind::kGauge, Unit::kWhole, "Processors that are online."},
     [](const Device& device) { return Number(device.cpus); }},
    {{"ringfence_device_cpu_busy_seconds_total", Kind::kCounter, Unit::kMillionths, "Of all processors together."},
     [](const Device& device) { return device.cpuBusyUsec; }},
    {{"ringfence_device_memory_bytes", Kind::kGauge, Unit::kWhole, "Memory that the machine has."},
     [](const Device& device) { return device.memoryTotalBytes; }},
    {{"ringfence_device_memory_available_bytes", Kind::kGauge, Unit::kWhole, "Memory that programs could still get."},
     [](const Device& device) { return device.memoryAvailableBytes; }},
    {{"ringfence_device_battery_charge_ratio", Kind::kGauge, Unit::kHundredths, "1: full."},
     [](const Device& device) { return device.battery ? Number(device.battery->percent) : Number(); }},
    {{"ringfence_device_battery_discharging", Kind::kGauge, Unit::kWhole, "1: the machine runs on its battery."},
     [](const Device& device) { return device.battery ? Number(device.battery->discharging ? 1 : 0) : Number(); }},
    {{"ringfence_device_battery_power_watts", Kind::kGauge, Unit::kMillionths, "Drawn from the battery."},
     [](const Device& device) { return device.battery ? device.battery->microwatts : Number(); }},
};

constexpr Metric kDeviceWaited{"ringfence_device_pressure_seconds_total", Kind::kCounter, Unit::kMillionths,
                               "Time in which some task of the machine waited for the resource."};
constexpr Metric kEnergy{"ringfence_device_energy_joules_total", Kind::kCounter, Unit::kMillionths,
                         "Since the daemon began. A domain such as package-0/core is part of package-0."};

void addDevice(std::string& text, const Device& device) {
  for (const auto& told : kDeviceMetrics) Lines(text, told.metric).add("", told.number(device));
  Lines waited(text, kDeviceWaited);
  addPressure(waited, "", device.pressure);
  Lines energy(text, kEnergy);
  for (const Energy& one : device.energy) energy.add(label("domain", one.domain), one.microjoules);
}

constexpr Metric kBuild{"ringfence_build_info", Kind::kGauge, Unit::kWhole, "Always 1."};

}  // namespace

std::string labelValue(std::string_view text) {
  std::string value;
  // No control character is left in it, so no line end either.
  for (const char c : escapeForDisplay(text)) {
    if (c == '\\' || c == '"') value += '\\';
    value += c;
  }
  return value;
}

std::string exposition(const Metering& metering) {
  std::string text;
  Lines(text, kBuild).add(label("version", metering.version), 1);
  if (metering.device) addDevice(text, *metering.device);
  addRuns(text, metering.runs);
  return text;
}

}  // namespace ringfence::supervisor::api
