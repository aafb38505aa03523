// The table of the command line. A verb or an option that does not work yet is not in it.
#include <algorithm>
#include <array>
#include <iterator>

#include "ui/cli/command_line.h"

namespace ringfence::cli {
namespace {

constexpr Option kJson{"json", 0, "", "print JSON: one object, or one object a line", ""};

constexpr Option kRunOptions[] = {
    {"policy", 'p', "NAME|FILE", "policy by name, or a file (a name with '/' or ending in .toml); default: coding", ""},
    {"name", 'n', "NAME", "name shown for the run; default: the command's own", ""},
    {"workspace", 'w', "DIR", "directory the agent works in; default: the current one", ""},
    {"detach", 'd', "", "do not wait: print the run's id and return; its output is kept for 'ringfence logs'", ""},
    {"env", 'e', "K[=V]", "set a variable inside; without =V, take it from here (repeatable)", ""},
    {"read", 0, "PATH", "also let it read PATH (repeatable)", ""},
    {"write", 0, "PATH", "also let it write PATH (repeatable)", ""},
    {"allow-host", 0, "H[:PORT]", "also let it connect to H, a name, *.NAME or an address (repeatable)", ""},
    {"as", 0, "USER", "run as if USER had called (root only)", ""},
    {"unattended", 0, "", "nobody is there to answer questions", ""},
    {"adapter", 0, "NAME|none",
     "fit the command to this adapter; default: the one that knows it (ringfence adapter list)", ""},
    {"dry-run", 0, "", "start nothing: print the plan and the policy keys it enforces", ""},
    {"json-status", 0, "FD", "write {\"run\":…} and {\"exit\":…} as lines to this open descriptor", ""},
    kJson,
};
constexpr auto kAcpOptions = [] {
  std::array<Option, std::size(kRunOptions) + 1> options{{
      {"protocol", 0, "acp|claude|codex", "what the agent is driven by; default: acp", ""},
  }};
  std::ranges::copy(kRunOptions, options.begin() + 1);
  return options;
}();
constexpr Option kPsOptions[] = {{"all", 'a', "", "also runs that have ended", ""}, kJson};
constexpr Option kJsonOnly[] = {kJson};
constexpr Option kAdapterOptions[] = {
    {"policy", 'p', "NAME|FILE", "import: the policy whose private home it is for; default: coding", ""},
    {"again", 0, "", "import: in place of what is there", ""},
    {"yes", 0, "", "import: without being asked", ""},
    kJson,
};
constexpr Option kDoctorOptions[] = {
    {"measure", 0, "", "measure for three seconds how well your own programs are protected from agents", ""}, kJson};
constexpr Option kLogsOptions[] = {
    {"follow", 'f', "", "wait for more until the run has ended", ""},
    {"raw", 0, "", "do not escape control characters on a terminal", ""},
    kJson,
};
constexpr Option kAll{"all", 0, "", "every run that you control", ""};
constexpr Option kManyOptions[] = {kAll, kJson};
constexpr Option kFreezeOptions[] = {
    {"now", 0, "", "wait for no agent's moment", ""},
    kAll,
    kJson,
};
constexpr Option kSince{"since", 0, "T",
                        "what came after a sequence number, a time (2026-11-28T10:00:00Z) or an age (90s, 10m, 2h, 3d)",
                        ""};
constexpr Option kFollow{"follow", 'f', "", "go on as things happen", ""};
constexpr Option kLogOptions[] = {kSince, kFollow, kJson};
constexpr Option kExportOptions[] = {
    {"signal", 0, "KIND", "of otlp: traces (default) or metrics", ""}, kSince, kFollow};
constexpr Option kUsageOptions[] = {
    {"since", 0, "T", "what was used from a time (2026-11-28T10:00:00Z) or an age (90s, 10m, 2h, 3d) on", ""},
    kJson,
};
constexpr Option kVerifyOptions[] = {
    {"against", 0, "HEAD", "also require that the log contains this head, printed by an earlier verify", ""}, kJson};

constexpr Option kPendingOptions[] = {{"watch", 0, "", "go on: show what is asked and how it was settled", ""}, kJson};
constexpr Option kDigest{"digest", 0, "D", "only if the question still has this digest (from --json)", ""};
constexpr Option kAllowOptions[] = {
    {"scope", 0, "SCOPE", "how long it holds: once (default), run, project, always", ""},
    {"for", 0, "DURATION", "not longer than this: 90s, 10m, 2h, 3d", ""},
    kDigest,
    kJson,
};
constexpr Option kDenyOptions[] = {{"say", 0, "TEXT", "words that the agent is told with the no", ""}, kDigest, kJson};
constexpr Option kRewriteOptions[] = {
    {"argv", 0, "JSON", "run this instead: [\"git\", \"status\"]", ""},
    {"path", 0, "P", "use this path instead", ""},
    {"host", 0, "H[:PORT]", "connect there instead", ""},
    {"content", 0, "FILE", "let it read what FILE holds (at most 1 MiB)", ""},
    kDigest,
    kJson,
};
constexpr Option kGrantsOptions[] = {
    {"all", 'a', "", "also the last that were revoked, expired or ended with their run", ""}, kJson};
constexpr Option kTopOptions[] = {
    {"sort", 0, "KEY", "cpu (default), memory, growth, io, network, accelerator, tokens, cost, questions, name", ""},
    {"once", 0, "", "print one frame and end", ""},
    {"json", 0, "", "with --once: print JSON, one object a line", ""},
};
constexpr Option kPriceOptions[] = {
    {"for", 0, "DURATION", "how long it would be held: 90s, 10m, 2h, 3d; default: 10s", ""}, kJson};
constexpr Option kPruneOptions[] = {
    {"older-than", 0, "DURATION", "that no run was in for so long: 90s, 10m, 2h, 3d; default: 30d", ""},
    {"dry-run", 0, "", "remove nothing: only say what would be", ""},
    kJson,
};
constexpr Option kEstopOptions[] = {
    {"kill", 0, "", "end your own runs instead of freezing them; for root and ringfence-admin: every run", ""}, kJson};
constexpr Option kFocusOptions[] = {{"clear", 0, "", "nothing is protected in particular any more", ""}, kJson};
constexpr Option kWhyOptions[] = {
    {"op", 0, "OP", "read, write, exec or connect", ""},
    {"target", 0, "T", "a path, a program, or host:port", ""},
    kJson,
};

constexpr Option kShimOptions[] = {
    {"dir", 0, "DIR", "where the shims are; default: ~/.local/share/ringfence/shims", ""},
    {"policy", 'p', "NAME|FILE", "policy that they run under; default: coding", ""},
    kJson,
};

constexpr Verb kVerbs[] = {
    {"run", "run [OPTION…] [--] COMMAND [ARG…]", "run a command inside the fence",
     "COMMAND is found on your PATH, as you; the tree it is installed in is readable inside.\n"
     "\n"
     "Pipes and files at 0, 1, 2 are handed to the command as they are; your terminal never is. When all three are\n"
     "the terminal, the command gets a terminal of its own inside the fence and this program carries bytes, window\n"
     "size, Ctrl-C, Ctrl-Z and fg. When only some are, each of those becomes a pipe that this program copies, so\n"
     "the command sees no terminal; to keep it, redirect inside: ringfence run -- sh -c 'agent 2>log'.\n"
     "\n"
     "A terminal that is lost detaches the run; 'ringfence attach RUN' comes back to it. Without a terminal the run\n"
     "ends with this program.\n"
     "\n"
     "Exit status: that of the command; 128+N when signal N killed it; 125 not started (last line on stderr:\n"
     "'ringfence: not started: TOKEN'), 126 cannot execute, 127 not found, 2 usage, 3 daemon unreachable,\n"
     "6 policy invalid, 7 stopped by the emergency stop.",
     kRunOptions, Words::kCommand},
    {"attach",
     "attach RUN",
     "connect this terminal to a running agent",
     "Press Ctrl-\\ and then d to leave it running; Ctrl-\\ twice sends one Ctrl-\\. A run without a terminal shows "
     "its\n"
     "output, as 'ringfence logs -f' does. Ends with the status of the run; 0 when you left it.",
     {},
     Words::kOneRun},
    {"ps", "ps [-a] [--json]", "list runs", "Runs of other users do not appear, unless you may see them.", kPsOptions,
     Words::kNone},
    {"show", "show RUN [--json]", "everything about one run: state, walls as proved, usage",
     "RUN is an id or a name. A wall that is not up, or weaker than it could be, is named.", kJsonOnly, Words::kOneRun},
    {"logs", "logs [-f] [--raw] [--json] RUN", "the output of a run",
     "Output of detached runs, and of terminals while nobody was attached. Kept in a bounded ring: says how many "
     "bytes\n"
     "were lost when it overflowed. Kept on disk after the run has ended, 64 MiB of all runs, the oldest goes first.\n"
     "On a terminal, control characters other than colours are escaped.",
     kLogsOptions, Words::kOneRun},
    {"freeze", "freeze [--now] RUN…|--all [--json]", "halt a run where it stands; nothing of it executes",
     "The kernel holds every process of the agent until 'ringfence resume'. Memory and files stay as they are. Its\n"
     "connections are kept meanwhile: up to 8 MiB of what servers send for each of them, 32 MiB for all.\n"
     "\n"
     "An agent that is in what must not be interrupted, or asked to be told before, is frozen at a moment of its own,\n"
     "after the 'preempt_grace' of its policy at the latest; any other one at once. This program waits for that. "
     "Asked\n"
     "for again, here or elsewhere, or with --now, it comes at once; 'ringfence resume' takes it back. Ctrl-C ends "
     "the\n"
     "waiting alone: the run is frozen all the same.\n"
     "Exit status: 0 frozen, 1 not frozen, as it ended before or somebody took it back.",
     kFreezeOptions, Words::kRuns},
    {"resume", "resume RUN…|--all [--json]", "let a frozen run go on",
     "One that is to be frozen at its agent's moment goes on, and is not.", kManyOptions, Words::kRuns},
    {"stop", "stop RUN…|--all [--json]", "ask a run to end, kill it if it does not",
     "SIGTERM, and five seconds later a kill; where an adapter fitted the agent, the signal and time that it names\n"
     "('ringfence adapter NAME').",
     kManyOptions, Words::kRuns},
    {"kill", "kill RUN…|--all [--json]", "kill every process of a run now", "", kManyOptions, Words::kRuns},
    {"estop", "estop [--kill] [--json]", "emergency stop: freeze everything that runs inside a fence, now",
     "Anybody may, and neither the daemon nor its log is needed. Every process of every run, and who acts for it, "
     "stands\n"
     "still when this returns, which says so per run: frozen, held (in a call that nobody can answer) or finishing (in "
     "a\n"
     "call begun before). Their connections are cut and their questions denied. From then on nothing starts and "
     "nothing is\n"
     "resumed, also after a restart of the machine, until 'ringfence rearm'.\n"
     "Runs of others are counted and not named. With --kill, and for the second one within three seconds, your own "
     "runs end,\n"
     "and for root and members of ringfence-admin all of them.\n"
     "Exit status: 0 all stands still, or was killed where that was asked for; 1 not all of it or not known; 3 "
     "ringfence-stop\n"
     "is not there.",
     kEstopOptions, Words::kNone},
    {"rearm", "rearm [--json]", "the emergency is over: runs can be started and resumed again",
     "Resumes nothing: each run that was stopped stays so until 'ringfence resume RUN'. For administrators, and for "
     "who\n"
     "owns every run that was alive when it was stopped (where none was: who stopped it, or sits at this machine);\n"
     "where logind runs, from a login session alone; never from inside a run. Exit status 4: for others.",
     kJsonOnly, Words::kNone},
    {"log", "log [RUN] [--since T] [-f] [--json]", "what happened, from the append-only log",
     "Each line carries a sequence number and the hash that chains it to the line before.", kLogOptions,
     Words::kOptionalRun},
    {"export", "export otlp [--signal KIND] [--since T] [-f] [RUN] | export prometheus",
     "what happened and what was used, for programs that collect such things",
     "otlp        the log as OpenTelemetry has it, a JSON object a line (OTLP/JSON, as its file exporter writes): "
     "each\n"
     "            run that has ended as a span, what it did or wanted to, where it is in the log, as spans below; or\n"
     "            what agents reported of tokens and cost as metrics. The same log makes the same lines.\n"
     "prometheus  what runs and the machine use now, in the text format of Prometheus",
     kExportOptions, Words::kAction},
    {"verify", "verify [--against HEAD] [--json]", "check the log's hash chain",
     "Prints the head. Keep it elsewhere: a log that was cut or rewritten later cannot contain it. Works without the\n"
     "daemon for whoever may read its state directory.",
     kVerifyOptions, Words::kNone},
    {"doctor", "doctor [--measure] [--json]", "what this machine can enforce, and what is missing",
     "Works without the daemon, but for --measure: that makes an agent work as hard as it can for three seconds, and\n"
     "tells how much slower your own programs got, beside it and beside work that nothing holds. What was measured is\n"
     "kept for this kernel and shown from then on.",
     kDoctorOptions, Words::kNone},
    {"prune", "prune [--older-than DURATION] [--dry-run] [--json]", "remove private homes that no run was in for long",
     "What agents leave in their HOME (caches, logins, checkpoints) is kept for each user and policy, and grows.\n"
     "Of yours those go that no live run uses and that none was started or ended in for DURATION; root and members\n"
     "of ringfence-admin remove everybody's. Each is named with its last use and its size before it is removed,\n"
     "without a question; a run that starts later has a new one, and its agent is to log in again.\n"
     "Exit status 1: something could not be removed, and is tried again by the next prune.",
     kPruneOptions, Words::kNone},
    {"usage", "usage [RUN] [--since T] [--json]", "what runs have used: CPU, memory, processes, I/O, network",
     "Without RUN the whole machine follows. With --since, what was used from then on: by the second for an hour, "
     "then\n"
     "by the minute for a day, by the hour for 90 days; CPU and I/O are totals at the end of each. A figure that the "
     "kernel does not give is shown as '-', in JSON as null.",
     kUsageOptions, Words::kOptionalRun},
    {"top", "top [--sort KEY] [--once] [--json]", "what runs use, live, with keys that freeze, resume, stop and kill",
     "A screen that is read anew every second, for as long as it is shown. Keys: arrows choose a run; f freezes it, r\n"
     "resumes it, s stops it, k and k again kills it; c m g i w a t o n sort; ? explains them and the columns; q "
     "leaves.\n"
     "\n"
     "With --once one frame is printed as text, after a second for the rates, and with --json as one object a run and\n"
     "one for the machine. What is not known is '-', in JSON null. Without a terminal exit status 2.",
     kTopOptions, Words::kNone},
    {"price", "price RUN [--for DURATION] [--json]", "what interrupting a run now would cost it",
     "For freezing it, freezing it with its memory taken back, and killing it: time, tokens and work (processor time\n"
     "since its last safe point), the greatest part in words, and until when it is cheaper to wait. Estimates:\n"
     "nothing is done. What is not known is 'unknown', in JSON null.",
     kPriceOptions, Words::kOneRun},
    {"focus", "focus [PID|--clear] [--json]", "keep memory, disk and video memory for a program that you are with",
     "PID is a process of your own. As long as it lives, agents are taken memory from before its control group is (at\n"
     "most a quarter of the machine's), and it has more of the disk and keeps its video memory, where the kernel can\n"
     "do that; the answer says what it can. The processor's time it has in any case. One program at a time has the\n"
     "focus, of all users: the last that was named. Without PID: which one has it.\n"
     "Exit status 1: nothing of it can be protected on this machine.",
     kFocusOptions, Words::kAction},
    {"pending", "pending [--watch] [--json]", "questions that wait for your answer",
     "An agent that wants what its policy asks you about waits until you answer, or until the time given is over; "
     "then\n"
     "it is told no, this once. Each question shows who asks, what exactly, by which rule, and how to answer.",
     kPendingOptions, Words::kNone},
    {"allow", "allow ID [--scope SCOPE] [--for DURATION] [--json]", "let it happen",
     "once     this one action, as shown (default)\n"
     "run      the same again in this run, without a question: the path with all below it, the program with these\n"
     "         arguments, the host and port\n"
     "project  the same in every run of yours in this workspace\n"
     "always   the same in every run of yours\n"
     "\n"
     "No scope reaches over a 'forbid'. 'ringfence grants' lists what holds and ends it.\n"
     "Exit status 5: the question was answered or expired before.",
     kAllowOptions, Words::kOneNumber},
    {"deny", "deny ID [--say TEXT] [--json]", "refuse it, this once",
     "The agent's call fails with \"operation not permitted\"; TEXT is in what it can read about denials.",
     kDenyOptions, Words::kOneNumber},
    {"rewrite", "rewrite ID --argv JSON|--path P|--host H|--content FILE [--json]",
     "let something else happen in its place, once",
     "The agent gets a normal result; the log has what it wanted and what was done. What it wanted is never done.",
     kRewriteOptions, Words::kOneNumber},
    {"grants", "grants [--all] [revoke ID] [--json]", "what you allowed for longer than once, and to end it",
     "A grant that is revoked counts for nothing from then on; what was done with it stays done. Exit status 1 with "
     "'revoked, but': the guard that is named has not taken the new rules yet.",
     kGrantsOptions, Words::kAction},
    {"why", "why RUN --op OP --target T [--json] [-- ARGV…]",
     "what the rules of a run say of an action, and which rule",
     "Nothing is done. ARGV is the whole command for --op exec; a program without a '/' is looked for on your PATH.\n"
     "Exit status: 0 allowed or rewritten, 4 forbidden, 5 asked.",
     kWhyOptions, Words::kRunAndWords},
    {"mcp",
     "mcp [run|serve|connect …]",
     "servers of tools (Model Context Protocol): in fences of their own, or Ringfence as one",
     "  mcp                                        inside a fence: Ringfence as a server on stdin and stdout, with the "
     "tools\n"
     "                                             approve (for --permission-prompt-tool), request_permission and\n"
     "                                             explain_denial\n"
     "  mcp run [OPTION…] -- SERVER [ARG…]         start a server in a fence of its own; its policy decides about each "
     "call\n"
     "                                             of a tool ([tools], as NAME.TOOL), a person where it asks. For the\n"
     "                                             configuration of an agent or editor that is outside\n"
     "  mcp serve --socket PATH [OPTION…] -- SERVER [ARG…]\n"
     "                                             the same for agents inside fences: one server for each connection "
     "to\n"
     "                                             PATH, which must be in a folder that the agent's policy gives. Only "
     "you\n"
     "                                             and your runs are let in\n"
     "  mcp connect PATH                           inside a fence: such a connection on stdin and stdout, for the\n"
     "                                             configuration of the agent\n"
     "\n"
     "OPTION is one of 'ringfence run'; -n names the server in rules. docs/mcp.md has the configuration of agents.",
     {},
     Words::kRest},
    {"acp", "acp [--protocol P] [OPTION…] [--] AGENT [ARG…]",
     "run an agent in a fence for an editor or a program that drives it",
     "For the configuration of whoever starts the agent, in front of the agent's own command, which is spoken with by\n"
     "lines on stdin and stdout. What the agent asks leave for is answered by its policy, or by you in Ringfence "
     "where\n"
     "the policy asks; what no rule names is asked where it would be asked without Ringfence. P is\n"
     "\n"
     "  acp     Agent Client Protocol. The editor reads, writes and runs nothing for the agent: that would be outside "
     "of\n"
     "          the fence\n"
     "  claude  Claude Code's control protocol: claude -p --input-format stream-json --output-format stream-json\n"
     "          --verbose --permission-prompt-tool stdio, as its SDK starts it\n"
     "  codex   Codex's app-server: codex app-server\n"
     "\n"
     "docs/mcp.md has examples. Exit status: as of run.",
     kAcpOptions, Words::kCommand},
    {"policy",
     "policy list|show [--origin]|check|diff|learn|schema|trust …",
     "look at policies and check them",
     "Works without the daemon, but for learn and trust.\n"
     "\n"
     "  list                     policies that 'run --policy' takes, with the file of each\n"
     "  show [--origin] [NAME]   a policy after all its sources are merged; where each value was written\n"
     "  check [NAME|FILE]        errors with line, caret and the nearest valid name; exit status 6 when invalid\n"
     "  diff A B                 what B allows, forbids or limits otherwise than A\n"
     "  learn RUN [NAME|FILE]    the narrowest rules that what RUN did would need beside its policy, with counts;\n"
     "                           never what a 'forbid' forbids, nor what a person refused; RUN's own policy, a file\n"
     "                           as long as it is what RUN was started with, unless another is named\n"
     "  schema                   JSON Schema of the format, for editors\n"
     "  trust FILE               let a project's .ringfence.toml widen its policy, until the file changes\n"
     "\n"
     "Options: --json; --policy-dir DIR (shipped, then the system's; also $RINGFENCE_POLICY_DIR with colons);\n"
     "--trusted shows and checks as if the project's file were trusted.",
     {},
     Words::kRest},
    {"adapter", "adapter list|show NAME|check [NAME|FILE]|import NAME [-p POLICY] [--again] [--yes]|imported [--json]",
     "agents that are known, and what is done for them",
     "An adapter says how an agent's command is known, what is added to its arguments, its environment and its "
     "settings\n"
     "in the private home, and by which of its events it is heard. 'ringfence run' uses the one that knows the "
     "command;\n"
     "'run --adapter none' uses none, and '--dry-run' shows what would be done. Your own are in\n"
     "~/.config/ringfence/adapters, those of the machine in /etc/ringfence/adapters. Works without the daemon, but "
     "for\n"
     "import and imported.\n"
     "\n"
     "  list                the adapters, with the file of each\n"
     "  show NAME           one of them\n"
     "  check [NAME|FILE]   errors with line and caret; exit status 6 when one is invalid\n"
     "  import NAME         copies your login with that agent, once, into the private home of a policy: says what, and "
     "asks\n"
     "  imported            what was imported, when, by which run, into whose private home\n"
     "\n"
     "Meaning, never enforcement: what holds an agent is its policy, with an adapter or without.",
     kAdapterOptions, Words::kAction},
    {"shim", "shim install|remove|list [NAME] [--dir DIR] [--policy P] [--json]",
     "let an agent's own name, typed anywhere, go through the fence",
     "A shim is a small script of the agent's name, in a directory that stands before the real program on your PATH. "
     "It\n"
     "finds the real one behind itself and runs it inside the fence; inside a run it is just that program. Without "
     "NAME:\n"
     "every program that an adapter knows. Works without the daemon.\n"
     "\n"
     "  install   writes them, and says what to add to PATH; a file that is no shim is never replaced\n"
     "  remove    takes them away\n"
     "  list      which are there, what each of them starts, and whether your PATH reaches it first\n"
     "\n"
     "Who calls the real program by its path goes past it: a shim is a habit, not a wall.",
     kShimOptions, Words::kAction},
    {"help", "help [VERB]", "this list, or the help of one verb", "", {}, Words::kRest},
};

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

const Verb* findVerb(std::string_view name) {
  for (const Verb& verb : kVerbs) {
    if (verb.name == name) return &verb;
  }
  return nullptr;
}

}  // namespace ringfence::cli
