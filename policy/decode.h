// One policy text -> settings with their places. Pure; knows nothing of other files.
#pragma once

#include <string>
#include <vector>

#include "policy/keys.h"
#include "policy/load.h"
#include "policy/parse.h"
#include "policy/place.h"

namespace ringfence::policy {

struct Setting {
  const Key* key = nullptr;
  Decoded value;
  Place place;  // of the key
};

struct PolicyFile {
  std::string file;
  std::string name;  // the name of the file when the text names none
  Place namePlace;
  std::string summary;  // the first comment line
  std::vector<TextItem> extends;
  std::vector<TextItem> lock;
  std::vector<Setting> settings;
  std::vector<Diagnostic> errors;  // not empty: the file counts for nothing
};

PolicyFile decodeFile(const SourceText& source, const DecodeOptions& options);

// "/etc/ringfence/policies/coding.toml" -> "coding"
std::string nameOfFile(const std::string& file);

// The first line of a text, when it is a comment, for lists; escaped, and cut when it is long.
std::string firstComment(std::string_view text);

// Collects what is wrong while a file is decoded, with a bound: a thousand errors help nobody.
class Complaints {
 public:
  explicit Complaints(const SourceLines& lines) : lines_(lines) {}
  void add(const Mark& mark, std::string message, std::string help = {});
  // Nothing more is kept: whoever decodes may stop.
  bool isFull() const;
  bool isEmpty() const { return errors_.empty(); }
  Place place(const Mark& mark) const { return lines_.place(mark); }
  std::vector<Diagnostic> take() &&;

 private:
  const SourceLines& lines_;
  std::vector<Diagnostic> errors_;
};

// Decoders of the keys that are lists of tables: decode_rules.cc, decode_special.cc.
std::vector<HostRule> decodeHosts(const Value& value, std::string_view key, Complaints& complaints);
std::vector<ExecRule> decodeExecRules(const Value& value, std::string_view key, Complaints& complaints);
std::vector<ToolRule> decodeToolRules(const Value& value, std::string_view key, Complaints& complaints);
std::vector<PathRewrite> decodePathRewrites(const Value& value, std::string_view key, Complaints& complaints);
std::vector<HostRewrite> decodeHostRewrites(const Value& value, std::string_view key, Complaints& complaints);
std::vector<Credential> decodeCredentials(const Value& value, std::string_view key, Complaints& complaints);
std::vector<Grant> decodeGrants(const Value& value, std::string_view key, Complaints& complaints);

}  // namespace ringfence::policy
