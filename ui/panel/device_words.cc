#include "ui/panel/device_words.h"

#include <QCoreApplication>

#include "ui/panel/plots/figures.h"

namespace ringfence::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(DeviceWords)
};

QString percent(const std::optional<double>& value) { return figureText(value, Unit::kPercent); }

QString processorWords(const top::Machine& machine) {
  if (!machine.cpus) return percent(machine.cpu);
  return Words::tr("%1 of %n processor(s), each 100 %", nullptr, static_cast<int>(*machine.cpus))
      .arg(percent(machine.cpu));
}

QString memoryWords(const top::Machine& machine) {
  if (!machine.memoryTotal || !machine.memoryAvailable || *machine.memoryAvailable > *machine.memoryTotal)
    return figureText(std::nullopt, Unit::kBytes);
  return Words::tr("%1 of %2 in use")
      .arg(figureText(static_cast<double>(*machine.memoryTotal - *machine.memoryAvailable), Unit::kBytes),
           figureText(static_cast<double>(*machine.memoryTotal), Unit::kBytes));
}

QString energyWords(const top::Machine& machine) {
  QStringList parts;
  for (const top::Power& power : machine.power)
    parts += Words::tr("%1 %2", "what, watts")
                 .arg(QString::fromStdString(power.domain), figureText(power.watts, Unit::kWatts));
  return parts.isEmpty() ? Words::tr("unknown: this device does not tell, or not to you")
                         : parts.join(Words::tr(", ", "between figures"));
}

QString batteryWords(const top::Machine& machine) {
  if (!machine.battery) return Words::tr("none");
  const client::Battery& battery = *machine.battery;
  const QString charge = percent(battery.percent ? std::optional<double>(*battery.percent) : std::nullopt);
  return battery.discharging ? Words::tr("%1, in use").arg(charge) : Words::tr("%1, not in use").arg(charge);
}

}  // namespace

std::vector<DeviceLine> deviceLines(const std::optional<top::Machine>& machine) {
  const top::Machine known = machine.value_or(top::Machine{});
  const auto waits = [](const std::optional<double>& share) {
    return share ? Words::tr("%1 of the time").arg(percent(share)) : percent(share);
  };
  return {{Words::tr("Processor"), processorWords(known)},
          {Words::tr("Memory"), memoryWords(known)},
          {Words::tr("Something waits for a processor"), waits(known.waitsForCpu)},
          {Words::tr("Something waits for memory"), waits(known.waitsForMemory)},
          {Words::tr("Something waits for disks"), waits(known.waitsForDisks)},
          {Words::tr("GPU"), percent(known.gpu)},
          {Words::tr("NPU"), percent(known.npu)},
          {Words::tr("Energy"), energyWords(known)},
          {Words::tr("Battery"), machine ? batteryWords(known) : percent(std::nullopt)}};
}

}  // namespace ringfence::ui
