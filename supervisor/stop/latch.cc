#include "supervisor/stop/latch.h"

#include <algorithm>
#include <bit>
#include <string_view>

namespace ringfence::supervisor::stop {
namespace {

constexpr std::string_view kMagic = "RFLATCH1";
// Far apart in every bit, so that neither becomes the other.
constexpr std::uint64_t kLatchedWord = 0x5354'4f50'5045'4421, kReleasedWord = ~kLatchedWord;
constexpr std::size_t kChecked = kLatchBytes - sizeof(std::uint64_t);

// CRC-64 of ECMA-182: no change within 64 bits in a row escapes it.
std::uint64_t checksum(std::span<const std::uint8_t> bytes) {
  constexpr std::uint64_t kPolynomial = 0x42f0e1eba9ea3693;
  std::uint64_t sum = ~std::uint64_t{0};
  for (const std::uint8_t byte : bytes) {
    sum ^= std::uint64_t{byte} << 56;
    for (int bit = 0; bit < 8; ++bit) sum = (sum << 1) ^ ((sum >> 63) != 0 ? kPolynomial : 0);
  }
  return ~sum;
}

class Writer {
 public:
  explicit Writer(LatchSector& sector) : sector_(sector) {}
  void number(std::uint64_t value, std::size_t bytes = 8) {
    for (std::size_t i = 0; i < bytes; ++i) sector_[at_++] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  void text(std::string_view text, std::size_t room) {
    number(text.size(), 1);
    std::ranges::copy(text, sector_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += room;
  }

 private:
  LatchSector& sector_;
  std::size_t at_ = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  std::uint64_t number(std::size_t bytes = 8) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{bytes_[at_++]} << (8 * i);
    return value;
  }
  template <std::size_t kRoom>
  ShortText<kRoom> text() {
    const std::size_t size = std::min<std::size_t>(number(1), kRoom);
    const ShortText<kRoom> text(std::string_view(reinterpret_cast<const char*>(bytes_.data()) + at_, size));
    at_ += kRoom;
    return text;
  }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
};

std::uint64_t numberOf(Microseconds time) { return std::bit_cast<std::uint64_t>(std::int64_t{time.count()}); }
Microseconds timeOf(std::uint64_t number) { return Microseconds(std::bit_cast<std::int64_t>(number)); }

Writer begin(LatchSector& sector, std::uint64_t state) {
  Writer writer(sector);
  for (const char letter : kMagic) writer.number(static_cast<std::uint8_t>(letter), 1);
  writer.number(state);
  return writer;
}

void seal(LatchSector& sector) {
  const std::uint64_t sum = checksum(std::span(sector).first(kChecked));
  for (std::size_t i = 0; i < sizeof sum; ++i) sector[kChecked + i] = static_cast<std::uint8_t>(sum >> (8 * i));
}

StopRecord readStop(Reader& reader) {
  StopRecord stop;
  stop.at = {timeOf(reader.number()), timeOf(reader.number()), timeOf(reader.number())};
  stop.boot = reader.text<36>();
  stop.trigger = reader.text<kMaxTriggerText>();
  const bool isAsked = reader.number(1) != 0;
  const auto uid = static_cast<std::uint32_t>(reader.number(4));
  if (isAsked) stop.uid = uid;
  for (std::uint32_t* count : {&stop.runs, &stop.processes, &stop.frozen, &stop.held, &stop.finishing})
    *count = static_cast<std::uint32_t>(reader.number(4));
  stop.writeUsec = reader.number();
  stop.tookUsec = reader.number();
  stop.isVerified = reader.number(1) != 0;
  stop.isKilled = reader.number(1) != 0;
  for (auto left = std::min<std::size_t>(reader.number(1), kMaxKilledOf); left > 0; --left) {
    const auto owner = static_cast<std::uint32_t>(reader.number(4));
    stop.addKilled(owner, static_cast<std::uint32_t>(reader.number(4)));
  }
  return stop;
}

}  // namespace

void StopRecord::addKilled(std::uint32_t owner, std::uint32_t many) {
  const auto known = std::ranges::find(killedOf, owner, &KilledOf::uid);
  if (known != killedOf.end())
    known->runs += many;
  else
    (void)killedOf.add({owner, many});
}

std::uint32_t StopRecord::killedRuns(std::optional<std::uint32_t> owner) const {
  std::uint32_t sum = 0;
  for (const KilledOf& one : killedOf) sum += !owner || *owner == one.uid ? one.runs : 0;
  return sum;
}

LatchSector encodeLatch(const StopRecord& stop) {
  LatchSector sector{};
  Writer writer = begin(sector, kLatchedWord);
  for (const Microseconds time : {stop.at.wall, stop.at.monotonic, stop.at.boottime}) writer.number(numberOf(time));
  writer.text(stop.boot.view(), 36);
  writer.text(stop.trigger.view(), kMaxTriggerText);
  writer.number(stop.uid ? 1 : 0, 1);
  writer.number(stop.uid.value_or(0), 4);
  for (const std::uint32_t count : {stop.runs, stop.processes, stop.frozen, stop.held, stop.finishing})
    writer.number(count, 4);
  writer.number(stop.writeUsec);
  writer.number(stop.tookUsec);
  writer.number(stop.isVerified ? 1 : 0, 1);
  writer.number(stop.isKilled ? 1 : 0, 1);
  writer.number(stop.killedOf.size(), 1);
  for (const KilledOf& one : stop.killedOf) {
    writer.number(one.uid, 4);
    writer.number(one.runs, 4);
  }
  seal(sector);
  return sector;
}

LatchSector encodeReleased() {
  LatchSector sector{};
  (void)begin(sector, kReleasedWord);
  seal(sector);
  return sector;
}

LatchReading decodeLatch(std::span<const std::uint8_t> bytes) {
  if (bytes.size() != kLatchBytes) return {};
  Reader sum(bytes.subspan(kChecked));
  if (sum.number() != checksum(bytes.first(kChecked))) return {};
  Reader reader(bytes);
  for (const char letter : kMagic) {
    if (reader.number(1) != static_cast<std::uint8_t>(letter)) return {};
  }
  const std::uint64_t state = reader.number();
  if (state == kReleasedWord) return {LatchState::kReleased, {}};
  if (state != kLatchedWord) return {};
  return {LatchState::kLatched, readStop(reader)};
}

}  // namespace ringfence::supervisor::stop
