// The body of one fact of the log, read for people: every text comes out as visibleText gives it, and what is absent or
// of another shape is empty or absent, never 0. Pure.
#pragma once

#include <QJsonObject>
#include <QString>
#include <QStringList>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace ringfence::ui {

class FactBody {
 public:
  // `json` that is no object has no fields.
  explicit FactBody(std::string_view json);
  explicit FactBody(QJsonObject object) : object_(std::move(object)) {}

  bool has(const char* name) const { return object_.contains(QLatin1String(name)); }
  // Bytes that are no text are kept in the log as {"base64": …}; here they are escaped as any other.
  QString text(const char* name) const;
  std::optional<std::uint64_t> number(const char* name) const;
  bool isTrue(const char* name) const { return object_.value(QLatin1String(name)).toBool(); }
  FactBody part(const char* name) const;
  std::vector<FactBody> parts(const char* name) const;
  // A list of texts, each quoted as a shell would need it.
  QString command(const char* name) const;
  bool isEmpty() const { return object_.isEmpty(); }

 private:
  QJsonObject object_;
};

}  // namespace ringfence::ui
