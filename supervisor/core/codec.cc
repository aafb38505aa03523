// Facts and state as canonical JSON: sorted keys, no white space, absent optional values left out. Each type lists its
// fields once, for writing and for reading alike.
#include <array>
#include <concepts>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "sdk/base/text.h"
#include "supervisor/core/action_fields.h"
#include "supervisor/core/state.h"

namespace ringfence::supervisor {
namespace {

using Json = nlohmann::json;
using stored::fields;
using stored::namesOf;
using stored::Of;

// ---- names that are stored for ever; they need not be those that are shown

constexpr std::array<std::string_view, std::variant_size_v<FactBody::Kinds>> kKinds{
    "daemon-started",    "daemon-stopping",
    "run-admitted",      "run-built",
    "run-started",       "run-refused",
    "run-frozen",        "run-resumed",
    "run-stopping",      "run-ended",
    "difference-found",  "run-adopted",
    "launcher-lost",     "launcher-ready",
    "policy-trusted",    "snapshot-taken",
    "segment-retired",   "action-asked",
    "ask-joined",        "ask-left",
    "action-answered",   "action-performed",
    "action-denied",     "action-rewritten",
    "connection-opened", "outcome-unknown",
    "asks-refused",      "actions-allowed",
    "grant-issued",      "grant-revoked",
    "grant-expired",     "guard-started",
    "guard-lost",        "rules-enforced",
    "traffic-counted",   "records-not-written",
    "run-restrained",    "interruption-measured",
    "alarm-raised",      "lease-given",
    "lease-ended",       "limit-reached",
    "connections-held",  "records-stopped",
    "records-resumed",   "emergency-stopped",
    "rearmed",           "latch-released",
    "usage-reported",    "usage-seen",
    "budget-extended",   "run-pausing",
    "home-removed",      "processors-reserved"};
constexpr std::array<std::string_view, 9> kCauses{"memory", "io",       "accelerator", "battery", "heat",
                                                  "limit",  "relieved", "alarm",       "quiet"};
constexpr std::array<std::string_view, 7> kSelfHeld{"restart",        "questions", "no-records", "another-program",
                                                    "emergency-stop", "agent",     "prompts"};
constexpr std::array<std::string_view, 2> kEdges{"soft", "hard"};
constexpr std::array<std::string_view, 3> kSteps{"reclaim", "limit-writes", "defer-model-call"};
constexpr std::array<std::string_view, 7> kAlarms{"leak",         "accelerator-leak", "spin",       "fork-growth",
                                                  "restart-loop", "control-group",    "hook-silent"};
constexpr std::array<std::string_view, std::variant_size_v<LifeState>> kLives{"requested", "starting", "running",
                                                                              "frozen",    "stopping", "ended"};
constexpr std::array<std::string_view, sandbox::kWallCount> kWalls{
    "mount", "pid", "net", "ipc", "uts", "cgroup", "seccomp", "landlock", "privileges", "limits"};
constexpr std::array<std::string_view, 3> kPriorities{"interactive", "background", "idle"};
constexpr std::array<std::string_view, 3> kStdios{"descriptors", "terminal", "captured"};

constexpr auto& namesOf(sandbox::Wall) { return kWalls; }
constexpr auto& namesOf(policy::PriorityClass) { return kPriorities; }
constexpr auto& namesOf(sandbox::Stdio) { return kStdios; }
constexpr auto& namesOf(PreemptCause) { return kCauses; }
constexpr auto& namesOf(MilderStep) { return kSteps; }
constexpr auto& namesOf(SelfHeld) { return kSelfHeld; }
constexpr auto& namesOf(LimitEdge) { return kEdges; }
constexpr auto& namesOf(AlarmKind) { return kAlarms; }

// ---- fields

// One line a type.
// clang-format off
template <typename A, Of<sandbox::Weakening> F> void fields(A& a, F& f) { a("reason", f.reason); a("wall", f.wall); }
template <typename A, Of<sandbox::Note> F> void fields(A& a, F& f) { a("text", f.text); }
template <typename A, Of<sandbox::ExitStatus> F> void fields(A& a, F& f) { a("code", f.code); a("signal", f.signal); }
template <typename A, Of<sandbox::WallReading> F> void fields(A& a, F& f) {
  a("got", f.got); a("probed", f.probed); a("up", f.up); a("wall", f.wall); a("wanted", f.wanted);
}
template <typename A, Of<FinalUsage> F> void fields(A& a, F& f) {
  a("cpu_usec", f.cpuUsec); a("io_read_bytes", f.ioReadBytes); a("io_write_bytes", f.ioWriteBytes);
  a("memory_peak_bytes", f.memoryPeakBytes); a("output_bytes", f.outputBytes);
}

template <typename A, Of<DaemonStarted> F> void fields(A& a, F& f) { a("kernel", f.kernel); a("version", f.version); }
template <typename A, Of<DaemonStopping> F> void fields(A& a, F& f) { a("reason", f.reason); }
template <typename A, Of<PolicyFile> F> void fields(A& a, F& f) { a("path", f.path); a("sha256", f.sha256); }
template <typename A, Of<BoundOrigin> F> void fields(A& a, F& f) { a("limit", f.limit); a("place", f.place); }
template <typename A, Of<RunBounds> F> void fields(A& a, F& f) {
  a("cost_microusd", f.costMicroUsd); a("cost_per_day_microusd", f.costPerDayMicroUsd); a("cpu_percent", f.cpuPercent);
  a("deny_prompts", f.denyPrompts); a("file_write_bytes_per_sec", f.fileWriteBytesPerSec);
  a("hold_on_alarm", f.holdOnAlarm); a("kill", f.kill); a("memory_bytes", f.memoryBytes);
  a("memory_hard_bytes", f.memoryHardBytes); a("origins", f.origins); a("pids", f.pids);
  a("preempt_grace_sec", f.preemptGraceSec); a("prompts", f.prompts); a("prompts_per_day", f.promptsPerDay);
  a("tokens", f.tokens);
  a("tokens_per_day", f.tokensPerDay); a("wall_time_per_day_sec", f.wallTimePerDaySec); a("wall_time_sec", f.wallTimeSec);
  a("warn_at_percent", f.warnAtPercent);
}
template <typename A, Of<AcceleratorShare> F> void fields(A& a, F& f) { a("devices", f.devices); a("percent", f.percent); }
template <typename A, Of<StopMethod> F> void fields(A& a, F& f) { a("patience_sec", f.patienceSec); a("signal", f.signal); }
template <typename A, Of<AdapterTerms> F> void fields(A& a, F& f) {
  a("name", f.name); a("silent_after_sec", f.silentAfterSec); a("speaks", f.speaks); a("stop", f.stop);
}
template <typename A, Of<RunTerms> F> void fields(A& a, F& f) {
  a("adapter", f.adapter); a("bounds", f.bounds); a("gpu", f.gpu);
  a("home", f.home); a("npu", f.npu); a("policy_file", f.policyFile); a("prompt_per_minute", f.promptPerMinute); a("prompt_timeout_sec", f.promptTimeoutSec);
  a("resolved", f.resolved); a("unattended", f.unattended); a("writable", f.writable);
}
template <typename A, Of<RunAdmitted> F> void fields(A& a, F& f) {
  a("caller_uid", f.callerUid); a("command", f.command); a("detached", f.detached); a("gid", f.gid); a("name", f.name);
  a("plan_hash", f.planHash); a("policy_hash", f.policyHash); a("policy_name", f.policyName); a("priority", f.priority);
  a("stdio", f.stdio); a("terms", f.terms); a("uid", f.uid); a("weakened", f.weakened); a("workspace", f.workspace);
}
template <typename A, Of<RunBuilt> F> void fields(A& a, F& f) { a("init_pid", f.initPid); a("notes", f.notes); a("posture", f.posture); }
template <typename A, Of<RunStarted> F> void fields(A& a, F& f) { a("pid", f.pid); }
template <typename A, Of<RunRefused> F> void fields(A& a, F& f) { a("exit_code", f.exitCode); a("message", f.message); a("token", f.token); }
template <typename A, Of<InterruptionPrice> F> void fields(A& a, F& f) {
  a("delay_usec", f.delayUsec); a("tokens", f.tokens); a("why", f.why); a("work_cpu_usec", f.workCpuUsec);
}
template <typename A, Of<Preemption> F> void fields(A& a, F& f) { a("cause", f.cause); a("predicted", f.predicted); }
template <typename A, Of<RunRestrained> F> void fields(A& a, F& f) {
  a("bytes", f.bytes); a("cause", f.cause); a("reason", f.reason); a("step", f.step);
}
template <typename A, Of<InterruptionMeasured> F> void fields(A& a, F& f) {
  a("broken_connections", f.brokenConnections); a("connections", f.connections); a("held_usec", f.heldUsec);
  a("killed", f.killed); a("pages_read_back", f.pagesReadBack); a("predicted", f.predicted); a("real", f.real);
  a("resume_usec", f.resumeUsec); a("standstill_usec", f.standstillUsec); a("work_cpu_usec", f.workCpuUsec);
  a("work_usec", f.workUsec);
}
template <typename A, Of<LimitReached> F> void fields(A& a, F& f) { a("edge", f.edge); a("limit", f.limit); a("reason", f.reason); }
template <typename A, Of<AlarmRaised> F> void fields(A& a, F& f) { a("kind", f.kind); a("reason", f.reason); }
template <typename A, Of<LeaseGiven> F> void fields(A& a, F& f) { a("device", f.device); a("percent", f.percent); }
template <typename A, Of<LeaseEnded> F> void fields(A& a, F& f) { a("device", f.device); }
template <typename A, Of<RunFrozen> F> void fields(A& a, F& f) { a("by_uid", f.byUid); a("itself", f.itself); a("preemption", f.preemption); a("reason", f.reason); }
template <typename A, Of<RunPausing> F> void fields(A& a, F& f) { a("by_uid", f.byUid); a("grace_ms", f.graceMs); a("reason", f.reason); }
template <typename A, Of<RunResumed> F> void fields(A& a, F& f) { a("by_uid", f.byUid); a("reason", f.reason); }
template <typename A, Of<RunStopping> F> void fields(A& a, F& f) { a("by_uid", f.byUid); a("kill", f.kill); a("latched", f.latched); a("reason", f.reason); }
template <typename A, Of<DayTime> F> void fields(A& a, F& f) { a("day", f.day); a("ms", f.ms); }
template <typename A, Of<RunEnded> F> void fields(A& a, F& f) {
  a("exit", f.exit); a("later", f.later); a("note", f.note); a("of_day", f.ofDay); a("out_of_memory", f.outOfMemory);
  a("usage", f.usage);
}
template <typename A, Of<DifferenceFound> F> void fields(A& a, F& f) { a("action", f.action); a("what", f.what); }
template <typename A, Of<RunAdopted> F> void fields(A& a, F& f) { a("init_pid", f.initPid); a("pid", f.pid); }
template <typename A, Of<LauncherLost> F> void fields(A& a, F& f) { a("reason", f.reason); }
template <typename A, Of<LauncherReady> F> void fields(A& a, F& f) { a("pid", f.pid); }
template <typename A, Of<RecordsStopped> F> void fields(A& a, F& f) { a("disk_full", f.diskFull); a("reason", f.reason); }
template <typename A, Of<RecordsResumed> F> void fields(A&, F&) {}
template <typename A, Of<PolicyTrusted> F> void fields(A& a, F& f) { a("file", f.file); a("hash", f.hash); a("uid", f.uid); }
template <typename A, Of<ProcessorsReserved> F> void fields(A& a, F& f) { a("processors", f.processors); a("reason", f.reason); }
template <typename A, Of<HomeRemoved> F> void fields(A& a, F& f) { a("by_uid", f.byUid); a("bytes", f.bytes); a("policy", f.policy); a("uid", f.uid); }
template <typename A, Of<SnapshotTaken> F> void fields(A& a, F& f) { a("state_hash", f.stateHash); a("up_to_seq", f.upToSeq); }
template <typename A, Of<SegmentRetired> F> void fields(A& a, F& f) { a("head_hash", f.headHash); a("up_to_seq", f.upToSeq); }

template <typename A, Of<EmergencyStopped> F> void fields(A& a, F& f) {
  a("killed", f.killed); a("killed_of", f.killedOf); a("killed_runs", f.killedRuns); a("note", f.note);
  a("processes", f.processes); a("runs", f.runs); a("took_usec", f.tookUsec); a("trigger", f.trigger); a("uid", f.uid);
  a("verified", f.verified); a("write_usec", f.writeUsec);
}
template <typename A, Of<Rearmed> F> void fields(A& a, F& f) { a("uid", f.uid); }
template <typename A, Of<LatchReleased> F> void fields(A&, F&) {}
template <typename A, Of<Latch> F> void fields(A& a, F& f) {
  a("at", f.at); a("closed_by", f.closedBy); a("owners", f.owners); a("rearmed_by", f.rearmedBy); a("stop", f.stop);
}

template <typename A, Of<NamedCount> F> void fields(A& a, F& f) { a("count", f.count); a("name", f.name); }
template <typename A, Of<ModelUsage> F> void fields(A& a, F& f) {
  a("cost_microusd", f.costMicroUsd); a("counters", f.counters); a("estimated_microusd", f.estimatedMicroUsd);
  a("input_tokens", f.inputTokens); a("model", f.model); a("output_tokens", f.outputTokens); a("reports", f.reports);
  a("unpriced", f.unpriced);
}
template <typename A, Of<UsageReported> F> void fields(A& a, F& f) { a("day", f.day); a("ids", f.ids); a("models", f.models); }
template <typename A, Of<UsageSeen> F> void fields(A& a, F& f) { a("day", f.day); a("models", f.models); }
template <typename A, Of<BudgetExtended> F> void fields(A& a, F& f) {
  a("by_uid", f.byUid); a("day", f.day); a("limit", f.limit); a("more", f.more); a("up_to", f.upTo);
}
template <typename A, Of<ReportedUsage> F> void fields(A& a, F& f) {
  a("cost_microusd", f.costMicroUsd); a("estimated_microusd", f.estimatedMicroUsd); a("input_tokens", f.inputTokens);
  a("output_tokens", f.outputTokens); a("recent_ids", f.recentIds); a("reports", f.reports); a("unpriced", f.unpriced);
}
template <typename A, Of<LongerBudget> F> void fields(A& a, F& f) { a("limit", f.limit); a("up_to", f.upTo); }
template <typename A, Of<DaySpending> F> void fields(A& a, F& f) {
  a("cost_microusd", f.costMicroUsd); a("day", f.day); a("estimated", f.estimated); a("incomplete", f.incomplete);
  a("longer", f.longer); a("policy", f.policy); a("prompts", f.prompts); a("tokens", f.tokens); a("uid", f.uid);
  a("wall_time_ms", f.wallTimeMs);
}

template <typename A, Of<Requested> F> void fields(A&, F&) {}
template <typename A, Of<Starting> F> void fields(A& a, F& f) { a("init_pid", f.initPid); }
template <typename A, Of<Running> F> void fields(A& a, F& f) { a("init_pid", f.initPid); a("pid", f.pid); }
template <typename A, Of<Frozen> F> void fields(A& a, F& f) {
  a("by_uid", f.byUid); a("init_pid", f.initPid); a("itself", f.itself); a("pid", f.pid); a("preemption", f.preemption);
  a("reason", f.reason); a("since", f.since);
}
template <typename A, Of<Stopping> F> void fields(A& a, F& f) {
  a("init_pid", f.initPid); a("killed", f.killed); a("latched", f.latched); a("pid", f.pid); a("since", f.since); a("was_frozen", f.wasFrozen);
}
template <typename A, Of<EndedState> F> void fields(A& a, F& f) {
  a("at", f.at); a("exit", f.exit); a("exit_code", f.exitCode); a("later", f.later); a("note", f.note);
  a("out_of_memory", f.outOfMemory); a("refused", f.refused); a("token", f.token); a("usage", f.usage);
}
template <typename A, Of<Pausing> F> void fields(A& a, F& f) { a("at", f.at); a("run", f.run); a("what", f.what); }
template <typename A, Of<SeenLimit> F> void fields(A& a, F& f) { a("at", f.at); a("limit", f.limit); }
template <typename A, Of<SeenAlarm> F> void fields(A& a, F& f) { a("alarm", f.alarm); a("at", f.at); }
template <typename A, Of<Run> F> void fields(A& a, F& f) {
  a("alarms", f.alarms); a("asked", f.asked); a("longer", f.longer); a("seen", f.seen);
  a("admitted_at", f.admittedAt); a("admitted_seq", f.admittedSeq); a("id", f.id); a("life", f.life);
  a("leases_dropped", f.leasesDropped); a("limits", f.limits); a("notes", f.notes);
  a("posture", f.posture); a("reported", f.reported); a("talk", f.talk); a("what", f.what);
  a("write_limit", f.writeLimit);
}
struct Trust { std::uint32_t uid = 0; std::string file; std::string hash; };
template <typename A, Of<Trust> F> void fields(A& a, F& f) { a("file", f.file); a("hash", f.hash); a("uid", f.uid); }
// A State with its maps as lists.
struct FlatState {
  State rest; std::vector<Run> runs; std::vector<Trust> trusted; std::vector<Question> questions;
  std::vector<StandingGrant> grants;
};
template <typename A, Of<FlatState> F> void fields(A& a, F& f) {
  a("boot_id", f.rest.bootId); a("latch", f.rest.latch); a("ended", f.rest.ended); a("last_seq", f.rest.lastSeq);
  a("launcher_ready", f.rest.launcherReady); a("retired_seq", f.rest.retiredSeq); a("runs", f.runs);
  a("snapshot_seq", f.rest.snapshotSeq); a("trusted", f.trusted);
  a("closed_questions", f.rest.closedQuestions); a("ended_grants", f.rest.endedGrants); a("grants", f.grants);
  a("last_grant", f.rest.lastGrant);
  a("last_question", f.rest.lastQuestion); a("questions", f.questions); a("records_stopped", f.rest.recordsStopped);
  a("pausing", f.rest.pausing); a("spendings", f.rest.spendings);
}
// clang-format on

// ---- writing

class Writer {
 public:
  template <typename T>
  static Json write(const T& value) {
    Writer writer;
    fields(writer, value);
    return std::move(writer.object_);
  }

