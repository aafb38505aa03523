#include "sandbox/kernel/socket_owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

#include "sandbox/kernel/process_chain.h"
#include "sdk/base/io.h"
#include "sdk/base/whole_number.h"

namespace ringfence::sandbox {
namespace {

constexpr Bytes kMostTable = mebibytes(2);  // some ten thousand sockets
constexpr std::size_t kMostHolders = 64;
constexpr int kLinksBetweenLooksAtTheClock = 64;

std::string_view takeUntil(std::string_view& text, std::string_view separator) {
  const std::size_t at = std::min(text.find(separator), text.size());
  const std::string_view word = text.substr(0, at);
  text.remove_prefix(std::min(at + separator.size(), text.size()));
  return word;
}

std::string_view takeWord(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return takeUntil(text, " ");
}

std::optional<ConnectionEnd> parseEnd(std::string_view text) {
  ConnectionEnd end;
  for (int part = 0; part < 4; ++part) {
    const auto byte = wholeNumber<std::uint8_t>(takeUntil(text, part < 3 ? "." : ":"));
    if (!byte) return std::nullopt;
    end.address = end.address << 8 | *byte;
  }
  const auto port = wholeNumber<std::uint16_t>(text);
  if (!port) return std::nullopt;
  end.port = *port;
  return end;
}

// "0100007F:1F90", or behind the 24 digits of a mapped IPv6 address: the bytes of an address as the machine's words.
std::optional<ConnectionEnd> tableEnd(std::string_view text) {
  constexpr std::string_view kMapped = "0000000000000000FFFF0000";
  const std::string_view address = takeUntil(text, ":");
  const auto port = wholeNumber<std::uint16_t>(text, 16);
  const bool mapped = address.size() == 32 && address.starts_with(kMapped);
  if (!port || (address.size() != 8 && !mapped)) return std::nullopt;
  const auto word = wholeNumber<std::uint32_t>(address.substr(address.size() - 8), 16);
  if (!word) return std::nullopt;
  const std::uint32_t bytes = std::endian::native == std::endian::little ? __builtin_bswap32(*word) : *word;
  return ConnectionEnd{bytes, *port};
}

// Whether one of its descriptors is that socket. Nothing: there was not the time to look at all.
std::optional<bool> holds(int proc, int pid, const std::string& wanted, std::chrono::steady_clock::time_point until) {
  auto opened = openAt(proc, std::to_string(pid) + "/fd", O_RDONLY | O_DIRECTORY);
  if (!opened) return false;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(opened->get()), ::closedir);
  if (!directory) return false;
  (void)opened->release();
  int looked = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (++looked % kLinksBetweenLooksAtTheClock == 0 && std::chrono::steady_clock::now() > until) return std::nullopt;
    std::array<char, 64> link{};
    const ssize_t length = ::readlinkat(::dirfd(directory.get()), entry->d_name, link.data(), link.size());
    if (length > 0 && std::string_view(link.data(), static_cast<std::size_t>(length)) == wanted) return true;
  }
  return false;
}

}  // namespace

std::optional<ConnectionEnds> parseConnectionEnds(std::string_view text) {
  if (takeUntil(text, " ") != "tcp") return std::nullopt;
  const auto own = parseEnd(takeUntil(text, " to "));
  const auto far = parseEnd(text);
  if (!own || !far) return std::nullopt;
  return ConnectionEnds{*own, *far};
}

std::optional<std::uint64_t> findSocket(std::string_view table, const ConnectionEnds& ends) {
  (void)takeUntil(table, "\n");  // the names of the columns
  while (!table.empty()) {
    std::string_view line = takeUntil(table, "\n");
    (void)takeWord(line);
    const auto own = tableEnd(takeWord(line));
    const auto far = tableEnd(takeWord(line));
    if (own != ends.own || far != ends.far) continue;
    for (int skipped = 0; skipped < 6; ++skipped) (void)takeWord(line);  // state, queues, timers, uid, probes
    const auto inode = wholeNumber<std::uint64_t>(takeWord(line));
    if (inode && *inode != 0) return inode;
  }
  return std::nullopt;
}

Result<std::uint64_t> findConnection(int netDirectory, const ConnectionEnds& ends) {
  for (const char* name : {"tcp", "tcp6"}) {
    auto table = readFileAt(netDirectory, name, kMostTable);
    // A kernel without IPv6 has no such table.
    if (!table && std::string_view(name) == "tcp6" && table.error().code == ErrorCode::kNotFound) continue;
    if (!table) return std::move(table).error();
    if (const auto inode = findSocket(*table, ends)) return *inode;
  }
  return Error{ErrorCode::kNotFound, "no socket of the run has these ends any more"};
}

SocketHolders findHolders(int proc, const std::vector<int>& pids, std::uint64_t inode,
                          std::chrono::steady_clock::time_point until) {
  SocketHolders holders;
  const std::string wanted = "socket:[" + std::to_string(inode) + "]";
  for (const int pid : pids) {
    const auto start = readStartTime(proc, pid);
    const auto found = holds(proc, pid, wanted, until);
    if (!found || holders.found.size() == kMostHolders) {
      holders.complete = false;
      break;
    }
    if (start && *found) holders.found.push_back({pid, *start});
  }
  std::ranges::stable_sort(holders.found, {}, &SocketHolder::startTime);
  return holders;
}

}  // namespace ringfence::sandbox
