// A third direction for describe(): fills every field of a message with random content, from a seed.
#pragma once

#include <array>
#include <random>
#include <string>

#include "sandbox/wire/describe.h"

namespace ringfence::test {

class Scrambler {
 public:
  template <typename T>
  using Of = T;

  explicit Scrambler(std::uint32_t seed) : random_(seed) {}

  template <typename T>
  Scrambler& operator()(std::string_view, T&& value) {
    fill(value);
    return *this;
  }

  void fill(bool& value) { value = below(2) == 1; }
  template <std::integral Number>
  void fill(Number& value) {
    value = static_cast<Number>(random_());
  }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void fill(Enum& value) { value = static_cast<Enum>(below(static_cast<std::uint32_t>(lastOf(Enum{})) + 1)); }
  void fill(std::string& text) {
    text.resize(below(20));
    for (char& c : text) c = static_cast<char>(1 + below(255));
  }
  void fill(sandbox::RawText<std::string>& raw) {
    raw.text.resize(below(40));
    for (char& c : raw.text) c = static_cast<char>(below(256));
  }
  void fill(RunId& run) {
    std::string text = "r-";
    for (int i = 0; i < 16; ++i) text += "0123456789abcdef"[below(16)];
    run = *RunId::parse(text);
  }
  void fill(Bytes& bytes) { fill(bytes.count); }
  void fill(CpuPercent& cpu) { fill(cpu.percent); }
  template <typename T>
  void fill(std::optional<T>& value) {
    value.reset();
    if (below(2) == 1) fill(value.emplace());
  }
  template <typename T>
  void fill(std::vector<T>& list) {
    list.clear();
    for (std::uint32_t count = below(6); count > 0; --count) fill(list.emplace_back());
  }
  void fill(sandbox::SharedSeccompTable& shared) {
    sandbox::SeccompTable table;
    fill(table);
    shared = std::move(table);
  }
  template <typename... Alternatives>
  void fill(std::variant<Alternatives...>& value) {
    choose(value, below(sizeof...(Alternatives)));
  }
  // Fills the alternative of that index.
  template <typename... Alternatives>
  void choose(std::variant<Alternatives...>& value, std::size_t which) {
    std::size_t index = 0;
    ((which == index++ ? fill(value.template emplace<Alternatives>()) : void()), ...);
  }
  template <typename Struct>
  requires std::is_aggregate_v<Struct>
  void fill(Struct& value) {
    using sandbox::describe;
    describe(*this, value);
  }

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

 private:
  std::mt19937_64 random_;
};

}  // namespace ringfence::test
