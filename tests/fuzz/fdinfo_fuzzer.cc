// What the kernel tells of clients of GPUs and NPUs, with parts that a process chooses: read or refused, always
// bounded, and no sequence of readings makes a sum smaller. The first byte says which file the rest is.
#include <cstdint>
#include <string_view>
#include <vector>

#include "sdk/base/error.h"
#include "supervisor/meter/accel/dmem.h"
#include "supervisor/meter/accel/fdinfo.h"
#include "supervisor/meter/accel/ledger.h"
#include "supervisor/meter/accel/sysfs_devices.h"

using namespace ringfence;
using namespace ringfence::supervisor;

namespace {

void parse(std::string_view text) {
  const auto info = parseFdinfo(text);
  if (!info) return;
  RF_CHECK(!info->driver.empty());
  RF_CHECK(info->engines.size() <= kMaxFdinfoNames && info->regions.size() <= kMaxFdinfoNames);
  RF_CHECK(info->unknown.size() <= kMaxFdinfoNames);
  for (const auto& [name, engine] : info->engines) RF_CHECK(!name.empty() && engine.capacity > 0);
  const auto inUse = memoryInUse(*info);
  for (const auto& [region, bytes] : memoryShared(*info, inUse)) RF_CHECK(bytes > 0 && bytes <= inUse.at(region));
}

// Texts behind each other, divided by an empty line, as readings of the same process.
void follow(std::string_view text) {
  const RunId run = *RunId::parse("r-0000000000000001");
  const std::map<int, RunId> runs{{1, run}};
  AccelLedger ledger;
  AccelUse before;
  for (int step = 0; !text.empty() && step < 64; ++step) {
    const std::size_t end = text.find("\n\n");
    const auto info = parseFdinfo(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    if (!info) continue;
    AccelClientReading reading;
    reading.key = {info->pdev.value_or("card0"), info->client.value_or(0)};
    reading.pid = 1;
    reading.engines = info->engines;
    reading.memoryBytes = memoryInUse(*info);
    reading.sharedBytes = memoryShared(*info, reading.memoryBytes);
    ledger.add(std::vector{reading}, runs, Microseconds{step * 1'000'000});
    const AccelUse now = ledger.use(run);
    for (const auto& [part, engine] : before.engines) {
      RF_CHECK(now.engines.at(part).busyNs >= engine.busyNs && now.engines.at(part).cycles >= engine.cycles);
    }
    before = now;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0: parse(text); break;
    case 1: follow(text); break;
    case 2: RF_CHECK(parseDmem(text).size() <= kMaxDmemRegions); break;
    default: RF_CHECK(parseRockchipLoad(text).value_or(0) <= 100);
  }
  return 0;
}