  template <typename T>
  void operator()(const char* name, const T& value) {
    object_[name] = encode(value);
  }
  template <typename T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (value) object_[name] = encode(*value);
  }

 private:
  // Bytes that are not UTF-8 (arguments, paths) are kept exactly, as {"base64": …}.
  static Json encode(const std::string& text) {
    if (isValidUtf8(text)) return text;
    return Json{{"base64", encodeBase64(text)}};
  }
  static Json encode(const RunId& id) { return id.text(); }
  static Json encode(Microseconds time) { return time.count(); }
  static Json encode(const LifeState& life) {
    Json object = std::visit([](const auto& state) { return write(state); }, life);
    object["state"] = kLives[life.index()];
    return object;
  }
  template <std::integral T>
  static Json encode(const T& number) {
    return number;
  }
  template <typename T>
  requires std::is_enum_v<T>
  static Json encode(const T& value) { return namesOf(value).at(static_cast<std::size_t>(value)); }
  template <typename T>
  static Json encode(const std::vector<T>& list) {
    Json array = Json::array();
    for (const T& entry : list) array.push_back(encode(entry));
    return array;
  }
  template <typename T>
  static Json encode(const T& value) {
    return write(value);
  }

  Json object_ = Json::object();
};

// ---- reading

// Keeps the first error, with the path of its field.
class Reader {
 public:
  template <typename T>
  static std::optional<std::string> read(const Json& json, T& value) {
    if (!json.is_object()) return "is not an object";
    Reader reader(json);
    fields(reader, value);
    return reader.error_;
  }

