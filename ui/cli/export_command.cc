#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>

#include "sdk/base/clock.h"
#include "sdk/base/io.h"
#include "sdk/base/text.h"
#include "sdk/base/whole_number.h"
#include "ui/cli/commands.h"
#include "ui/cli/otlp.h"

namespace ringfence::cli {
namespace {

constexpr timeval kMetricsPatience{10, 0};
constexpr Bytes kMaxMetrics = mebibytes(64);

struct Wanted {
  Since since;
  bool isMetrics = false;
  std::string run;
};

// A line is written where the fact that ends it is asked for; what was before is read all the same.
bool isAskedFor(const client::LogLine& line, const Since& since) {
  if (line.seq <= since.seq) return false;
  return !since.wall || parseRfc3339(line.at).value_or(Microseconds{0}) >= *since.wall;
}

int exportOtlp(const Wanted& wanted, bool follows) {
  auto client = client::Client::connect();
  if (!client) return fail(client.error(), Form::kText);
  const auto begun = client->beginLog(wanted.run, 0, follows);
  if (const auto* failure = std::get_if<client::Failure>(&begun)) return fail(*failure, Form::kText);
  OtlpSpans spans;
  OtlpMetrics metrics;
  for (;;) {
    const auto answer = client->nextLogLine();
    if (const auto* failure = std::get_if<client::Failure>(&answer)) return fail(*failure, Form::kText);
    const auto& line = std::get<std::optional<client::LogLine>>(answer);
    if (!line) return kExitOk;
    const auto texts = wanted.isMetrics ? metrics.take(*line) : spans.take(*line);
    if (!isAskedFor(*line, wanted.since)) continue;
    for (const std::string& text : texts) printLine(text);
  }
}

Result<UniqueFd> connectToMetrics(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error{ErrorCode::kInvalid, escapeForDisplay(path) + " is too long for a socket"};
  path.copy(address.sun_path, path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return posixError(errno, "making a socket");
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Error{ErrorCode::kUnavailable,
                 "no daemon tells metrics at " + escapeForDisplay(path) + "; see 'ringfence doctor'", errno};
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return posixError(errno, "asking who serves " + escapeForDisplay(path));
  if (peer.uid != 0 && peer.uid != ::geteuid())
    return Error{ErrorCode::kDenied, escapeForDisplay(path) + " is served by another user; not talking to it"};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(socket.get(), SOL_SOCKET, option, &kMetricsPatience, sizeof kMetricsPatience) != 0)
      return posixError(errno, "limiting how long to wait");
  }
  return socket;
}

// The body of the answer.
Result<std::string> fetchMetrics(const std::string& path) {
  const UniqueFd socket = RF_TRY(connectToMetrics(path));
  constexpr std::string_view kRequest = "GET /metrics HTTP/1.0\r\n\r\n";
  if (::send(socket.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(kRequest.size()))
    return posixError(errno, "asking for metrics");
  std::string answer;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (got < 0) return Error{ErrorCode::kUnavailable, "the daemon did not tell its metrics in time", errno};
    if (got == 0) break;
    answer.append(buffer, static_cast<std::size_t>(got));
    if (answer.size() > kMaxMetrics.count)
      return Error{ErrorCode::kUnavailable, "the metrics are longer than " + formatBytes(kMaxMetrics)};
  }
  const std::size_t body = answer.find("\r\n\r\n");
  if (body == std::string::npos) return Error{ErrorCode::kUnavailable, "the daemon told no metrics"};
  if (answer.compare(0, 13, "HTTP/1.0 200 ") != 0)
    return Error{ErrorCode::kDenied, "the daemon tells no metrics: " + escapeForDisplay(answer.substr(body + 4))};
  // A daemon that ends in the middle closes as one that has said everything.
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const std::size_t length = answer.find(kLength);
  const std::size_t from = length + kLength.size();
  const auto said =
      length < body ? wholeNumber<std::size_t>(std::string_view(answer).substr(from, answer.find("\r\n", from) - from))
                    : std::nullopt;
  if (said != answer.size() - (body + 4))
    return Error{ErrorCode::kUnavailable, "the daemon broke off while it told its metrics"};
  return answer.substr(body + 4);
}

int exportPrometheus() {
  const std::string control = socketPath();
  const auto text = fetchMetrics(control.substr(0, control.rfind('/') + 1) + "metrics.sock");
  if (!text) return fail(text.error(), Form::kText);
  print(*text);
  return kExitOk;
}

int wrong(const std::string& what) {
  complain("export: " + what + "; see 'ringfence export --help'");
  return kExitUsage;
}

}  // namespace

int exportCommand(const Parsed& parsed) {
  const std::string format = parsed.words.empty() ? "" : parsed.words[0];
  if (format == "prometheus") {
    if (parsed.words.size() > 1 || !parsed.options.empty())
      return wrong("prometheus tells what is used now, of all that you may see, and takes no option");
    return exportPrometheus();
  }
  if (format != "otlp") return wrong("the format is otlp or prometheus");
  Wanted wanted;
  if (parsed.words.size() == 2) wanted.run = parsed.words[1];
  const std::string signal = parsed.value("signal").value_or("traces");
  if (signal != "traces" && signal != "metrics") return wrong("--signal is traces or metrics");
  wanted.isMetrics = signal == "metrics";
  if (const auto text = parsed.value("since")) {
    const auto since = parseSince(*text, SystemClock().now().wall);
    if (!since)
      return wrong("--since " + escapeForDisplay(*text) +
                   " is no sequence number, no time like 2026-11-28T10:00:00Z and no age like 10m");
    wanted.since = *since;
  }
  return exportOtlp(wanted, parsed.has("follow"));
}

}  // namespace ringfence::cli
