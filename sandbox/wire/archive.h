// Writer and Reader: the two directions of one description. `describe(archive, value)` in sandbox/wire/describe.h names
// every field of a struct once; both directions run it, so that they cannot drift apart. Numbers are little-endian of
// their own width, enums and alternatives one checked byte, texts and lists carry a 32-bit length.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "sandbox/wire/codec.h"
#include "sdk/base/error.h"
#include "sdk/base/run_id.h"
#include "sdk/base/units.h"

namespace ringfence::sandbox {

// Text in which a NUL byte is data; any other text goes to the kernel as a C string and must not hold one.
template <typename Text>
struct RawText {
  Text& text;
};
template <typename Text>
RawText(Text&) -> RawText<Text>;

// What both directions share: the place in the message and the first thing that is wrong with it. A launch waits for
// its plan to be written and read, so a place is spelled out only for a message that something is wrong with.
class ArchiveState {
 public:
  const std::optional<Error>& error() const { return error_; }

 protected:
  // A field, or an element of a list: then it has no name.
  struct Place {
    const Place* above = nullptr;
    std::string_view name;
    std::size_t index = 0;
  };

  void fail(std::string_view problem) {
    if (error_) return;
    std::string where;
    for (const Place* place = place_; place != nullptr; place = place->above) {
      const std::string part =
          place->name.empty() ? "[" + std::to_string(place->index) + "]" : std::string(place->name);
      where = part + (where.empty() || where.front() == '[' ? "" : ".") + where;
    }
    error_ = Error{ErrorCode::kInvalid, where + ": " + std::string(problem)};
  }

  const Place* place_ = nullptr;
  std::optional<Error> error_;
};

class Writer : public ArchiveState {
 public:
  template <typename T>
  using Of = const T;

  explicit Writer(KnownTable* known) : known_(known) {}

  template <typename T>
  Writer& operator()(std::string_view name, const T& value) {
    putAt({place_, name}, value);
    return *this;
  }

  std::string take() && { return std::move(bytes_); }

 private:
  template <typename T>
  void putAt(const Place& place, const T& value) {
    place_ = &place;
    put(value);
    place_ = place.above;
  }
  void put(bool value) { put(static_cast<std::uint8_t>(value)); }
  template <std::integral Number>
  void put(Number value) {
    const auto bits = static_cast<std::make_unsigned_t<Number>>(value);
    char bytes[sizeof bits];
    for (std::size_t i = 0; i < sizeof bits; ++i) bytes[i] = static_cast<char>((bits >> (8 * i)) & 0xff);
    bytes_.append(bytes, sizeof bytes);
  }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void put(Enum value) { put(static_cast<std::uint8_t>(value)); }
  void put(const std::string& text) {
    if (text.find('\0') != std::string::npos) fail("holds a NUL byte");
    put(RawText{text});
  }
  void put(RawText<const std::string> raw) {
    put(static_cast<std::uint32_t>(raw.text.size()));
    bytes_ += raw.text;
  }
  void put(const RunId& run) {
    if (run.empty()) fail("names no run");
    put(run.text());
  }
  void put(Bytes bytes) { put(bytes.count); }
  void put(CpuPercent cpu) { put(cpu.percent); }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <typename T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    std::size_t index = 0;
    for (const T& element : list) putAt({place_, {}, index++}, element);
  }
  template <typename Period>
  void put(std::chrono::duration<std::int64_t, Period> duration) {
    put(std::int64_t{duration.count()});
  }
  template <typename T>
  void put(const std::map<std::string, T>& map) {
    put(static_cast<std::uint32_t>(map.size()));
    std::size_t index = 0;
    for (const auto& [key, value] : map) {
      putAt({place_, {}, index}, key);
      putAt({place_, {}, index++}, value);
    }
  }
  template <typename... Alternatives>
  void put(const std::variant<Alternatives...>& value) {
    put(static_cast<std::uint8_t>(value.index()));
    std::visit([this](const auto& alternative) { put(alternative); }, value);
  }
  void put(const SharedSeccompTable& shared) {
    if (known_ != nullptr && !known_->bytes.empty() && known_->table.isSame(shared)) {
      bytes_ += known_->bytes;
      return;
    }
    const std::size_t start = bytes_.size();
    put(static_cast<const SeccompTable&>(shared));
    if (known_ != nullptr && !error_) *known_ = {shared, bytes_.substr(start)};
  }
  template <typename Struct>
  requires std::is_aggregate_v<Struct>
  void put(const Struct& value) { describe(*this, value); }

  KnownTable* known_;
  std::string bytes_;
};

// Never trusts a length: what it allocates, also ahead of what it reads, is bounded by the bytes that are really there.
// After the first error it changes nothing any more.
class Reader : public ArchiveState {
 public:
  template <typename T>
  using Of = T;

