#include "supervisor/meter/accel/backends.h"

#include <fcntl.h>

#include "sdk/base/io.h"

namespace ringfence::supervisor {
namespace {

// Every driver that writes its clients' use into fdinfo, GPU or NPU.
class FdinfoBackend final : public AccelBackend {
 public:
  explicit FdinfoBackend(ClientReader reader) : reader_(std::move(reader)) {}
  Presence probe(const MeterRoots& roots) override {
    for (const char* nodes : {"dri", "accel"}) {
      if (openAt(roots.dev.get(), nodes, O_PATH | O_DIRECTORY)) return Presence::kPresent;
    }
    return Presence::kAbsent;
  }
  AccelScope scope() const override { return AccelScope::kClient; }
  Microseconds minPeriod() const override { return {}; }
  ClientReadings clients(const MeterRoots& roots, std::span<const int> pids, Microseconds now) override {
    return reader_.read(roots, pids, now);
  }
  std::vector<AccelDeviceReading> devices(const MeterRoots&) override { return {}; }

 private:
  ClientReader reader_;
};

// A source that knows of devices alone.
class DeviceBackend final : public AccelBackend {
 public:
  using Probe = Presence (*)(const MeterRoots&);
  using Read = std::vector<AccelDeviceReading> (*)(const MeterRoots&);
  DeviceBackend(Probe prober, Read reader, Microseconds period) : probe_(prober), read_(reader), minPeriod_(period) {}
  Presence probe(const MeterRoots& roots) override { return probe_(roots); }
  AccelScope scope() const override { return AccelScope::kDevice; }
  Microseconds minPeriod() const override { return minPeriod_; }
  ClientReadings clients(const MeterRoots&, std::span<const int>, Microseconds) override { return {}; }
  std::vector<AccelDeviceReading> devices(const MeterRoots& roots) override { return read_(roots); }

 private:
  Probe probe_;
  Read read_;
  Microseconds minPeriod_;
};

void append(ClientReadings& all, const ClientReadings& more) {
  all.clients.insert(all.clients.end(), more.clients.begin(), more.clients.end());
  all.refusedProcesses += more.refusedProcesses;
  all.waitingProcesses += more.waitingProcesses;
  all.unreadDescriptors += more.unreadDescriptors;
}

}  // namespace

std::vector<std::unique_ptr<AccelBackend>> accelBackends(DeviceOf deviceOf) {
  std::vector<std::unique_ptr<AccelBackend>> backends;
  backends.push_back(std::make_unique<FdinfoBackend>(ClientReader(std::move(deviceOf))));
  backends.push_back(std::make_unique<DeviceBackend>(probeBusyTimeDevices, readBusyTimeDevices, kBusyTimePeriod));
  backends.push_back(std::make_unique<DeviceBackend>(probeRockchip, readRockchip, kRockchipPeriod));
  return backends;
}

AccelMeter::AccelMeter(const MeterRoots& roots, std::vector<std::unique_ptr<AccelBackend>> backends) : roots_(roots) {
  for (auto& backend : backends) sources_.emplace_back().backend = std::move(backend);
}

AccelSample AccelMeter::read(std::span<const int> pids, Microseconds now) {
  AccelSample sample;
  for (Source& source : sources_) {
    refresh(source, pids, now);
    if (source.presence == Presence::kRefused) ++sample.refusedSources;
    append(sample.clients, source.clients);
    sample.devices.insert(sample.devices.end(), source.devices.begin(), source.devices.end());
  }
  return sample;
}

void AccelMeter::refresh(Source& source, std::span<const int> pids, Microseconds now) {
  if (!source.probed || now - *source.probed >= kProbePeriod) {
    source.presence = source.backend->probe(roots_);
    source.probed = now;
  }
  if (source.presence != Presence::kPresent) {
    source.clients = {};
    source.devices.clear();
    return;
  }
  if (source.wasRead && now - *source.wasRead < source.backend->minPeriod()) return;
  source.clients = source.backend->clients(roots_, pids, now);
  source.devices = source.backend->devices(roots_);
  for (AccelDeviceReading& reading : source.devices) reading.at = now;
  source.wasRead = now;
}

}  // namespace ringfence::supervisor
