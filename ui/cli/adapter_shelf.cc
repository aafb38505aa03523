#include "ui/cli/adapter_shelf.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <utility>
#include <variant>

#include "policy/read_sources.h"
#include "sdk/base/text.h"

namespace ringfence::cli {
namespace {

std::string nameOf(const std::string& file) {
  std::string name = file.substr(file.rfind('/') + 1);
  if (name.ends_with(".toml")) name.resize(name.size() - 5);
  return name;
}

AdapterShelf readWanted(const std::string& home, const std::function<bool(std::string_view)>& isWanted) {
  std::map<std::string, policy::SourceText> strongest;
  AdapterShelf shelf;
  for (const std::string& directory : adapterDirectories(home)) {
    auto texts = policy::readDirectory(directory, policy::Links::kFollow);
    if (!texts) {
      policy::Diagnostic unreadable;
      unreadable.file = directory;
      unreadable.message = escapeForDisplay(texts.error().message);
      shelf.broken.push_back({"", directory, {std::move(unreadable)}});
      continue;
    }
    for (policy::SourceText& text : *texts) {
      std::string name = nameOf(text.file);
      strongest.insert_or_assign(std::move(name), std::move(text));
    }
  }
  for (const auto& [name, text] : strongest) {
    if (text.unreadable.empty() && !isWanted(text.text)) continue;
    auto read = policy::decodeAdapter(text);
    if (auto* adapter = std::get_if<policy::Adapter>(&read))
      shelf.adapters.push_back(std::move(*adapter));
    else
      shelf.broken.push_back({name, text.file, std::get<std::vector<policy::Diagnostic>>(std::move(read))});
  }
  return shelf;
}

}  // namespace

const policy::Adapter* AdapterShelf::find(std::string_view name) const {
  const auto found = std::ranges::find(adapters, name, &policy::Adapter::name);
  return found == adapters.end() ? nullptr : &*found;
}

const BrokenAdapter* AdapterShelf::findBroken(std::string_view name) const {
  const auto found = std::ranges::find(broken, name, &BrokenAdapter::name);
  return found == broken.end() ? nullptr : &*found;
}

std::vector<std::string> adapterDirectories(const std::string& home) {
  std::vector<std::string> directories{policy::shippedDirectory("adapters"), "/etc/ringfence/adapters"};
  if (const char* places = std::getenv("RINGFENCE_ADAPTER_DIR"); places != nullptr && *places != 0) {
    directories.clear();
    for (std::string_view rest = places; !rest.empty();) {
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) directories.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  if (home.starts_with('/')) directories.push_back(home + "/.config/ringfence/adapters");
  return directories;
}

AdapterShelf readAdapters(const std::string& home) {
  return readWanted(home, [](std::string_view) { return true; });
}

AdapterShelf readAdaptersFor(const std::string& home, const std::vector<std::string>& argv,
                             const std::string& program) {
  return readWanted(home, [&](std::string_view text) { return policy::mayKnowAgent(text, argv, program); });
}

}  // namespace ringfence::cli
