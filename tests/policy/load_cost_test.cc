// What loading costs, counted in memory that is asked for: the daemon loads while all others wait, and any user may
// bring any text. Time is not measured, so nothing here depends on the machine.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "policy/flatten.h"
#include "policy/load.h"

namespace {

std::size_t allocatedBytes = 0;
std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  allocatedBytes += size;
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocatedBytes += size;
  ++allocations;
  return std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ringfence::policy {
namespace {

struct Cost {
  std::size_t bytes = 0;
  std::size_t calls = 0;
};

// Loading, and telling what came of it.
Cost costOf(const Sources& sources) {
  allocatedBytes = allocations = 0;
  const auto outcome = load(sources, "p0");
  if (const auto* errors = std::get_if<std::vector<Diagnostic>>(&outcome)) {
    (void)renderText(*errors);
    (void)renderJson(*errors);
  } else {
    (void)documentHash(std::get<Loaded>(outcome).document);
  }
  return {allocatedBytes, allocations};
}

// The n-th piece of a text that is made of many.
using Piece = std::function<std::string(std::size_t)>;
struct Shape {
  const char* name;
  const char* begin;
  Piece piece;
  const char* end;
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> kShapes = {
      {"patterns", "[files]\nforbid = [\n", [](auto i) { return "'**/a" + std::to_string(i) + "',\n"; }, "]\n"},
      {"patterns on one line", "[files]\nforbid = [", [](auto i) { return "'**/a" + std::to_string(i) + "',"; }, "]\n"},
      {"the same pattern", "[files]\nforbid = [", [](auto) { return "'**/**/**/a',"; }, "]\n"},
      {"wrong patterns", "[files]\nforbid = [", [](auto i) { return "'a" + std::to_string(i) + "',"; }, "]\n"},
      {"a list without end", "[files]\nforbid = [", [](auto i) { return "'**/a" + std::to_string(i) + "',"; }, ""},
      {"unknown keys", "", [](auto i) { return "a" + std::to_string(i) + " = 1\n"; }, ""},
      {"tables", "", [](auto i) { return "[a" + std::to_string(i) + ".b]\n"; }, ""},
      {"dotted keys", "", [](auto i) { return "a" + std::to_string(i / 2) + "." + (i % 2 ? "b" : "c") + " = 1\n"; },
       ""},
      {"lists of tables", "", [](auto) { return "[[a]]\n"; }, ""},
      {"nested lists", "a = [", [](auto) { return "[[[[1]]]],"; }, "]\n"},
      {"variables", "[environment.set]\n", [](auto i) { return "A" + std::to_string(i) + " = 'x'\n"; }, ""},
      {"passed variables", "[environment]\npass = [", [](auto i) { return "'A" + std::to_string(i) + "*',"; }, "]\n"},
      {"unknown policies", "extends = [", [](auto i) { return "'nobody-" + std::to_string(i) + "',"; }, "]\n"},
  };
  return kShapes;
}

std::size_t piecesOf(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) count += c == '=' || c == ',' || c == '[' || c == '{' ? 1 : 0;
  return count;
}

// As much of it as `pieces` and `bytes` allow, and a comment that fills the rest.
std::string fill(const Shape& shape, std::size_t pieces, std::size_t bytes) {
  std::string text = shape.begin;
  std::size_t used = piecesOf(shape.begin);
  for (std::size_t i = 0;; ++i) {
    const std::string next = shape.piece(i);
    used += piecesOf(next);
    if (used > pieces || text.size() + next.size() + 8 > bytes) break;
    text += next;
  }
  text += shape.end;
  return text + "#" + std::string(bytes - text.size() - 2, 'x') + "\n";
}

Sources filled(const Shape& shape, std::size_t files, std::size_t share) {
  Sources sources;
  for (std::size_t i = 0; i < files; ++i) {
    sources.user.push_back(
        {.file = "/home/ada/p" + std::to_string(i) + ".toml",
         .text = fill(shape, kMaxPiecesTogether / files / share, kMaxBytesTogether / files / share)});
  }
  return sources;
}

TEST_CASE("the worst policy that is accepted costs little to load, and half of it half as much") {
  for (const Shape& shape : shapes()) {
    for (const std::size_t files : {1U, 15U}) {
      INFO(shape.name << " in " << files << " files");
      const Cost half = costOf(filled(shape, files, 2));
      const Cost whole = costOf(filled(shape, files, 1));
      INFO("half: " << half.bytes << " bytes in " << half.calls << ", whole: " << whole.bytes << " in " << whole.calls);
      CHECK(whole.bytes < 24'000'000);
      CHECK(whole.calls < 300'000);
      CHECK(whole.bytes < half.bytes * 5 / 2 + 1'000'000);
      CHECK(whole.calls < half.calls * 5 / 2 + 10'000);
    }
  }
}

TEST_CASE("policies of more bytes or entries than one run may bring are refused before they are read") {
  const Shape& patterns = shapes().front();
  for (const bool tooLong : {true, false}) {
    Sources sources = filled(patterns, 15, 2);
    sources.project = SourceText{.file = "/src/.ringfence.toml",
                                 .text = tooLong ? std::string(70 << 10, ' ') : std::string(2100, ',')};
    const Cost cost = costOf(sources);
    CHECK(cost.bytes < 100'000);
    const auto outcome = load(sources, "p0");
    REQUIRE(std::holds_alternative<std::vector<Diagnostic>>(outcome));
    const auto& errors = std::get<std::vector<Diagnostic>>(outcome);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].message.find(tooLong ? "KiB, at most 128 KiB" : "keys and entries, at most 4096") !=
          std::string::npos);
  }
}

TEST_CASE("a text that hides its entries in a mistaken string is counted all the same") {
  std::string hidden = "a = [''''x''''";
  for (int i = 0; i < 5000; ++i) hidden += ", 1";
  Sources sources;
  sources.user.push_back({.file = "/home/ada/p0.toml", .text = hidden + "]\n"});
  const auto outcome = load(sources, "p0");
  REQUIRE(std::holds_alternative<std::vector<Diagnostic>>(outcome));
  CHECK(std::get<std::vector<Diagnostic>>(outcome)[0].message.find("keys and entries") != std::string::npos);
}

TEST_CASE("an error far along a long line is quoted with its surroundings and the caret under it") {
  Sources sources;
  std::string line = "forbid = [";
  for (int i = 0; i < 400; ++i) line += "'**/é" + std::to_string(1000 + i) + "', ";
  const std::string text = "[files]\n" + line + "'wrong', '**/behind']\n";
  sources.user.push_back({.file = "/home/ada/p0.toml", .text = text});
  const auto outcome = load(sources, "p0");
  REQUIRE(std::holds_alternative<std::vector<Diagnostic>>(outcome));
  const Diagnostic& error = std::get<std::vector<Diagnostic>>(outcome)[0];
  CHECK(error.column == 10 + 400 * 12 + 1);
  CHECK(error.sourceLine.size() < 1024);
  const std::string shown = renderText(error);
  const std::size_t wrong = shown.find("'wrong'", shown.find(" | "));
  REQUIRE(wrong != std::string::npos);
  // Each "é" takes two bytes and one column, and so does no character of the line of carets.
  const std::size_t source = shown.rfind('\n', wrong) + 1;
  std::size_t column = 0;
  for (std::size_t i = source; i < wrong; ++i) column += (shown[i] & 0xc0) != 0x80 ? 1 : 0;
  const std::size_t carets = shown.find('\n', wrong) + 1;
  CHECK(shown.find('^') == carets + column);
}

}  // namespace
}  // namespace ringfence::policy
