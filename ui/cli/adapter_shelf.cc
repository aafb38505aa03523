#include "ui/cli/adapter_shelf.h"

#include <algorithm>
#include <cstdlib>
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
  using Read = std::variant<policy::Adapter, std::vector<policy::Diagnostic>>;
  std::map<std::string, std::pair<std::string, Read>> strongest;
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
    for (const policy::SourceText& text : *texts)
      strongest.insert_or_assign(nameOf(text.file), std::pair(text.file, policy::decodeAdapter(text)));
  }
  for (auto& [name, read] : strongest) {
    if (auto* adapter = std::get_if<policy::Adapter>(&read.second))
      shelf.adapters.push_back(std::move(*adapter));
    else
      shelf.broken.push_back({name, read.first, std::get<std::vector<policy::Diagnostic>>(std::move(read.second))});
  }
  return shelf;
}

}  // namespace ringfence::cli
