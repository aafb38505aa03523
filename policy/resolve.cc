#include "policy/resolve.h"

#include <algorithm>
#include <set>

#include "policy/scalars.h"
#include "sdk/base/text.h"

namespace ringfence::policy {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxErrors = 64;

class Resolver {
 public:
  explicit Resolver(const Library& library) : library_(library) {}

  // All layers of one name, weak to strong. `wanted` is where the name was written; null for the one that was asked
  // for.
  void addStack(const std::string& name, Layer highest, const TextItem* wanted) {
    bool found = false;
    for (std::size_t i = 0; i <= static_cast<std::size_t>(highest); ++i) {
      const auto layer = static_cast<Layer>(i);
      const PolicyFile* file = library_.find(layer, name);
      if (file == nullptr) continue;
      addFile(*file, layer, found ? Stacked::kYes : Stacked::kNo, wanted);
      found = true;
    }
    if (!found) unknown(name, highest, wanted);
  }

  void addProject(const PolicyFile& file, bool trusted) {
    result_.errors.insert(result_.errors.end(), file.errors.begin(), file.errors.end());
    if (!file.errors.empty()) return;
    push(Step::Kind::kRemember, file, Layer::kProject);
    if (trusted) addExtended(file, Layer::kUser, "");
    push(Step::Kind::kApply, file, Layer::kProject);
    push(Step::Kind::kStricter, file, Layer::kProject);
  }

  Resolution take() && { return std::move(result_); }

 private:
  enum class Stacked { kNo, kYes };

  void addFile(const PolicyFile& file, Layer layer, Stacked stacked, const TextItem* wanted) {
    if (std::ranges::find(open_, &file) != open_.end()) return circle(file, wanted);
    if (!seen_.insert(&file).second) return;
    if (open_.size() >= kMaxDepth) {
      complain(wanted, "policies extend each other more than " + std::to_string(kMaxDepth) + " deep");
      return;
    }
    if (!file.errors.empty()) {
      result_.errors.insert(result_.errors.end(), file.errors.begin(), file.errors.end());
      return;
    }
    if (stacked == Stacked::kYes) push(Step::Kind::kRemember, file, layer);
    open_.push_back(&file);
    addExtended(file, layer, file.name);
    open_.pop_back();
    push(Step::Kind::kApply, file, layer);
    if (stacked == Stacked::kYes) push(Step::Kind::kStricter, file, layer);
  }

  void addExtended(const PolicyFile& file, Layer layer, const std::string& own) {
    for (const TextItem& item : file.extends) {
      if (result_.errors.size() >= kMaxErrors) return;
      if (item.text != own) {
        addStack(item.text, layer, &item);
        continue;
      }
      // Its own name: the one in the layers below, which are applied already.
      bool below = false;
      for (std::size_t i = 0; i < static_cast<std::size_t>(layer); ++i) {
        below = below || library_.find(static_cast<Layer>(i), own) != nullptr;
      }
      if (!below) complain(&item, quoteName(own) + " extends itself, and no layer below has another");
    }
  }

  void circle(const PolicyFile& file, const TextItem* wanted) {
    std::string path;
    for (auto at = std::ranges::find(open_, &file); at != open_.end(); ++at)
      path += escapeForDisplay((*at)->name) + " → ";
    complain(wanted, quoteName(file.name) + " extends itself", path + escapeForDisplay(file.name));
  }

  void unknown(const std::string& name, Layer highest, const TextItem* wanted) {
    const std::vector<std::string_view> names = library_.namesUpTo(highest);
    std::string help = suggest(name, names);
    if (help.empty()) {
      for (const std::string_view known : names)
        help += (help.empty() ? "there are: " : ", ") + escapeForDisplay(known);
    }
    complain(wanted, "there is no policy " + quoteName(name), help);
  }

  void complain(const TextItem* wanted, std::string message, std::string help = {}) {
    result_.errors.push_back(wanted != nullptr ? errorAt(wanted->place, std::move(message), std::move(help))
                                               : errorIn("", std::move(message), std::move(help)));
  }

  void push(Step::Kind kind, const PolicyFile& file, Layer layer) {
    result_.steps.push_back({.kind = kind, .file = &file, .layer = layer});
  }

  const Library& library_;
  Resolution result_;
  std::set<const PolicyFile*> seen_;
  std::vector<const PolicyFile*> open_;
};

bool includes(const Resolution& resolution, const PolicyFile* file) {
  return std::ranges::any_of(resolution.steps, [&](const Step& step) { return step.file == file; });
}

}  // namespace

Library::Library(const Sources& sources, const DecodeOptions& options) {
  for (const SourceText& source : sources.shipped) add(Layer::kShipped, decodeFile(source, options));
  for (const SourceText& source : sources.system) add(Layer::kSystem, decodeFile(source, options));
  for (const SourceText& source : sources.user) add(Layer::kUser, decodeFile(source, options));
  if (sources.file) {
    PolicyFile file = decodeFile(*sources.file, options);
    selected_ = file.name;
    layers_[static_cast<std::size_t>(Layer::kUser)].insert_or_assign(file.name, std::move(file));
  }
  if (sources.project) project_ = decodeFile(*sources.project, options);
}

void Library::add(Layer layer, PolicyFile file) {
  auto& files = layers_[static_cast<std::size_t>(layer)];
  // A file that does not load is known by its file name alone; a second name would let it vanish unseen.
  if (const std::string expected = nameOfFile(file.file); file.name != expected) {
    file.errors.push_back(
        errorAt(file.namePlace, "the name of a policy is that of its file",
                isPolicyName(expected) ? "`" + expected + "`, or rename the file" : "rename the file"));
    file.name = expected;
  }
  const auto present = files.find(file.name);
  if (present == files.end()) {
    files.emplace(file.name, std::move(file));
    return;
  }
  // Neither can be preferred: whoever asks for the name is told.
  present->second.errors.push_back(errorIn(file.file, "policy " + quoteName(file.name) + " is defined twice",
                                           "also in " + quoteName(present->second.file)));
}

const PolicyFile* Library::find(Layer layer, const std::string& name) const {
  const auto& files = layers_[static_cast<std::size_t>(layer)];
  const auto found = files.find(name);
  return found == files.end() ? nullptr : &found->second;
}

std::vector<std::string_view> Library::namesUpTo(Layer highest) const {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(highest); ++i) {
    for (const auto& [name, file] : layers_[i]) names.insert(name);
  }
  return {names.begin(), names.end()};
}

Resolution resolve(const Library& library, const std::string& name, bool projectTrusted) {
  Resolver plain(library);
  plain.addStack(name, Layer::kUser, nullptr);
  Resolution resolution = std::move(plain).take();
  const PolicyFile* base = library.find(Layer::kSystem, "base");
  Resolver ordered(library);
  // What the system's base locks is settled before anything else is said about it.
  if (base != nullptr && (!base->lock.empty() || !base->errors.empty()) && includes(resolution, base)) {
    ordered.addStack("base", Layer::kSystem, nullptr);
  }
  ordered.addStack(name, Layer::kUser, nullptr);
  if (library.project()) ordered.addProject(*library.project(), projectTrusted);
  return std::move(ordered).take();
}

}  // namespace ringfence::policy
