#include "ui/cli/policy_shelf.h"

#include <climits>
#include <cstdlib>
#include <utility>

#include "policy/read_sources.h"

namespace ringfence::cli {
namespace {

bool isFile(const std::string& word) { return word.find('/') != std::string::npos || word.ends_with(".toml"); }

std::string realPath(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) == nullptr ? std::string() : resolved;
}

}  // namespace

Result<PolicyShelf> PolicyShelf::open(const std::vector<std::string>& directories, const PolicyWorld& world) {
  PolicyShelf shelf;
  shelf.directories_ = directories.empty() ? world.policyDirectories : directories;
  shelf.sources_ = RF_TRY(policy::readPolicyDirectories(shelf.directories_));
  if (world.home.starts_with('/')) {
    const std::string own = world.home + "/.config/ringfence/policies";
    shelf.sources_.user = RF_TRY(policy::readDirectory(own, policy::Links::kFollow));
    shelf.directories_.push_back(own);
  }
  auto project = policy::readSource(world.workingDirectory + "/" + std::string(kProjectFile), policy::Links::kFollow);
  if (project) {
    shelf.sources_.project = std::move(*project);
  } else if (project.error().code != ErrorCode::kNotFound) {
    return std::move(project).error();
  }
  return shelf;
}

Result<std::variant<policy::Loaded, std::vector<policy::Diagnostic>>> PolicyShelf::load(const std::string& word) const {
  if (!isFile(word)) return policy::load(sources_, word);
  policy::SourceText text = RF_TRY(policy::readSource(word, policy::Links::kFollow));
  policy::Sources sources = sources_;
  sources.project.reset();
  const std::string name = word.substr(word.rfind('/') + 1);
  if (name == kProjectFile) {
    sources.project = std::move(text);
    return policy::load(sources, kDefaultPolicy);
  }
  const std::string real = realPath(word);
  for (const std::string& directory : directories_) {
    if (realPath(directory) + "/" + name == real && name.ends_with(".toml")) {
      return policy::load(sources, name.substr(0, name.size() - 5));
    }
  }
  sources.file = std::move(text);
  return policy::load(sources, kDefaultPolicy);
}

}  // namespace ringfence::cli
