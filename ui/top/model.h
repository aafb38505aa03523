// What `ringfence top` shows, from what the daemon told one reading after the other. Pure; draws nothing. Every
// untrusted text is made fit for a screen here. What is not known is absent, never 0.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/base/clock.h"
#include "sdk/client/client.h"

namespace ringfence::top {

struct Reading {
  Microseconds at{};    // of a clock that is never set back
  Microseconds wall{};  // to say since when a run runs
  std::vector<client::RunDetails> runs;
  client::UsageReport usage;
  std::optional<std::map<std::string, std::size_t>> questions;  // that wait, by run; absent: not told
  client::StopState stop = {};
};
// Rates are of the last two readings that are half a second apart; the growth of memory is of all that are kept, a
// second apart.
inline constexpr std::size_t kReadingsKept = 11;

enum class SortKey { kCpu, kMemory, kGrowth, kIo, kNetwork, kAccelerator, kTokens, kCost, kQuestions, kName };
struct SortName {
  SortKey key;
  char letter;
  std::string_view word;   // for --sort
  std::string_view shown;  // "sorted by …"
};
std::span<const SortName> sortNames();
const SortName& nameOf(SortKey key);

// Texts are as shownText gives them.
struct Row {
  std::string run;  // its id, for what a key does
  std::string name, priority, state;
  std::string why;  // it is frozen, or about to be: who holds it and for which reason
  bool heldByGovernor = false;
  std::optional<std::chrono::milliseconds> pausing;  // a person freezes it, after that at the latest
  std::optional<double> cpu;                         // percent of one processor
  std::optional<std::uint64_t> memory;
  std::optional<double> growth;                  // of memory, bytes a second
  std::optional<double> read, written, network;  // bytes a second; network: sent and received
  std::optional<double> accelerator;             // percent of one GPU or NPU
  std::optional<std::uint64_t> tokens, pids, questions;
  std::optional<double> costUsd;  // of models, as client::Usage has it
  bool costEstimated = false, costIncomplete = false;
  std::optional<Microseconds> age;
  std::string command;
  std::string says;  // its agent, of what it does; empty: nothing
};

struct Power {
  std::string domain;
  std::optional<double> watts;
};
struct Machine {
  std::optional<std::uint32_t> cpus;
  std::optional<double> cpu;  // percent of one processor
  std::optional<std::uint64_t> memoryTotal, memoryAvailable;
  std::optional<double> waitsForCpu, waitsForMemory, waitsForDisks;  // percent of the time
  std::optional<double> gpu, npu;                                    // percent of one
  std::vector<Power> power;                                          // empty: it does not tell, or not to this user
  std::optional<client::Battery> battery;
};

struct View {
  std::optional<Machine> machine;
  std::vector<Row> rows;  // what is not known last
  SortKey key = SortKey::kCpu;
  bool isStopped = false;    // the emergency stop is latched
  bool canBeStopped = true;  // ringfence-stop is there
};

// `readings`: the last one is now; one alone tells no rates; empty: nothing is known.
View viewOf(std::span<const Reading> readings, SortKey key);

}  // namespace ringfence::top
