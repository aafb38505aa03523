#include "supervisor/api/convert.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <type_traits>

#include "sdk/base/text.h"
#include "supervisor/api/convert_questions.h"
#include "supervisor/api/convert_usage.h"
#include "supervisor/api/utf8.h"
#include "supervisor/api/wire.h"

namespace ringfence::supervisor::api {
namespace {

constexpr std::array<std::uint32_t, 4> kStopSignals{SIGHUP, SIGINT, SIGQUIT, SIGTERM};

Error outOfBounds(const std::string& what) { return {ErrorCode::kInvalid, what}; }

// Bytes that end up in paths, argv and environment: no NUL can be in them.
Result<std::string> plainBytes(const std::string& bytes, const char* field, std::size_t limit) {
  if (bytes.size() > limit)
    return outOfBounds(std::string(field) + " is longer than " + std::to_string(limit) + " bytes");
  if (bytes.find('\0') != std::string::npos) return outOfBounds(std::string(field) + " holds a NUL byte");
  return bytes;
}

Result<std::string> absolutePath(const std::string& bytes, const char* field) {
  if (!bytes.empty() && bytes[0] != '/') return outOfBounds(std::string(field) + " is not an absolute path");
  return plainBytes(bytes, field, kMaxPathLength);
}

template <typename Messages>
Result<std::vector<std::pair<std::string, std::string>>> toPairs(const Messages& messages, const char* field) {
  if (static_cast<std::size_t>(messages.size()) > kMaxEnvironment)
    return outOfBounds(std::string(field) + " has too many entries");
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const v1::KeyValue& message : messages) {
    std::string key = RF_TRY(plainBytes(message.key(), field, kMaxPathLength));
    if (key.empty() || key.find('=') != std::string::npos)
      return outOfBounds(std::string(field) + " has a name that is empty or holds '='");
    std::string value = RF_TRY(plainBytes(message.value(), field, kMaxMessage.count));
    pairs.emplace_back(std::move(key), std::move(value));
  }
  return pairs;
}

Result<sandbox::Stdio> toStdio(v1::StdioMode mode) {
  switch (mode) {
    case v1::STDIO_DESCRIPTORS: return sandbox::Stdio::kDescriptors;
    case v1::STDIO_TERMINAL: return sandbox::Stdio::kTerminal;
    case v1::STDIO_CAPTURED: return sandbox::Stdio::kCaptured;
    default: return outOfBounds("stdio is unspecified");
  }
}

Result<std::uint16_t> toTerminalSize(std::uint32_t number, std::uint16_t fallback) {
  if (number > 0xffff) return outOfBounds("the terminal's size is out of range");
  return number == 0 ? fallback : static_cast<std::uint16_t>(number);
}

PolicyText toPolicyText(const v1::PolicyText& message) {
  const std::string& path = message.path();
  const bool isPath = path.starts_with('/') && path.size() <= kMaxPathLength && path.find('\0') == std::string::npos;
  return {message.file(), message.text(), isPath ? path : std::string()};
}

Result<void> readPolicies(const v1::RunRequest& message, RunRequest& request) {
  if (static_cast<std::size_t>(message.user_policies_size()) > kMaxPolicyTexts)
    return outOfBounds("user_policies has too many entries");
  if (message.has_policy_file()) request.policyFile = toPolicyText(message.policy_file());
  if (message.has_project_policy()) request.projectPolicy = toPolicyText(message.project_policy());
  for (const v1::PolicyText& policy : message.user_policies()) request.userPolicies.push_back(toPolicyText(policy));
  return {};
}

Result<void> readCommand(const v1::RunRequest& message, RunRequest& request) {
  if (message.argv_size() == 0) return outOfBounds("argv is empty");
  if (static_cast<std::size_t>(message.argv_size()) > kMaxArguments) return outOfBounds("argv has too many entries");
  for (const std::string& argument : message.argv()) {
    std::string plain = RF_TRY(plainBytes(argument, "argv", kMaxMessage.count));
    request.argv.push_back(std::move(plain));
  }
  request.workspace = RF_TRY(absolutePath(message.workspace(), "workspace"));
  request.workingDirectory = RF_TRY(absolutePath(message.working_directory(), "working_directory"));
  request.executable = RF_TRY(absolutePath(message.executable(), "executable"));
  request.installTree = RF_TRY(absolutePath(message.install_tree(), "install_tree"));
  request.environment = RF_TRY(toPairs(message.environment(), "environment"));
  request.extraEnvironment = RF_TRY(toPairs(message.extra_environment(), "extra_environment"));
  if (static_cast<std::size_t>(message.extra_paths_size()) > kMaxExtraPaths)
    return outOfBounds("extra_paths has too many entries");
  for (const v1::ExtraPath& path : message.extra_paths()) {
    std::string plain = RF_TRY(absolutePath(path.path(), "extra_paths"));
    request.extraPaths.push_back(
        {std::move(plain), path.writable() ? sandbox::Access::kReadWrite : sandbox::Access::kReadOnly});
  }
  return {};
}

Result<std::optional<StopMethod>> toStopMethod(const v1::AdapterUse& message) {
  if (message.stop_signal() == 0 && message.stop_patience_seconds() == 0) return std::optional<StopMethod>();
  if (std::ranges::find(kStopSignals, message.stop_signal()) == kStopSignals.end())
    return outOfBounds("adapter.stop_signal is SIGHUP, SIGINT, SIGQUIT or SIGTERM");
  if (message.stop_patience_seconds() == 0 || message.stop_patience_seconds() > kMaxStopPatienceSec)
    return outOfBounds("adapter.stop_patience_seconds is from 1 to 60");
  return std::optional(StopMethod{message.stop_signal(), message.stop_patience_seconds()});
}

Result<AdapterUse> toAdapter(const v1::AdapterUse& message) {
  if (message.name().empty() || message.name().size() > kMaxNameLength)
    return outOfBounds("adapter.name has 1 to 64 bytes");
  if (message.speaks_size() > static_cast<int>(kMaxHookEvents))
    return outOfBounds("adapter.speaks has too many entries");
  if (message.silent_after_seconds() > kMaxSilentAfterSec)
    return outOfBounds("adapter.silent_after_seconds is longer than a day");
  AdapterUse adapter{
      {message.name(), {}, message.silent_after_seconds(), RF_TRY(toStopMethod(message))}, {}, message.settings()};
  for (const std::string& event : message.speaks()) {
    if (event.empty() || event.size() > kMaxHookEventBytes)
      return outOfBounds("adapter.speaks has names of 1 to 64 bytes");
    adapter.terms.speaks.push_back(event);
  }
  if (adapter.settings.size() > kMaxAdapterSettings.count || adapter.settings.find('\0') != std::string::npos)
    return outOfBounds("adapter.settings has at most 64 KiB and no NUL");
  if (!message.start().empty()) adapter.start = RF_TRY(absolutePath(message.start(), "adapter.start"));
  return adapter;
}

Result<Request> toRunRequest(const v1::RunRequest& message) {
  RunRequest request;
  if (message.name().size() > kMaxNameLength) return outOfBounds("name is longer than 64 bytes");
  if (message.policy().size() > 256) return outOfBounds("policy is longer than 256 bytes");
  if (message.as_user().size() > 256) return outOfBounds("as_user is longer than 256 bytes");
  request.allowHosts = RF_TRY(toHostGrants(message));
  request.name = message.name();
  request.policy = message.policy();
  request.asUser = message.as_user();
  RF_TRY(readPolicies(message, request));
  RF_TRY(readCommand(message, request));
  request.stdio = RF_TRY(toStdio(message.stdio()));
  request.rows = RF_TRY(toTerminalSize(message.terminal_rows(), 24));
  request.columns = RF_TRY(toTerminalSize(message.terminal_columns(), 80));
  request.detached = message.detached();
  request.dryRun = message.dry_run();
  request.unattended = message.unattended();
  request.wantsName = message.wants_name();
  if (message.has_adapter()) request.adapter = RF_TRY(toAdapter(message.adapter()));
  return Request(std::move(request));
}

// A selector that names nothing must not become "all" by omission.
Result<Request> toAct(Verb verb, const v1::RunSelector& selector) {
  if (selector.all() == !selector.run().empty()) return outOfBounds("a selector names one run, or says all");
  if (selector.at_once() && verb != Verb::kFreeze) return outOfBounds("only a freeze is asked for at once");
  return Request(ActOnRuns{selector.at_once() ? Verb::kFreezeAtOnce : verb, selector.run(), selector.all()});
}

template <typename T>
Result<Request> toNamed(const std::string& run) {
  if (run.empty()) return outOfBounds("no run is named");
  return Request(T{run});
}

Result<Request> toPriced(const v1::PriceRequest& message) {
  if (message.run().empty()) return outOfBounds("no run is named");
  if (message.hold_usec() > static_cast<std::uint64_t>(kMaxPricedHold.count()))
    return outOfBounds("hold_usec is more than a year");
  return Request(AskPrice{message.run(), Microseconds(message.hold_usec())});
}

Result<Request> toFocus(const v1::FocusRequest& message) {
  if (message.pid() < 0) return outOfBounds("a process has a number above 0");
  if (message.clear() && message.pid() != 0) return outOfBounds("the focus is set or cleared, not both");
  return Request(SetFocus{message.pid(), message.clear()});
}

Result<Request> toPrune(const v1::PruneRequest& message) {
  PruneHomes request{.dryRun = message.dry_run()};
  if (!message.has_older_than_sec()) return Request(request);
  if (message.older_than_sec() > static_cast<std::uint64_t>(kMaxPruneAge.count()))
    return outOfBounds("older_than_sec is more than a hundred years");
  request.unusedFor = std::chrono::seconds(message.older_than_sec());
  return Request(request);
}

void fill(v1::ServerPacket& packet, const Refusal& answer) {
  v1::ErrorAnswer& message = *packet.mutable_error();
  message.set_code(answer.code);
  message.set_message(asUtf8(answer.message));
  message.set_token(answer.token);
  message.set_exit_code(answer.exitCode);
  message.set_json(answer.json);
  message.set_last_seq(answer.lastSeq);
}

template <typename Messages>
void fillWeakened(const std::vector<Weakening>& weakened, Messages* messages) {
  for (const Weakening& one : weakened) {
    v1::Weakening& message = *messages->Add();
    message.set_wall(one.wall);
    message.set_reason(asUtf8(one.reason));
  }
}

void fillExit(const ExitReport& exit, v1::ExitStatus& message) {
  if (exit.code) message.set_code(*exit.code);
  if (exit.signal) message.set_signal(*exit.signal);
  message.set_out_of_memory(exit.outOfMemory);
  message.set_note(asUtf8(exit.note));
  if (!exit.later) return;
  v1::LaterReport& later = *message.mutable_later();
  later.set_more(exit.later->more);
  for (const LaterFile& file : exit.later->files) {
    v1::LaterFile& added = *later.add_files();
    added.set_path(file.path);
    added.set_obeyed_by(file.obeyedBy);
    if (file.pid) added.set_pid(*file.pid);
    added.set_name(file.name);
  }
}

void fill(v1::ServerPacket& packet, const RunAccepted& answer) {
  v1::RunAccepted& message = *packet.mutable_run_accepted();
  message.set_run(answer.run);
  message.set_name(answer.name);
  message.set_pid(answer.pid);
  fillWeakened(answer.weakened, message.mutable_weakened());
  for (const std::string& note : answer.notes) message.add_notes(escapeForDisplay(note));
  message.set_has_terminal(answer.hasTerminal);
}

void fill(v1::ServerPacket& packet, const RunNamed& answer) { packet.mutable_run_named()->set_run(answer.run); }

void fill(v1::ServerPacket& packet, const RunEvent& answer) {
  v1::RunEvent& message = *packet.mutable_run_event();
  message.set_run(answer.run);
  if (const auto* stopped = std::get_if<StoppedBy>(&answer.event)) message.set_stopped_by(stopped->signal);
  if (std::holds_alternative<Continued>(answer.event)) message.set_continued(true);
  if (const auto* exit = std::get_if<ExitReport>(&answer.event)) fillExit(*exit, *message.mutable_ended());
  if (const auto* asked = std::get_if<PendingItem>(&answer.event)) fillMessage(*asked, *message.mutable_asked());
  if (const auto* gone = std::get_if<PendingGone>(&answer.event)) fillMessage(*gone, *message.mutable_settled());
  if (const auto* governed = std::get_if<Governed>(&answer.event)) {
    message.mutable_governed()->set_held(governed->held);
    message.mutable_governed()->set_reason(governed->reason);
  }
}

void fillDetails(const RunDetails& run, v1::RunDetails& message) {
  message.set_id(run.id);
  message.set_name(run.name);
  message.set_state(run.state);
  if (run.exit) fillExit(*run.exit, *message.mutable_exit());
  message.set_uid(run.uid);
  message.set_caller_uid(run.callerUid);
  message.set_pid(run.pid);
  for (const std::string& argument : run.command) message.add_command(argument);
  message.set_workspace(run.workspace);
  message.set_policy_name(run.policyName);
  message.set_policy_hash(run.policyHash);
  message.set_policy_file(run.policyFile);
  message.set_policy_file_sha256(run.policyFileSha256);
  message.set_started(run.started);
  message.set_ended(run.ended);
  message.set_token(run.token);
  fillWeakened(run.weakened, message.mutable_weakened());
  for (const WallLine& wall : run.walls) {
    v1::WallReading& line = *message.add_walls();
    line.set_wall(wall.wall);
    line.set_wanted(asUtf8(wall.wanted));
    line.set_got(asUtf8(wall.got));
    line.set_proved(wall.proved);
    line.set_up(wall.up);
  }
  fillMessage(run.usage, *message.mutable_usage());
  for (const std::string& note : run.notes) message.add_notes(escapeForDisplay(note));
  message.set_priority(run.priority);
  if (run.held) {
    v1::HeldBy& held = *message.mutable_held();
    held.set_governor(run.held->governor);
    held.set_by_uid(run.held->byUid);
    held.set_by(run.held->by);
    held.set_cause(run.held->cause);
    held.set_reason(asUtf8(run.held->reason));
    held.set_since(run.held->since);
  }
  const auto fillLine = [](const AlarmLine& from, v1::AlarmLine& line) {
    line.set_kind(from.kind);
    line.set_reason(asUtf8(from.reason));
    line.set_at(from.at);
  };
  if (run.pausing) {
    v1::Pausing& pausing = *message.mutable_pausing();
    pausing.set_by_uid(run.pausing->byUid);
    pausing.set_asked(run.pausing->asked);
    pausing.set_within_ms(static_cast<std::uint64_t>(run.pausing->within.count()));
  }
  message.set_says(run.says);
  message.set_said_at(run.saidAt);
  message.set_adapter(asUtf8(run.adapter));
  message.set_hook_heard_at(run.hookHeardAt);
  for (const AlarmLine& alarm : run.alarms) fillLine(alarm, *message.add_alarms());
  for (const AlarmLine& limit : run.limitsReached) fillLine(limit, *message.add_limits_reached());
}

void fill(v1::ServerPacket& packet, const RunList& answer) {
  v1::RunList& message = *packet.mutable_list();
  for (const RunDetails& run : answer.runs) fillDetails(run, *message.add_runs());
  v1::StopState& stop = *message.mutable_stop();
  stop.set_latched(answer.stop.latched);
  stop.set_trigger(asUtf8(answer.stop.trigger));
  stop.set_at(answer.stop.at);
  stop.set_alarm(asUtf8(answer.stop.alarm));
}

void fill(v1::ServerPacket& packet, const RunDetails& answer) { fillDetails(answer, *packet.mutable_details()); }

void fill(v1::ServerPacket& packet, const Done& answer) {
  v1::Done& message = *packet.mutable_done();
  message.set_count(static_cast<std::uint32_t>(answer.runs.size()));
  for (const std::string& run : answer.runs) message.add_runs(run);
  for (const std::string& run : answer.pausing) message.add_pausing(run);
}

void fill(v1::ServerPacket& packet, const LogLine& answer) {
  v1::LogLine& message = *packet.mutable_log_line();
  message.set_seq(answer.seq);
  message.set_at(answer.at);
  message.set_run(answer.run);
  message.set_kind(answer.kind);
  message.set_body_json(answer.bodyJson);
  message.set_hash(answer.hash);
}

void fill(v1::ServerPacket& packet, const Verification& answer) {
  v1::VerifyAnswer& message = *packet.mutable_verify();
  message.set_ok(answer.ok);
  message.set_facts(answer.facts);
  message.set_head(answer.head);
  message.set_first_bad_seq(answer.firstBadSeq);
  message.set_detail(answer.detail);
}

void fill(v1::ServerPacket& packet, const Document& answer) {
  packet.mutable_json()->set_json(answer.json);
  packet.mutable_json()->set_text(asUtf8(answer.text));
}

void fill(v1::ServerPacket& packet, const UsageList& answer) { fillMessage(answer, *packet.mutable_usage()); }

void fill(v1::ServerPacket& packet, const Output& answer) {
  packet.mutable_output()->set_is_terminal(answer.isTerminal);
}

void fill(v1::ServerPacket& packet, const PendingItem& answer) { fillMessage(answer, *packet.mutable_pending()); }
void fill(v1::ServerPacket& packet, const PendingGone& answer) { fillMessage(answer, *packet.mutable_pending_gone()); }
void fill(v1::ServerPacket& packet, const GrantList& answer) { fillMessage(answer, *packet.mutable_grants()); }
void fill(v1::ServerPacket& packet, const WhyAnswer& answer) { fillMessage(answer, *packet.mutable_why()); }

void fillPrice(const Price& price, v1::Price& message) {
  if (price.seconds) message.set_seconds(*price.seconds);
  if (price.tokens) message.set_tokens(*price.tokens);
  if (price.workCpuSeconds) message.set_work_cpu_seconds(*price.workCpuSeconds);
  message.set_forbidden(price.forbidden);
  message.set_why(asUtf8(price.why));
  message.set_cheaper_after(price.cheaperAfter);
}

void fill(v1::ServerPacket& packet, const PriceAnswer& answer) {
  v1::PriceAnswer& message = *packet.mutable_price();
  message.set_run(answer.run);
  message.set_name(asUtf8(answer.name));
  message.set_hold_usec(static_cast<std::uint64_t>(answer.hold.count()));
  fillPrice(answer.freeze, *message.mutable_freeze());
  fillPrice(answer.freezeAndReclaim, *message.mutable_freeze_and_reclaim());
  fillPrice(answer.kill, *message.mutable_kill());
  message.set_safe_point(answer.safePoint);
  message.set_activity(answer.activity);
}

void fill(v1::ServerPacket& packet, const PruneAnswer& answer) {
  v1::PruneAnswer& message = *packet.mutable_prune();
  for (const HomeLine& home : answer.homes) {
    v1::PrivateHome& line = *message.add_homes();
    line.set_uid(home.uid);
    line.set_policy(asUtf8(home.policy));
    line.set_last_used(home.lastUsed);
    line.set_bytes(home.bytes);
    line.set_more(home.isMore);
    line.set_fate(home.fate);
    line.set_why(asUtf8(home.why));
  }
  message.set_removed(answer.removed);
  message.set_removed_bytes(answer.removedBytes);
  for (const std::string& left : answer.left) message.add_left(asUtf8(left));
}

void fill(v1::ServerPacket& packet, const FocusAnswer& answer) {
  v1::FocusAnswer& message = *packet.mutable_focus();
  message.set_pid(answer.pid);
  message.set_group(asUtf8(answer.group));
  for (const ProtectedPart& part : answer.parts) {
    v1::ProtectedPart& one = *message.add_parts();
    one.set_what(part.what);
    one.set_amount(part.amount);
    one.set_why(asUtf8(part.why));
  }
}

}  // namespace