  explicit Reader(std::string_view bytes, KnownTable* known) : known_(known), bytes_(bytes) {}

  template <typename T>
  Reader& operator()(std::string_view name, T&& value) {
    if (error_) return *this;
    getAt({place_, name}, value);
    return *this;
  }

  std::string_view rest() const { return bytes_; }
  void expectEnd() {
    if (!bytes_.empty()) fail(std::to_string(bytes_.size()) + " bytes left over");
  }

 private:
  template <typename T>
  void getAt(const Place& place, T& value) {
    place_ = &place;
    get(value);
    place_ = place.above;
  }
  void get(bool& value) {
    std::uint8_t byte = 0;
    get(byte);
    if (byte > 1) fail("is neither 0 nor 1");
    value = byte == 1;
  }
  template <std::integral Number>
  void get(Number& value) {
    using Bits = std::make_unsigned_t<Number>;
    if (bytes_.size() < sizeof(Bits)) return fail("missing");
    Bits bits = 0;
    for (std::size_t i = 0; i < sizeof(Bits); ++i) {
      bits = static_cast<Bits>(bits |
                               static_cast<Bits>(static_cast<Bits>(static_cast<unsigned char>(bytes_[i])) << (8 * i)));
    }
    bytes_.remove_prefix(sizeof(Bits));
    value = static_cast<Number>(bits);
  }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void get(Enum& value) {
    std::uint8_t byte = 0;
    get(byte);
    if (byte > static_cast<std::uint8_t>(lastOf(Enum{}))) return fail("unknown value " + std::to_string(byte));
    value = static_cast<Enum>(byte);
  }
  void get(std::string& text) {
    RawText raw{text};
    get(raw);
    if (text.find('\0') != std::string::npos) fail("holds a NUL byte");
  }
  void get(RawText<std::string>& raw) {
    std::uint32_t length = 0;
    get(length);
    if (length > bytes_.size()) return fail("is longer than its packet");
    raw.text = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
  }
  void get(RunId& run) {
    std::string text;
    get(text);
    if (error_) return;
    const std::optional<RunId> parsed = RunId::parse(text);
    if (!parsed) return fail("is no run id");
    run = *parsed;
  }
  void get(Bytes& bytes) { get(bytes.count); }
  void get(CpuPercent& cpu) { get(cpu.percent); }
  template <typename T>
  void get(std::optional<T>& value) {
    bool present = false;
    get(present);
    value.reset();
    if (!error_ && present) get(value.emplace());
  }
  template <typename T>
  void get(std::vector<T>& list) {
    std::uint32_t count = 0;
    get(count);
    // Every element takes at least one byte.
    if (count > bytes_.size()) return fail("counts more than its packet holds");
    list.clear();
    list.reserve(std::min<std::size_t>(count, bytes_.size() / sizeof(T)));
    for (std::uint32_t i = 0; i < count && !error_; ++i) getAt({place_, {}, i}, list.emplace_back());
  }
  template <typename Period>
  void get(std::chrono::duration<std::int64_t, Period>& duration) {
    std::int64_t count = 0;
    get(count);
    duration = std::chrono::duration<std::int64_t, Period>(count);
  }
  template <typename T>
  void get(std::map<std::string, T>& map) {
    std::uint32_t count = 0;
    get(count);
    if (count > bytes_.size()) return fail("counts more than its packet holds");
    map.clear();
    for (std::uint32_t i = 0; i < count && !error_; ++i) {
      std::string key;
      getAt({place_, {}, i}, key);
      if (error_) return;
      getAt({place_, {}, i}, map[std::move(key)]);
    }
    if (!error_ && map.size() != count) fail("names a key twice");
  }
  template <typename... Alternatives>
  void get(std::variant<Alternatives...>& value) {
    std::uint8_t tag = 0;
    get(tag);
    if (error_) return;
    if (tag >= sizeof...(Alternatives)) return fail("unknown kind " + std::to_string(tag));
    std::uint8_t index = 0;
    ((tag == index++ ? get(value.template emplace<Alternatives>()) : void()), ...);
  }
  // An encoding says itself where it ends, so bytes that begin with that of a table are that table and what follows it.
  void get(SharedSeccompTable& shared) {
    if (known_ != nullptr && !known_->bytes.empty() && bytes_.starts_with(known_->bytes)) {
      shared = known_->table;
      bytes_.remove_prefix(known_->bytes.size());
      return;
    }
    const std::string_view before = bytes_;
    SeccompTable table;
    get(table);
    if (error_) return;
    shared = std::move(table);
    if (known_ != nullptr) *known_ = {shared, std::string(before.substr(0, before.size() - bytes_.size()))};
  }
  template <typename Struct>
  requires std::is_aggregate_v<Struct>
  void get(Struct& value) { describe(*this, value); }

  KnownTable* known_;
  std::string_view bytes_;
};

}  // namespace ringfence::sandbox
