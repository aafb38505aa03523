#include "ui/shared/fact_body.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <string>
#include <vector>

#include "sdk/base/text.h"
#include "ui/shared/visible_text.h"

namespace ringfence::ui {
namespace {

std::string bytesOf(const QJsonValue& value) {
  if (value.isString()) return value.toString().toStdString();
  const QJsonValue encoded = value.toObject().value(QLatin1String("base64"));
  return decodeBase64(encoded.toString().toStdString()).value_or(std::string());
}

}  // namespace

FactBody::FactBody(std::string_view json)
    : object_(
          QJsonDocument::fromJson(QByteArray::fromRawData(json.data(), static_cast<qsizetype>(json.size()))).object()) {
}

QString FactBody::text(const char* name) const { return visibleText(bytesOf(object_.value(QLatin1String(name)))); }

std::optional<std::uint64_t> FactBody::number(const char* name) const {
  const QJsonValue value = object_.value(QLatin1String(name));
  if (!value.isDouble() || value.toDouble() < 0) return std::nullopt;
  return value.toVariant().toULongLong();
}

FactBody FactBody::part(const char* name) const { return FactBody(object_.value(QLatin1String(name)).toObject()); }

std::vector<FactBody> FactBody::parts(const char* name) const {
  std::vector<FactBody> parts;
  const QJsonArray array = object_.value(QLatin1String(name)).toArray();
  for (const QJsonValue& value : array) parts.emplace_back(value.toObject());
  return parts;
}

QString FactBody::command(const char* name) const {
  std::vector<std::string> argv;
  const QJsonArray array = object_.value(QLatin1String(name)).toArray();
  for (const QJsonValue& value : array) argv.push_back(bytesOf(value));
  return visibleCommand(argv);
}

}  // namespace ringfence::ui
