#include "ui/shared/language.h"

#include <QCoreApplication>
#include <QLibraryInfo>
#include <QLocale>
#include <QTranslator>

namespace ringfence::ui {

void useLanguage(QCoreApplication& application, const QString& chosen) {
  const QLocale locale = chosen.isEmpty() ? QLocale() : QLocale(chosen);
  if (!chosen.isEmpty()) QLocale::setDefault(locale);
  auto* own = new QTranslator(&application);
  // English has a file too: it has the plural forms.
  if (own->load(locale, "ringfence", "_", ":/translations") || own->load(":/translations/ringfence_en.qm"))
    QCoreApplication::installTranslator(own);
  auto* qt = new QTranslator(&application);
  if (qt->load(locale, "qtbase", "_", QLibraryInfo::path(QLibraryInfo::TranslationsPath)))
    QCoreApplication::installTranslator(qt);
}

}  // namespace ringfence::ui
