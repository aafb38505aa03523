// Which files make up a policy, and in which order they are applied. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/decode.h"
#include "policy/load.h"

namespace ringfence::policy {

enum class Layer { kShipped, kSystem, kUser, kProject };
inline constexpr std::size_t kNamedLayers = 3;  // a project's file has no name that others could extend

// Every decoded file by layer and name.
class Library {
 public:
  Library(const Sources& sources, const DecodeOptions& options);

  const PolicyFile* find(Layer layer, const std::string& name) const;
  // Names defined in `highest` or a layer below it.
  std::vector<std::string_view> namesUpTo(Layer highest) const;
  const std::map<std::string, PolicyFile>& files(Layer layer) const { return layers_[static_cast<std::size_t>(layer)]; }
  const std::optional<PolicyFile>& project() const { return project_; }
  const std::optional<std::string>& selectedFile() const { return selected_; }  // name of Sources::file

 private:
  void add(Layer layer, PolicyFile file);

  std::map<std::string, PolicyFile> layers_[kNamedLayers];
  std::optional<PolicyFile> project_;
  std::optional<std::string> selected_;
};

struct Step {
  enum class Kind {
    kApply,     // the settings of `file`
    kRemember,  // the limits as they are now
    kStricter,  // the stricter of the limits now and those remembered last
  };
  Kind kind = Kind::kApply;
  const PolicyFile* file = nullptr;
  Layer layer = Layer::kShipped;
};

struct Resolution {
  std::vector<Step> steps;
  std::vector<Diagnostic> errors;  // unknown names, circles, broken files
};

Resolution resolve(const Library& library, const std::string& name, bool projectTrusted);

}  // namespace ringfence::policy
