#include "sdk/rpc/codex_approval.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sdk/hook/contract.h"
#include "sdk/hook/event.h"
#include "sdk/hook/request.h"
#include "sdk/rpc/outline.h"

namespace ringfence::rpc {
namespace {

using nlohmann::json;
using Operation = AgentAction::Operation;
using Actions = std::vector<AgentAction>;

constexpr std::size_t kMaxTarget = 4096;  // as the daemon takes it

struct KindRow {
  std::string_view method;
  ApprovalKind kind;
};
constexpr std::array<KindRow, 5> kKinds{{
    {"item/commandExecution/requestApproval", ApprovalKind::kCommand},
    {"item/fileChange/requestApproval", ApprovalKind::kFileChange},
    {"item/permissions/requestApproval", ApprovalKind::kPermissions},
    {"execCommandApproval", ApprovalKind::kOldCommand},
    {"applyPatchApproval", ApprovalKind::kOldPatch},
}};

Error invalid(std::string what) { return {ErrorCode::kInvalid, std::move(what), 0}; }

bool isOld(ApprovalKind kind) { return kind == ApprovalKind::kOldCommand || kind == ApprovalKind::kOldPatch; }

const json* memberOf(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string absolute(const std::string& path, const std::string& cwd) {
  return path.starts_with('/') || cwd.empty() ? path : cwd + "/" + path;
}

void addOnce(std::vector<std::string>& paths, const std::string& path) {
  if (!path.empty() && std::ranges::find(paths, path) == paths.end()) paths.push_back(path);
}

// As its hooks are told it: a list of words is run, a line for a shell is a call of the tool.
Result<Actions> asTool(const std::string& tool, json input, const std::string& reason) {
  hook::Event event;
  event.name = "requestApproval";
  event.tool = tool;
  if (!reason.empty()) input["description"] = reason;
  event.input = std::move(input);
  hook::Request request = RF_TRY(hook::requestOf(*hook::findContract("codex"), event));
  return std::move(request.actions);
}

Result<Actions> commandOf(const json& params, const std::string& reason) {
  if (const json* network = memberOf(params, "networkApprovalContext")) {
    const std::string host = textAt(*network, "host");
    const std::string protocol = textAt(*network, "protocol");
    const std::string endpoint = hook::endpointOf(protocol + "://" + host);
    if (!endpoint.empty()) return Actions{{.operation = Operation::kConnect, .target = endpoint, .words = reason}};
    return asTool("network", {{"host", host}, {"protocol", protocol}}, reason);
  }
  json input = json::object();
  for (const char* name : {"command", "cwd"}) {
    if (const json* given = memberOf(params, name)) input[name] = *given;
  }
  return asTool(textAt(params, "kind") == "writeStdin" ? "write_stdin" : "Bash", std::move(input), reason);
}

// What is not known is asked about as a call of the tool.
Result<Actions> filesOf(std::vector<std::string> files, const json& params, const std::string& reason,
                        const std::string& cwd) {
  const std::string root = textAt(params, "grantRoot");
  const bool isKnown = !files.empty();
  if (!root.empty()) addOnce(files, root);
  if (!isKnown || files.size() > hook::kMaxFiles) {
    json input{{"files", files}};
    return asTool("apply_patch", std::move(input), reason);
  }
  Actions actions;
  for (const std::string& file : files)
    actions.push_back({.operation = Operation::kWrite, .target = absolute(file, cwd), .words = reason});
  return actions;
}

AgentAction actionOn(std::string_view access, const std::string& path, const std::string& reason,
                     const std::string& cwd) {
  return {.operation = access == "read" ? Operation::kRead : Operation::kWrite,
          .target = absolute(path, cwd),
          .words = reason};
}

// Of one entry, none where it takes something away. Nothing: it is not about a file by its path, or not known what.
std::optional<Actions> entryOf(const json& entry, std::string_view list, const std::string& reason,
                               const std::string& cwd) {
  // As older versions have them.
  if ((list == "read" || list == "write") && entry.is_string())
    return Actions{actionOn(list, entry.get<std::string>(), reason, cwd)};
  const std::string access = textAt(entry, "access");
  if (list != "entries" || (access != "read" && access != "write" && access != "deny")) return std::nullopt;
  if (access == "deny") return Actions();
  const json* path = memberOf(entry, "path");
  const std::string name = path == nullptr ? std::string() : textAt(*path, "path");
  if (name.empty() || textAt(*path, "type") != "path") return std::nullopt;
  return Actions{actionOn(access, name, reason, cwd)};
}

// Nothing: they are not only about files by their paths.
std::optional<Actions> filesWanted(const json& wanted, const std::string& reason, const std::string& cwd) {
  Actions actions;
  for (const auto& [list, content] : wanted.items()) {
    if (content.is_null()) continue;
    if (!content.is_array()) return std::nullopt;
    for (const json& entry : content) {
      const auto more = entryOf(entry, list, reason, cwd);
      if (!more) return std::nullopt;
      for (const AgentAction& action : *more) {
        const bool isThere = std::ranges::any_of(actions, [&](const AgentAction& one) {
          return one.operation == action.operation && one.target == action.target;
        });
        if (!isThere) actions.push_back(action);
      }
    }
  }
  return actions;
}

// None: they are asked about as a call.
Actions pathsOf(const json& permissions, const std::string& reason, const std::string& cwd) {
  Actions actions;
  for (const auto& [name, wanted] : permissions.items()) {
    if (wanted.is_null()) continue;
    if (name != "fileSystem" || !wanted.is_object()) return {};
    auto files = filesWanted(wanted, reason, cwd);
    if (!files) return {};
    actions = *std::move(files);
  }
  return actions.size() > hook::kMaxFiles ? Actions() : actions;
}

}  // namespace

std::optional<ApprovalKind> approvalKind(std::string_view method) {
  const auto* row = std::ranges::find(kKinds, method, &KindRow::method);
  return row == kKinds.end() ? std::nullopt : std::optional(row->kind);
}

std::vector<std::string> changedFiles(const json& changes) {
  std::vector<std::string> files;
  if (!changes.is_array()) return files;
  for (const json& change : changes) {
    addOnce(files, textAt(change, "path"));
    if (const json* kind = memberOf(change, "kind")) addOnce(files, textAt(*kind, "move_path"));
  }
  return files;
}

Result<Approval> approvalAsked(ApprovalKind kind, const json& params, const std::vector<std::string>& files,
                               const std::string& cwd) {
  Approval approval;
  approval.kind = kind;
  approval.thread = textAt(params, isOld(kind) ? "conversationId" : "threadId");
  approval.turn = textAt(params, "turnId");
  approval.item = textAt(params, isOld(kind) ? "callId" : "itemId");
  if (approval.thread.empty() || approval.item.empty()) return invalid("it does not say what it belongs to");
  const std::string reason = textAt(params, "reason");
  const std::string given = textAt(params, "cwd");
  const std::string here = given.empty() ? cwd : given;
  switch (kind) {
    case ApprovalKind::kCommand:
    case ApprovalKind::kOldCommand:
      approval.isForPerson = textAt(params, "kind") == "humanCommand";
      approval.actions = RF_TRY(commandOf(params, reason));
      break;
    case ApprovalKind::kFileChange: approval.actions = RF_TRY(filesOf(files, params, reason, here)); break;
    case ApprovalKind::kOldPatch: {
      const json* changes = memberOf(params, "fileChanges");
      if (changes == nullptr || !changes->is_object()) return invalid("it names no files");
      std::vector<std::string> named;
      for (const auto& [path, change] : changes->items()) {
        addOnce(named, path);
        addOnce(named, textAt(change, "move_path"));
      }
      approval.actions = RF_TRY(filesOf(std::move(named), params, reason, here));
      break;
    }
    case ApprovalKind::kPermissions: {
      const json* wanted = memberOf(params, "permissions");
      if (wanted == nullptr || !wanted->is_object()) return invalid("it names no permissions");
      approval.permissions = *wanted;
      approval.actions = pathsOf(*wanted, reason, here);
      if (approval.actions.empty()) approval.actions = RF_TRY(asTool("request_permissions", *wanted, reason));
      break;
    }
  }
  for (const AgentAction& action : approval.actions) {
    if (action.target.empty() || action.target.size() > kMaxTarget || action.target.find('\0') != std::string::npos)
      return invalid("what is asked for is empty, too long, or holds a NUL");
  }
  return approval;
}

json acceptanceOf(const Approval& approval) {
  if (approval.kind == ApprovalKind::kPermissions) return {{"permissions", approval.permissions}, {"scope", "turn"}};
  return {{"decision", isOld(approval.kind) ? "approved" : "accept"}};
}

json refusalOf(ApprovalKind kind, const std::string& words, Turn turn) {
  if (kind == ApprovalKind::kPermissions) return {{"permissions", json::object()}, {"scope", "turn"}};
  if (!isOld(kind)) return {{"decision", turn == Turn::kEnds ? "cancel" : "decline"}};
  if (turn == Turn::kEnds) return {{"decision", "abort"}};
  return {{"decision", {{"denied", {{"rejection", words}}}}}};
}

}  // namespace ringfence::rpc
