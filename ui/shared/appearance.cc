#include "ui/shared/appearance.h"

#include <QApplication>
#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QDBusVariant>
#include <QSettings>
#include <algorithm>

namespace ringfence::ui {
namespace {

constexpr const char* kPortal = "org.freedesktop.portal.Desktop";
constexpr const char* kPath = "/org/freedesktop/portal/desktop";
constexpr const char* kInterface = "org.freedesktop.portal.Settings";
constexpr const char* kGroup = "org.freedesktop.appearance";
constexpr const char* kKey = "color-scheme";

Theme themeOf(const QString& word) {
  if (word == "light") return Theme::kLight;
  return word == "dark" ? Theme::kDark : Theme::kSystem;
}

const char* wordOf(Theme theme) {
  switch (theme) {
    case Theme::kLight: return "light";
    case Theme::kDark: return "dark";
    case Theme::kSystem: break;
  }
  return "system";
}

}  // namespace

Appearance::Appearance(QObject* parent)
    : QObject(parent), font_(QApplication::font()), foundDark_(isDark(QApplication::palette())) {
  const QSettings settings;
  theme_ = themeOf(settings.value("theme").toString());
  zoom_ = std::clamp(settings.value("zoom", 100).toInt(), kLeastZoom, kMostZoom);
  apply();
  askPortal();
}

void Appearance::askPortal() {
  QDBusConnection bus = QDBusConnection::sessionBus();
  if (!bus.isConnected()) return;
  bus.connect(kPortal, kPath, kInterface, "SettingChanged", this, SLOT(takeSetting(QString, QString, QDBusVariant)));
  QDBusMessage ask = QDBusMessage::createMethodCall(kPortal, kPath, kInterface, "Read");
  ask << QString(kGroup) << QString(kKey);
  auto* answer = new QDBusPendingCallWatcher(bus.asyncCall(ask), this);
  connect(answer, &QDBusPendingCallWatcher::finished, this, [this](QDBusPendingCallWatcher* done) {
    const QDBusPendingReply<QDBusVariant> value = *done;
    done->deleteLater();
    if (value.isValid()) takeSetting(kGroup, kKey, value.value());
  });
}

void Appearance::takeSetting(const QString& group, const QString& key, const QDBusVariant& value) {
  if (group != kGroup || key != kKey) return;
  QVariant scheme = value.variant();
  // Read wraps what SettingChanged does not.
  if (scheme.canConvert<QDBusVariant>()) scheme = scheme.value<QDBusVariant>().variant();
  takeScheme(scheme.toUInt());
}

// 1: dark, 2: light, else no preference.
void Appearance::takeScheme(uint scheme) {
  wantsDark_.reset();
  if (scheme == 1 || scheme == 2) wantsDark_ = scheme == 1;
  apply();
}

void Appearance::setTheme(Theme theme) {
  theme_ = theme;
  QSettings().setValue("theme", wordOf(theme));
  apply();
}

void Appearance::setZoom(int percent) {
  zoom_ = std::clamp(percent, kLeastZoom, kMostZoom);
  QSettings().setValue("zoom", zoom_);
  apply();
}

void Appearance::apply() {
  const bool dark = theme_ == Theme::kSystem ? wantsDark_.value_or(foundDark_) : theme_ == Theme::kDark;
  QApplication::setPalette(dark ? darkPalette() : lightPalette());
  QFont font = font_;
  if (font_.pointSizeF() > 0)
    font.setPointSizeF(font_.pointSizeF() * zoom_ / 100);
  else
    font.setPixelSize(font_.pixelSize() * zoom_ / 100);
  QApplication::setFont(font);
  emit changed();
}

}  // namespace ringfence::ui
