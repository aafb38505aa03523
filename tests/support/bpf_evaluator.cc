#include "tests/support/bpf_evaluator.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <optional>

namespace ringfence::test {
namespace {

Error invalid(std::size_t at, const std::string& why) {
  return Error{ErrorCode::kInvalid, "instruction " + std::to_string(at) + ": " + why};
}

struct Machine {
  std::uint32_t accumulator = 0;
  std::uint32_t index = 0;
  std::array<std::uint32_t, BPF_MEMWORDS> memory{};
};

std::optional<std::uint32_t> compute(std::uint16_t operation, std::uint32_t left, std::uint32_t right) {
  switch (operation) {
    case BPF_ADD: return left + right;
    case BPF_SUB: return left - right;
    case BPF_MUL: return left * right;
    case BPF_DIV: return right == 0 ? std::nullopt : std::optional(left / right);
    case BPF_OR: return left | right;
    case BPF_AND: return left & right;
    case BPF_XOR: return left ^ right;
    case BPF_LSH: return right > 31 ? 0 : left << right;
    case BPF_RSH: return right > 31 ? 0 : left >> right;
    case BPF_NEG: return -left;
    default: return std::nullopt;
  }
}

std::optional<bool> compare(std::uint16_t operation, std::uint32_t left, std::uint32_t right) {
  switch (operation) {
    case BPF_JEQ: return left == right;
    case BPF_JGT: return left > right;
    case BPF_JGE: return left >= right;
    case BPF_JSET: return (left & right) != 0;
    default: return std::nullopt;
  }
}

bool load(Machine& machine, const sock_filter& instruction, const seccomp_data& data) {
  std::uint32_t& target = BPF_CLASS(instruction.code) == BPF_LD ? machine.accumulator : machine.index;
  switch (BPF_MODE(instruction.code)) {
    case BPF_IMM: target = instruction.k; return true;
    case BPF_LEN: target = sizeof data; return true;
    case BPF_MEM:
      if (instruction.k >= machine.memory.size()) return false;
      target = machine.memory[instruction.k];
      return true;
    case BPF_ABS:
      if (instruction.k % 4 != 0 || instruction.k + 4 > sizeof data) return false;
      std::memcpy(&target, reinterpret_cast<const char*>(&data) + instruction.k, 4);
      return true;
    default: return false;
  }
}

// Of anything but the number and the architecture.
bool loadsArgument(const sock_filter& instruction) {
  const bool loads = BPF_CLASS(instruction.code) == BPF_LD || BPF_CLASS(instruction.code) == BPF_LDX;
  return loads && BPF_MODE(instruction.code) == BPF_ABS && instruction.k > offsetof(seccomp_data, arch);
}

}  // namespace

Result<BpfRun> traceBpf(std::span<const sock_filter> program, const seccomp_data& data) {
  Machine machine;
  BpfRun run;
  // Jumps only go forward, so this ends.
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& instruction = program[at];
    ++run.instructions;
    run.looksAtArguments |= loadsArgument(instruction);
    const std::uint32_t operand = BPF_SRC(instruction.code) == BPF_X ? machine.index : instruction.k;
    switch (BPF_CLASS(instruction.code)) {
      case BPF_LD:
      case BPF_LDX:
        if (!load(machine, instruction, data)) return invalid(at, "load out of bounds");
        break;
      case BPF_ST:
      case BPF_STX:
        if (instruction.k >= machine.memory.size()) return invalid(at, "store out of bounds");
        machine.memory[instruction.k] = BPF_CLASS(instruction.code) == BPF_ST ? machine.accumulator : machine.index;
        break;
      case BPF_ALU: {
        const auto value = compute(BPF_OP(instruction.code), machine.accumulator, operand);
        if (!value) return invalid(at, "arithmetic that seccomp does not have");
        machine.accumulator = *value;
        break;
      }
      case BPF_JMP: {
        if (BPF_OP(instruction.code) == BPF_JA) {
          at += instruction.k;
          break;
        }
        const auto taken = compare(BPF_OP(instruction.code), machine.accumulator, operand);
        if (!taken) return invalid(at, "comparison that seccomp does not have");
        at += *taken ? instruction.jt : instruction.jf;
        break;
      }
      case BPF_RET:
        run.returned = BPF_RVAL(instruction.code) == BPF_A ? machine.accumulator : instruction.k;
        return run;
      case BPF_MISC:
        if (BPF_MISCOP(instruction.code) == BPF_TAX) {
          machine.index = machine.accumulator;
        } else {
          machine.accumulator = machine.index;
        }
        break;
      default: return invalid(at, "class that seccomp does not have");
    }
  }
  return invalid(program.size(), "the program ends without a return");
}

Result<std::uint32_t> runBpf(std::span<const sock_filter> program, const seccomp_data& data) {
  return RF_TRY(traceBpf(program, data)).returned;
}

std::string verdictText(std::uint32_t returned) {
  const std::uint32_t data = returned & SECCOMP_RET_DATA;
  switch (returned & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW: return "allow";
    case SECCOMP_RET_ERRNO: return "errno " + std::to_string(data);
    case SECCOMP_RET_KILL_PROCESS: return "kill";
    case SECCOMP_RET_USER_NOTIF: return "notify";
    default: break;
  }
  std::string digits;
  for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[(returned >> shift) & 15];
  return "0x" + digits;
}

}  // namespace ringfence::test
