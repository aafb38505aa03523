// Goes over the facts of a log once, in their order and a few at a time, and goes on when more come.
//
//   FactWalk walk(facts, [&](const ShownFact& fact) { … });
#pragma once

#include <QObject>
#include <functional>

#include "ui/shared/fact_log.h"

class QTimer;

namespace ringfence::ui {

class FactWalk final : public QObject {
  Q_OBJECT

 public:
  static constexpr std::uint64_t kSlice = 1'000;

  // `facts` is borrowed.
  FactWalk(const FactLog& facts, std::function<void(const ShownFact&)> visit, QObject* parent = nullptr);

  // From the first one again.
  void restart();

 signals:
  // The log begins anew: what was made of its facts is void.
  void voided();
  // Some were visited.
  void advanced();

 private:
  void goOn();

  const FactLog& facts_;
  std::function<void(const ShownFact&)> visit_;
  std::uint64_t next_ = 0;
  QTimer* slices_;
};

}  // namespace ringfence::ui