  template <typename T>
  void operator()(const char* name, T& value) {
    const auto found = object_.find(name);
    if (error_ || found == object_.end()) return;
    if (auto problem = decode(*found, value))
      error_ = std::string(name) + (problem->starts_with("is ") ? " " : ".") + *problem;
  }

 private:
  using Problem = std::optional<std::string>;
  explicit Reader(const Json& object) : object_(object) {}

  static Problem decode(const Json& json, std::string& text) {
    if (json.is_string()) return text = json.get<std::string>(), std::nullopt;
    const auto raw = json.is_object() ? json.find("base64") : json.end();
    if (!json.is_object() || raw == json.end() || !raw->is_string()) return "is not a text";
    auto bytes = decodeBase64(raw->get_ref<const std::string&>());
    if (!bytes) return "is not base64";
    return text = *std::move(bytes), std::nullopt;
  }
  static Problem decode(const Json& json, RunId& id) {
    if (json.is_string() && json.get_ref<const std::string&>().empty()) return id = RunId(), std::nullopt;
    const auto parsed = json.is_string() ? RunId::parse(json.get_ref<const std::string&>()) : std::nullopt;
    if (!parsed) return "is not the id of a run";
    return id = *parsed, std::nullopt;
  }
  static Problem decode(const Json& json, Microseconds& time) {
    std::int64_t count = 0;
    if (auto problem = decode(json, count)) return problem;
    return time = Microseconds(count), std::nullopt;
  }
  static Problem decode(const Json& json, bool& flag) {
    if (!json.is_boolean()) return "is not true or false";
    return flag = json.get<bool>(), std::nullopt;
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) static Problem decode(const Json& json, T& number) {
    if (json.is_number_unsigned() && std::in_range<T>(json.get<std::uint64_t>()))
      return number = json.get<T>(), std::nullopt;
    if (!json.is_number_unsigned() && json.is_number_integer() && std::in_range<T>(json.get<std::int64_t>())) {
      return number = json.get<T>(), std::nullopt;
    }
    return "is not a whole number in range";
  }
  template <typename T>
  requires std::is_enum_v<T>
  static Problem decode(const Json& json, T& value) {
    const auto& names = namesOf(value);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (json.is_string() && json.get_ref<const std::string&>() == names[i])
        return value = static_cast<T>(i), std::nullopt;
    }
    return "is not a name that this build knows";
  }
  template <typename T>
  static Problem decode(const Json& json, std::optional<T>& value) {
    if (json.is_null()) return std::nullopt;
    return decode(json, value.emplace());
  }
  template <typename T>
  static Problem decode(const Json& json, std::vector<T>& list) {
    if (!json.is_array()) return "is not a list";
    list.clear();
    for (const Json& entry : json) {
      if (auto problem = decode(entry, list.emplace_back())) return problem;
    }
    return std::nullopt;
  }
  static Problem decode(const Json& json, LifeState& life);
  template <typename T>
  static Problem decode(const Json& json, T& value) {
    return read(json, value);
  }

