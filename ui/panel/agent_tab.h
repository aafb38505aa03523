// One of the tabs on the page of an agent: about one run, and asking for nothing while nobody sees it.
#pragma once

#include <QWidget>
#include <string>

#include "sdk/client/client.h"

namespace ringfence::ui {

class AgentTab : public QWidget {
  Q_OBJECT

 public:
  using QWidget::QWidget;

  // "": none was chosen.
  virtual void setRun(const std::string& run) = 0;
  // What is known of the run that was set; again when something changed.
  virtual void setDetails(const client::RunDetails& /*details*/) {}
  virtual void setSeen(bool seen) = 0;
};

}  // namespace ringfence::ui
