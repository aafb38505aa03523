#include "sandbox/plan/seccomp_default.h"

#include <cerrno>
#include <cstddef>
#include <utility>

#include "sandbox/plan/seccomp_builder.h"
#include "sandbox/plan/seccomp_calls.h"

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kLow32 = 0xffff'ffff;
constexpr std::uint64_t kSetIdBits = 06000;
constexpr std::uint64_t kFormatBits = 0170'000;  // S_IFMT

// A file made or changed inside must never be set-id outside.
void addModes(TableBuilder& table) {
  struct ModeArgument {
    const char* call;
    std::uint8_t index;
  };
  for (const auto& [call, index] : {ModeArgument{"chmod", 1},
                                    {"fchmod", 1},
                                    {"fchmodat", 2},
                                    {"fchmodat2", 2},
                                    {"creat", 1},
                                    {"mkdir", 1},
                                    {"mkdirat", 2}}) {
    allowWithoutBits(table, call, index, kSetIdBits);
  }
  // The mode counts only where the call may create.
  struct OpenArguments {
    const char* call;
    std::uint8_t flags;
  };
  constexpr std::uint64_t kCreating = kOpenCreates | kOpenTemporary;
  for (const auto& [call, flags] : {OpenArguments{"open", 1}, {"openat", 2}, {"mq_open", 1}}) {
    const auto mode = static_cast<std::uint8_t>(flags + 1);
    table.allow(call, {masked(flags, kCreating, 0)});
    for (const std::uint64_t creating : {kOpenCreates, kOpenTemporary, kCreating}) {
      table.allow(call, {masked(flags, kCreating, creating), masked(mode, kSetIdBits, 0)});
      for (const std::uint64_t bits : {02000, 04000, 06000}) {
        table.refuse(call, EPERM, {masked(flags, kCreating, creating), masked(mode, kSetIdBits, bits)});
      }
    }
  }
  // Regular files, pipes and sockets; no device nodes.
  for (const auto& [call, index] : {ModeArgument{"mknod", 1}, {"mknodat", 2}}) {
    for (const std::uint64_t format : {0, 0100'000, 0010'000, 0140'000}) {
      table.allow(call, {masked(index, kFormatBits | kSetIdBits, format)});
    }
    for (const std::uint64_t bits : {02000, 04000, 06000}) table.refuse(call, EPERM, {masked(index, kSetIdBits, bits)});
    for (const std::uint64_t format : {0020'000, 0060'000})
      table.refuse(call, EPERM, {masked(index, kFormatBits, format)});
  }
}

void addProcesses(TableBuilder& table) {
  // clone3 hides its flags behind a pointer and is unknown to this table: ENOSYS, and the C library uses clone.
  constexpr std::uint64_t kNewNamespaces = 0x7e02'0000;
  allowWithoutBits(table, "clone", 0, kNewNamespaces);
  constexpr std::uint64_t kAtEmptyPath = 0x1000;
  allowWithoutBits(table, "execveat", 4, kAtEmptyPath);
  constexpr std::uint64_t kMfdExec = 0x10;
  allowWithoutBits(table, "memfd_create", 1, kMfdExec);
  // Of the caller itself only.
  table.allow("prlimit64", {{0, ArgOp::kEqual, 0, 0}});
  table.refuse("prlimit64", EPERM, {{0, ArgOp::kGreaterOrEqual, 1, 0}});
  // 0, and the query; each flag and each foreign persona has its own bit below the highest.
  constexpr std::uint64_t kTopBit = 0x8000'0000;
  for (const std::uint64_t value : {std::uint64_t{0}, kLow32}) table.allow("personality", {low32(0, value)});
  for (std::uint64_t bit = 1; bit < kTopBit; bit <<= 1)
    table.refuse("personality", EPERM, {masked(0, kTopBit | bit, bit)});
  // Normal, batch and idle, with or without SCHED_RESET_ON_FORK; no real-time class.
  constexpr std::uint64_t kPolicy = kLow32 & ~std::uint64_t{0x4000'0000};
  for (const std::uint64_t policy : {0, 3, 5}) table.allow("sched_setscheduler", {masked(1, kPolicy, policy)});
  for (const std::uint64_t policy : {1, 2, 6, 7})
    table.refuse("sched_setscheduler", EPERM, {masked(1, kPolicy, policy)});
}

void addPrctl(TableBuilder& table) {
  for (const std::uint32_t option : kPrctlAllowed) table.allow("prctl", {low32(0, option)});
  for (const std::uint32_t option : kPrctlRefused) table.refuse("prctl", EPERM, {low32(0, option)});
  constexpr std::uint32_t kCapAmbient = 47;
  constexpr std::uint32_t kRaise = 2;
  for (const std::uint32_t operation : {1U, 3U, 4U}) table.allow("prctl", {low32(0, kCapAmbient), low32(1, operation)});
  table.refuse("prctl", EPERM, {low32(0, kCapAmbient), low32(1, kRaise)});
}

// Every address family that exists; a number beyond is ENOSYS.
void refuseFamilies(TableBuilder& table, std::string_view call, const std::vector<std::uint32_t>& but) {
  constexpr int kFamilyBits = 6;
  for (const ArgCheck& other : complementOf(0, but, kFamilyBits)) table.refuse(call, EAFNOSUPPORT, {other});
}

// Local sockets, TCP, UDP and routing queries. The type carries SOCK_CLOEXEC and SOCK_NONBLOCK above its low four bits.
void addSockets(TableBuilder& table) {
  constexpr std::uint32_t kUnix = 1;
  constexpr std::uint32_t kInet = 2;
  constexpr std::uint32_t kInet6 = 10;
  constexpr std::uint32_t kNetlink = 16;
  constexpr std::uint64_t kTypeBits = 0xf;
  constexpr std::uint64_t kStream = 1;
  constexpr std::uint64_t kDatagram = 2;
  constexpr std::uint32_t kTcp = 6;
  constexpr std::uint32_t kUdp = 17;
  table.allow("socketpair", {low32(0, kUnix)});
  refuseFamilies(table, "socketpair", {kUnix});
  table.allow("socket", {low32(0, kUnix)});
  for (const std::uint32_t family : {kInet, kInet6}) {
    for (const auto& [type, protocol] : {std::pair(kStream, kTcp), std::pair(kDatagram, kUdp)}) {
      for (const std::uint32_t allowed : {0U, protocol}) {
        table.allow("socket", {low32(0, family), masked(1, kTypeBits, type), low32(2, allowed)});
      }
      // ICMP, IGMP, DCCP, ICMPv6, SCTP, UDPLITE, RAW, MPTCP; any other number is ENOSYS.
      for (const std::uint32_t refused : {1U, 2U, 33U, 58U, 132U, 136U, 255U, 262U}) {
        table.refuse("socket", EPROTONOSUPPORT, {low32(0, family), masked(1, kTypeBits, type), low32(2, refused)});
      }
    }
    // RAW, RDM, SEQPACKET, DCCP, PACKET.
    for (const std::uint64_t type : {3, 4, 5, 6, 10}) {
      table.refuse("socket", EPERM, {low32(0, family), masked(1, kTypeBits, type)});
    }
  }
  table.allow("socket", {low32(0, kNetlink), low32(2, 0)});
  // Socket diagnosis, audit, netfilter, device events, generic.
  for (const std::uint32_t refused : {4U, 9U, 12U, 15U, 16U}) {
    table.refuse("socket", EPROTONOSUPPORT, {low32(0, kNetlink), low32(2, refused)});
  }
  refuseFamilies(table, "socket", {kUnix, kInet, kInet6, kNetlink});
  // Fast open connects without connect(2).
  constexpr std::uint64_t kFastOpen = 0x2000'0000;
  allowWithoutBits(table, "sendto", 3, kFastOpen);
  allowWithoutBits(table, "sendmsg", 2, kFastOpen);
  allowWithoutBits(table, "sendmmsg", 3, kFastOpen);
}

SeccompTable makeTable() {
  TableBuilder table;
  for (const std::string_view call : kAllowedCalls) table.allow(call);
  for (const std::string_view call : kRefusedCalls) table.refuse(call, EPERM);
  addModes(table);
  addProcesses(table);
  allowRequestsBut(table, terminalRequests());
  addPrctl(table);
  addSockets(table);
  SeccompTable result;
  result.fallback = SeccompAction::kErrno;
  result.fallbackErrno = ENOSYS;
  result.rules = std::move(table).take();
  return result;
}

}  // namespace

const SharedSeccompTable& defaultSeccompTable() {
  static const SharedSeccompTable kTable = makeTable();
  return kTable;
}

}  // namespace ringfence::sandbox