  const Json& object_;
  Problem error_;
};

// Sets `variant` to its alternative number `index`, default-made; false when there is none.
template <typename Variant, std::size_t... I>
bool emplaceByIndex(Variant& variant, std::size_t index, std::index_sequence<I...>) {
  return ((index == I ? (variant.template emplace<I>(), true) : false) || ...);
}

template <typename Variant, std::size_t N>
bool emplaceByName(Variant& variant, const std::array<std::string_view, N>& names, std::string_view name) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == name) return emplaceByIndex(variant, i, std::make_index_sequence<N>());
  }
  return false;
}

Reader::Problem Reader::decode(const Json& json, LifeState& life) {
  const auto name = json.is_object() ? json.find("state") : json.end();
  if (!json.is_object() || name == json.end() || !name->is_string()) return "is not the life of a run";
  if (!emplaceByName(life, kLives, name->get_ref<const std::string&>()))
    return "is a state that this build does not know";
  return std::visit([&](auto& state) { return read(json, state); }, life);
}

Error malformed(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

Result<State> unflatten(FlatState flat) {
  State state = std::move(flat.rest);
  for (Run& run : flat.runs) {
    const RunId id = run.id;
    if (id.empty() || !state.runs.emplace(id, std::move(run)).second)
      return malformed("state: a run without an id, or twice");
  }
  std::size_t ended = 0;
  for (const auto& [id, run] : state.runs) ended += isLive(run) ? 0 : 1;
  for (const RunId& id : state.ended) {
    const auto found = state.runs.find(id);
    if (found == state.runs.end() || isLive(found->second))
      return malformed("state: " + id.text() + " is listed as ended and is not");
  }
  if (ended != state.ended.size()) return malformed("state: the list of ended runs is not complete");
  for (const Pausing& pausing : state.pausing) {
    const auto found = state.runs.find(pausing.run);
    if (found == state.runs.end() || !isLive(found->second))
      return malformed("state: " + pausing.run.text() + " is being frozen and does not live");
  }
  for (Question& question : flat.questions) {
    const std::uint64_t id = question.what.id;
    if (!state.questions.emplace(id, std::move(question)).second) return malformed("state: a question is there twice");
  }
  for (StandingGrant& grant : flat.grants) {
    const std::uint64_t id = grant.what.id;
    if (!state.grants.emplace(id, std::move(grant)).second) return malformed("state: a grant is there twice");
  }
  for (Trust& trust : flat.trusted) state.trusted[{trust.uid, std::move(trust.file)}] = std::move(trust.hash);
  return state;
}

}  // namespace

