#include "supervisor/meter/device_meter.h"

#include <unistd.h>

#include "supervisor/meter/kernel_text.h"

namespace ringfence::supervisor {
namespace {

constexpr std::uint64_t kUsecInSecond = 1'000'000;

std::optional<std::uint64_t> usecOfTicks(std::optional<std::uint64_t> ticks) {
  static const long kTicksInSecond = sysconf(_SC_CLK_TCK);
  std::uint64_t usec = 0;
  if (!ticks || kTicksInSecond <= 0 || __builtin_mul_overflow(*ticks, kUsecInSecond, &usec)) return std::nullopt;
  return usec / static_cast<std::uint64_t>(kTicksInSecond);
}

std::optional<std::uint64_t> readStall(const KernelFile& file, std::span<char> buffer) {
  const auto text = file.read(buffer);
  return text ? parseStall(*text) : std::nullopt;
}

}  // namespace

DeviceMeter::DeviceMeter(const MeterRoots& roots)
    : roots_(roots),
      stat_(KernelFile::open(roots.proc.get(), "stat")),
      online_(KernelFile::open(roots.sys.get(), "devices/system/cpu/online")),
      memory_(KernelFile::open(roots.proc.get(), "meminfo")),
      cpuPressure_(KernelFile::open(roots.proc.get(), "pressure/cpu")),
      memoryPressure_(KernelFile::open(roots.proc.get(), "pressure/memory")),
      ioPressure_(KernelFile::open(roots.proc.get(), "pressure/io")),
      energy_(roots) {}

void DeviceMeter::readProcessors(std::span<char> buffer, DeviceReading& reading) const {
  if (const auto online = online_.readWhole(buffer)) reading.cpus = countProcessors(*online);
  // Its first line counts all; on a large machine the rest is longer than the buffer.
  const auto text = stat_.read(buffer);
  const auto ticks = text ? parseBusyTicks(*text) : std::nullopt;
  reading.cpuBusyUsec = usecOfTicks(ticks);
}

void DeviceMeter::readMemory(std::span<char> buffer, DeviceReading& reading) const {
  const auto text = memory_.read(buffer);
  if (!text) return;
  const MemoryInfo info = parseMemoryInfo(*text);
  reading.memoryTotalBytes = info.totalBytes;
  reading.memoryAvailableBytes = info.availableBytes;
  reading.swapFreeBytes = info.swapFreeBytes;
}

DeviceReading DeviceMeter::read(Depth depth) {
  std::array<char, kFileBuffer> buffer __attribute__((uninitialized));
  DeviceReading reading;
  readProcessors(buffer, reading);
  readMemory(buffer, reading);
  reading.pressure.cpuUsec = readStall(cpuPressure_, buffer);
  reading.pressure.memoryUsec = readStall(memoryPressure_, buffer);
  reading.pressure.ioUsec = readStall(ioPressure_, buffer);
  if (depth == Depth::kQuick) return reading;
  if (const auto bytes = disks_.read(roots_)) {
    reading.ioReadBytes = bytes->read;
    reading.ioWriteBytes = bytes->written;
  }
  reading.energy = energy_.read();
  reading.battery = readBatteries(roots_);
  return reading;
}

}  // namespace ringfence::supervisor
