#include "sdk/hook/contract.h"

namespace ringfence::hook {
namespace {

using std::chrono::seconds;

constexpr ToolRow kClaudeTools[] = {
    {"Bash", "command", Deed::kRuns},
    {"Edit", "file_path", Deed::kWrites},
    {"Glob", "path", Deed::kReads},
    {"Grep", "path", Deed::kReads},
    {"LS", "path", Deed::kReads},
    {"MultiEdit", "file_path", Deed::kWrites},
    {"NotebookEdit", "notebook_path", Deed::kWrites},
    {"NotebookRead", "notebook_path", Deed::kReads},
    {"Read", "file_path", Deed::kReads},
    {"WebFetch", "url", Deed::kFetches},
    {"Write", "file_path", Deed::kWrites},
};
constexpr EventRow kClaudeEvents[] = {
    {"Notification", News::kSays},
    {"SessionEnd", News::kEnds},
    {"SessionStart", News::kBegins},
    {"Stop", News::kRests},
};

constexpr ToolRow kCodexTools[] = {
    {"Bash", "command", Deed::kRuns},
    {"apply_patch", "command", Deed::kPatches},
    {"view_image", "path", Deed::kReads},
};
constexpr EventRow kCodexEvents[] = {
    {"SessionEnd", News::kEnds},
    {"SessionStart", News::kBegins},
    {"Stop", News::kRests},
};

constexpr ToolRow kGeminiTools[] = {
    {"glob", "dir_path", Deed::kReads},           {"grep_search", "dir_path", Deed::kReads},
    {"list_directory", "dir_path", Deed::kReads}, {"list_directory", "path", Deed::kReads},
    {"read_file", "absolute_path", Deed::kReads}, {"read_file", "file_path", Deed::kReads},
    {"replace", "file_path", Deed::kWrites},      {"run_shell_command", "command", Deed::kRuns},
    {"web_fetch", "url", Deed::kFetches},         {"write_file", "file_path", Deed::kWrites},
};
constexpr EventRow kGeminiEvents[] = {
    {"AfterAgent", News::kRests},
    {"Notification", News::kSays},
    {"SessionEnd", News::kEnds},
    {"SessionStart", News::kBegins},
};

// Claude Code waited for 60 s in its older versions and waits for 600 s in newer ones. Codex takes an allow without a
// rewritten input for a mistake of the hook.
constexpr Contract kContracts[] = {
    {.agent = "claude",
     .asking = "PreToolUse",
     .telling = {},
     .tools = kClaudeTools,
     .events = kClaudeEvents,
     .shape = Shape::kPermission,
     .allowing = Allowing::kSaid,
     .rewriting = Rewriting::kReplaces,
     .agentTimeout = seconds(60),
     .patience = seconds(45)},
    {.agent = "codex",
     .asking = "PreToolUse",
     .telling = {},
     .tools = kCodexTools,
     .events = kCodexEvents,
     .shape = Shape::kPermission,
     .allowing = Allowing::kSilent,
     .rewriting = Rewriting::kReplaces,
     .agentTimeout = seconds(600),
     .patience = seconds(540)},
    {.agent = "gemini",
     .asking = "BeforeTool",
     .telling = "AfterModel",
     .tools = kGeminiTools,
     .events = kGeminiEvents,
     .shape = Shape::kDecision,
     .allowing = Allowing::kSaid,
     .rewriting = Rewriting::kMerges,
     .agentTimeout = seconds(60),
     .patience = seconds(45)},
};

}  // namespace

std::span<const Contract> contracts() { return kContracts; }

const Contract* findContract(std::string_view agent) {
  for (const Contract& contract : kContracts) {
    if (contract.agent == agent) return &contract;
  }
  return nullptr;
}

}  // namespace ringfence::hook