std::string_view nameOf(PreemptCause cause) { return kCauses.at(static_cast<std::size_t>(cause)); }
std::string_view nameOf(SelfHeld holder) { return kSelfHeld.at(static_cast<std::size_t>(holder)); }
std::string_view nameOf(AlarmKind kind) { return kAlarms.at(static_cast<std::size_t>(kind)); }

std::string_view factKind(const FactBody& body) { return kKinds[body.index()]; }

std::vector<std::string_view> factKinds() { return {kKinds.begin(), kKinds.end()}; }

std::string_view storedName(sandbox::Wall wall) { return kWalls.at(static_cast<std::size_t>(wall)); }

std::string encodeFactBody(const FactBody& body) {
  return std::visit([](const auto& fact) { return Writer::write(fact).dump(); }, body);
}

Result<FactBody> decodeFactBody(std::string_view kind, std::string_view json) {
  FactBody body;
  if (!emplaceByName(body, kKinds, kind)) {
    return malformed("fact of kind " + escapeForDisplay(kind) +
                     ": this build does not know that kind; a newer one wrote it");
  }
  const Json parsed = Json::parse(json.begin(), json.end(), nullptr, false);
  if (parsed.is_discarded()) return malformed("fact of kind " + std::string(kind) + ": is not JSON");
  const auto problem = std::visit([&](auto& fact) { return Reader::read(parsed, fact); }, body);
  if (problem) return malformed("fact of kind " + std::string(kind) + ": " + *problem);
  return body;
}

