// A text editor for policies: numbered lines, colours of TOML, and a wave under what the checker found wrong.
#pragma once

#include <QPlainTextEdit>
#include <vector>

namespace ringfence::ui {

// As the checker told it; visible text. Lines and columns from 1, in characters; line 0: about the whole file.
struct PolicyProblem {
  enum class Weight { kError, kWarning };
  Weight weight = Weight::kError;
  int line = 0, column = 0, endColumn = 0;
  QString message, help;
};

class PolicyEditor final : public QPlainTextEdit {
  Q_OBJECT

 public:
  explicit PolicyEditor(QWidget* parent = nullptr);

  void setProblems(std::vector<PolicyProblem> problems);
  // Puts the cursor there.
  void goTo(int line, int column);
  int lineNumberWidth() const;
  void paintLineNumbers(QPaintEvent* event);

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void changeEvent(QEvent* event) override;
  bool event(QEvent* event) override;

 private:
  void placeNumbers();
  void underline();
  const PolicyProblem* problemAt(int position) const;

  std::vector<PolicyProblem> problems_;
  QWidget* numbers_;
};

}  // namespace ringfence::ui