Refusal refusalOf(const Error& error) {
  Refusal refusal;
  refusal.code = errorCodeName(error.code);
  refusal.message = error.message;
  refusal.exitCode = error.code == ErrorCode::kDenied ? 4 : 1;
  return refusal;
}

Result<Request> toRequest(const v1::ClientPacket& packet) {
  switch (packet.request_case()) {
    case v1::ClientPacket::kRun: return toRunRequest(packet.run());
    case v1::ClientPacket::kList: return Request(ListRuns{packet.list().all()});
    case v1::ClientPacket::kShow: return toNamed<ShowRun>(packet.show().run());
    case v1::ClientPacket::kAttach: return toNamed<AttachRun>(packet.attach().run());
    case v1::ClientPacket::kLogs: return toNamed<ReadOutput>(packet.logs().run());
    case v1::ClientPacket::kFreeze: return toAct(Verb::kFreeze, packet.freeze());
    case v1::ClientPacket::kResume: return toAct(Verb::kResume, packet.resume());
    case v1::ClientPacket::kStop: return toAct(Verb::kStop, packet.stop());
    case v1::ClientPacket::kKill: return toAct(Verb::kKill, packet.kill());
    case v1::ClientPacket::kLog:
      return Request(ReadLog{packet.log().run(), packet.log().since_seq(), Microseconds(packet.log().since_usec()),
                             packet.log().follow()});
    case v1::ClientPacket::kVerify: return Request(VerifyLog{packet.verify().against()});
    case v1::ClientPacket::kDoctor: return Request(AskDoctor{});
    case v1::ClientPacket::kUsage: {
      ReadUsage request{packet.usage().run()};
      if (packet.usage().since_usec() > 0) request.since = Microseconds(packet.usage().since_usec());
      return Request(std::move(request));
    }
    case v1::ClientPacket::kSignal: return Request(SendSignal{packet.signal().run(), packet.signal().signal()});
    case v1::ClientPacket::kTrust: return Request(TrustFile{packet.trust().file(), packet.trust().hash()});
    case v1::ClientPacket::kDetach: return toNamed<Detach>(packet.detach().run());
    case v1::ClientPacket::kPending: return toRequest(packet.pending());
    case v1::ClientPacket::kAnswer: return toRequest(packet.answer());
    case v1::ClientPacket::kGrants: return toRequest(packet.grants());
    case v1::ClientPacket::kRevokeGrant: return toRequest(packet.revoke_grant());
    case v1::ClientPacket::kWhy: return toRequest(packet.why());
    case v1::ClientPacket::kPrice: return toPriced(packet.price());
    case v1::ClientPacket::kFocus: return toFocus(packet.focus());
    case v1::ClientPacket::kRearm: return Request(Rearm{});
    case v1::ClientPacket::kPrune: return toPrune(packet.prune());
    case v1::ClientPacket::kHello: return outOfBounds("Hello was said before");
    case v1::ClientPacket::REQUEST_NOT_SET: break;
  }
  return outOfBounds("the packet holds no request that this daemon knows");
}

v1::ServerPacket toPacket(std::uint64_t id, const Answer& answer, bool last) {
  v1::ServerPacket packet;
  packet.set_id(id);
  packet.set_last(last);
  std::visit([&](const auto& value) { fill(packet, value); }, answer);
  return packet;
}

}  // namespace ringfence::supervisor::api