std::string encodeState(const State& state) {
  FlatState flat;
  flat.rest.bootId = state.bootId;
  flat.rest.ended = state.ended;
  flat.rest.lastSeq = state.lastSeq;
  flat.rest.launcherReady = state.launcherReady;
  flat.rest.retiredSeq = state.retiredSeq;
  flat.rest.snapshotSeq = state.snapshotSeq;
  flat.rest.spendings = state.spendings;
  flat.rest.pausing = state.pausing;
  for (const auto& [id, run] : state.runs) flat.runs.push_back(run);
  flat.rest.closedQuestions = state.closedQuestions;
  flat.rest.endedGrants = state.endedGrants;
  flat.rest.latch = state.latch;
  flat.rest.lastGrant = state.lastGrant;
  flat.rest.lastQuestion = state.lastQuestion;
  for (const auto& [id, question] : state.questions) flat.questions.push_back(question);
  for (const auto& [id, grant] : state.grants) flat.grants.push_back(grant);
  for (const auto& [key, hash] : state.trusted) flat.trusted.push_back({key.first, key.second, hash});
  return Writer::write(flat).dump();
}

Result<State> decodeState(std::string_view json) {
  const Json parsed = Json::parse(json.begin(), json.end(), nullptr, false);
  if (parsed.is_discarded()) return malformed("state: is not JSON");
  FlatState flat;
  if (const auto problem = Reader::read(parsed, flat)) return malformed("state: " + *problem);
  return unflatten(std::move(flat));
}

}  // namespace ringfence::supervisor
