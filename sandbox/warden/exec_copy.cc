#include "sandbox/warden/exec_copy.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <string_view>

namespace ringfence::sandbox {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kMaxVariables = 4096;  // looked through for PATH

// Memory of one thread, a page at a time: arguments lie side by side, so most are read with one call. The list and its
// texts lie on different pages, and texts on some.
class CallerMemory {
 public:
  explicit CallerMemory(const Caller& caller) : caller_(caller) {}

  // The pages of both, with one call where they are two. What of them cannot be read is read again when it is needed.
  void fetch(std::uint64_t one, std::uint64_t other) {
    const std::uint64_t first = one & ~(kPage - 1), second = other & ~(kPage - 1);
    if (first == second || !caller_.notifier().readBoth(caller_.thread(), {.address = first, .to = pages_[0].bytes},
                                                        {.address = second, .to = pages_[1].bytes}))
      return;
    pages_[0].start = first;
    pages_[1].start = second;
    pages_[0].size = pages_[1].size = kPage;
    next_ = 2;
  }

  // From `address` to the end of its page, as far as it can be read.
  std::string_view at(std::uint64_t address) {
    const std::uint64_t start = address & ~(kPage - 1);
    Page* found = std::ranges::find(pages_, std::optional(start), &Page::start);
    if (found == pages_.end()) {
      found = &pages_[next_++ % pages_.size()];
      found->start = start;
      found->size = caller_.notifier().readMemory(caller_.thread(), start, found->bytes);
    }
    const auto offset = static_cast<std::size_t>(address - start);
    return offset < found->size ? std::string_view(found->bytes.data() + offset, found->size - offset)
                                : std::string_view();
  }

  std::optional<std::uint64_t> pointer(std::uint64_t address) {
    std::array<char, sizeof(std::uint64_t)> raw{};
    for (std::size_t done = 0; done < raw.size();) {
      const std::string_view piece = at(address + done).substr(0, raw.size() - done);
      if (piece.empty()) return std::nullopt;
      std::copy(piece.begin(), piece.end(), raw.begin() + static_cast<std::ptrdiff_t>(done));
      done += piece.size();
    }
    std::uint64_t value = 0;
    std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }

  struct Text {
    std::string text;
    bool whole = false;  // its end was found within the limit
  };
  // Nothing: it cannot be read.
  std::optional<Text> text(std::uint64_t address, std::size_t limit) {
    Text result;
    while (result.text.size() < limit) {
      const std::string_view piece = at(address + result.text.size()).substr(0, limit - result.text.size());
      if (piece.empty()) return std::nullopt;
      const std::size_t end = piece.find('\0');
      result.text += piece.substr(0, end);
      result.whole = end != std::string_view::npos;
      if (result.whole) break;
    }
    return result;
  }

 private:
  struct Page {
    std::optional<std::uint64_t> start;
    std::size_t size = 0;
    std::array<char, kPage> bytes;
  };
  const Caller& caller_;
  std::array<Page, 4> pages_;
  std::size_t next_ = 0;
};

Error fault(const char* what) { return posixError(EFAULT, std::string("reading ") + what); }

Result<void> copyArguments(CallerMemory& memory, std::uint64_t address, ExecCopy& copy) {
  if (address == 0) return {};  // as if it were empty
  const auto limit = static_cast<std::size_t>(kMaxExecArguments.count);
  for (std::size_t used = 0;; address += sizeof(std::uint64_t)) {
    const auto pointer = memory.pointer(address);
    if (!pointer) return fault("the list of arguments");
    if (*pointer == 0) return {};
    copy.argvCut = used >= limit;
    if (copy.argvCut) return {};
    auto argument = memory.text(*pointer, limit - used);
    if (!argument) return fault("an argument");
    used += argument->text.size() + 1;
    copy.argvCut = !argument->whole;
    copy.argv.push_back(std::move(argument->text));
    if (copy.argvCut) return {};
  }
}

}  // namespace

Result<ExecCopy> copyExec(const Caller& caller) {
  const Notification& call = caller.notification();
  ExecCopy copy{.call = guardedCallOf(call.number)};
  const bool at = copy.call == GuardedCall::kExecveat;
  const std::size_t first = at ? 1 : 0;
  if (at) {
    copy.directory = static_cast<int>(call.arguments[0]);
    copy.flags = static_cast<int>(call.arguments[4]);
  }
  copy.environment = call.arguments.at(first + 2);
  CallerMemory memory(caller);
  memory.fetch(call.arguments.at(first), call.arguments.at(first + 1));
  auto path = memory.text(call.arguments.at(first), PATH_MAX);
  if (!path) return fault("the path of a program");
  if (!path->whole) return posixError(ENAMETOOLONG, "reading the path of a program");
  copy.path = std::move(path->text);
  RF_TRY(copyArguments(memory, call.arguments.at(first + 1), copy));
  return copy;
}

std::string copySearchPath(const Caller& caller, std::uint64_t address) {
  constexpr std::string_view kName = "PATH=";
  CallerMemory memory(caller);
  for (std::size_t i = 0; address != 0 && i < kMaxVariables; ++i) {
    const auto pointer = memory.pointer(address + i * sizeof(std::uint64_t));
    if (!pointer || *pointer == 0) break;
    const auto name = memory.text(*pointer, kName.size());
    if (!name || name->text != kName) continue;
    auto value = memory.text(*pointer + kName.size(), 16 * PATH_MAX);
    if (value && value->whole) return std::move(value->text);
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

}  // namespace ringfence::sandbox
