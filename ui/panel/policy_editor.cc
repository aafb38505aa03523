#include "ui/panel/policy_editor.h"

#include <QFontDatabase>
#include <QHelpEvent>
#include <QPainter>
#include <QSyntaxHighlighter>
#include <QTextBlock>
#include <QToolTip>
#include <algorithm>

#include "ui/panel/plots/time_series.h"
#include "ui/shared/colours.h"
#include "ui/shared/toml_tokens.h"

namespace ringfence::ui {
namespace {

class TomlHighlighter final : public QSyntaxHighlighter {
 public:
  explicit TomlHighlighter(QPlainTextEdit* editor) : QSyntaxHighlighter(editor->document()), editor_(editor) {}

 protected:
  void highlightBlock(const QString& text) override {
    TomlState state = previousBlockState() < 0 ? TomlState::kNothing : static_cast<TomlState>(previousBlockState());
    for (const TomlSpan& span : tomlSpans(text, state)) setFormat(span.start, span.length, formatOf(span.token));
    setCurrentBlockState(static_cast<int>(state));
  }

 private:
  QTextCharFormat formatOf(TomlToken token) const {
    const QPalette palette = editor_->palette();
    const auto colour = [&](std::size_t index) { return TimeSeriesPlot::colourOf(index, palette); };
    QTextCharFormat format;
    switch (token) {
      case TomlToken::kComment:
        format.setForeground(coloursOf(palette).quiet);
        format.setFontItalic(true);
        break;
      case TomlToken::kTable:
        format.setForeground(colour(1));
        format.setFontWeight(QFont::Bold);
        break;
      case TomlToken::kKey: format.setForeground(colour(0)); break;
      case TomlToken::kString: format.setForeground(colour(2)); break;
      case TomlToken::kNumber:
      case TomlToken::kWord: format.setForeground(colour(3)); break;
    }
    return format;
  }

  QPlainTextEdit* editor_;
};

class LineNumbers final : public QWidget {
 public:
  explicit LineNumbers(PolicyEditor* editor) : QWidget(editor), editor_(editor) {}
  QSize sizeHint() const override { return {editor_->lineNumberWidth(), 0}; }

 protected:
  void paintEvent(QPaintEvent* event) override { editor_->paintLineNumbers(event); }

 private:
  PolicyEditor* editor_;
};

}  // namespace

PolicyEditor::PolicyEditor(QWidget* parent) : QPlainTextEdit(parent), numbers_(new LineNumbers(this)) {
  setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
  setLineWrapMode(QPlainTextEdit::NoWrap);
  setTabChangesFocus(true);
  setAccessibleName(tr("Text of the policy"));
  new TomlHighlighter(this);  // Owned by the document.
  connect(this, &QPlainTextEdit::blockCountChanged, this, &PolicyEditor::placeNumbers);
  connect(this, &QPlainTextEdit::updateRequest, numbers_, [this](const QRect& area, int scrolled) {
    if (scrolled != 0)
      numbers_->scroll(0, scrolled);
    else
      numbers_->update(0, area.y(), numbers_->width(), area.height());
  });
  placeNumbers();
}

int PolicyEditor::lineNumberWidth() const {
  const int digits = static_cast<int>(QString::number(std::max(1, blockCount())).size());
  return fontMetrics().horizontalAdvance(u'9') * (std::max(2, digits) + 2);
}

void PolicyEditor::placeNumbers() {
  setViewportMargins(lineNumberWidth(), 0, 0, 0);
  const QRect inside = contentsRect();
  numbers_->setGeometry(inside.left(), inside.top(), lineNumberWidth(), inside.height());
}

void PolicyEditor::resizeEvent(QResizeEvent* event) {
  QPlainTextEdit::resizeEvent(event);
  placeNumbers();
}

void PolicyEditor::changeEvent(QEvent* event) {
  QPlainTextEdit::changeEvent(event);
  if (event->type() == QEvent::FontChange) placeNumbers();
  if (event->type() == QEvent::PaletteChange) underline();
}

void PolicyEditor::paintLineNumbers(QPaintEvent* event) {
  QPainter painter(numbers_);
  painter.fillRect(event->rect(), palette().color(QPalette::AlternateBase));
  const int room = numbers_->width() - fontMetrics().horizontalAdvance(u'9');
  for (QTextBlock block = firstVisibleBlock(); block.isValid(); block = block.next()) {
    const QRectF place = blockBoundingGeometry(block).translated(contentOffset());
    if (place.top() > event->rect().bottom()) break;
    const int line = block.blockNumber() + 1;
    const bool isWrong = std::ranges::any_of(problems_, [&](const PolicyProblem& one) { return one.line == line; });
    painter.setPen(isWrong ? coloursOf(palette()).danger : coloursOf(palette()).quiet);
    const QString text = isWrong ? QStringLiteral("! %1").arg(line) : QString::number(line);
    painter.drawText(QRectF(0, place.top(), room, fontMetrics().height()), Qt::AlignRight, text);
  }
}

void PolicyEditor::setProblems(std::vector<PolicyProblem> problems) {
  problems_ = std::move(problems);
  underline();
  numbers_->update();
}

void PolicyEditor::underline() {
  QList<QTextEdit::ExtraSelection> waves;
  for (const PolicyProblem& problem : problems_) {
    const QTextBlock block = document()->findBlockByNumber(problem.line - 1);
    if (problem.line < 1 || !block.isValid()) continue;
    const int last = std::max(0, block.length() - 1);
    const int start = std::clamp(problem.column - 1, 0, last);
    const int end = std::clamp(std::max(problem.endColumn - 1, start + 1), 0, last);
    QTextEdit::ExtraSelection wave;
    wave.cursor = QTextCursor(block);
    // What is missing at the end of a line has no character of its own: the one before it is marked.
    wave.cursor.setPosition(block.position() + (end > start ? start : std::max(0, start - 1)));
    wave.cursor.setPosition(block.position() + std::max(end, start), QTextCursor::KeepAnchor);
    wave.format.setUnderlineStyle(QTextCharFormat::WaveUnderline);
    const Colours colours = coloursOf(palette());
    wave.format.setUnderlineColor(problem.weight == PolicyProblem::Weight::kError ? colours.danger : colours.warning);
    waves += wave;
  }
  setExtraSelections(waves);
}

const PolicyProblem* PolicyEditor::problemAt(int position) const {
  const QTextBlock block = document()->findBlock(position);
  const int column = position - block.position() + 1;
  for (const PolicyProblem& problem : problems_) {
    if (problem.line == block.blockNumber() + 1 && column >= problem.column && column <= problem.endColumn)
      return &problem;
  }
  return nullptr;
}

bool PolicyEditor::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QPlainTextEdit::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const QPoint inside = viewport()->mapFrom(this, help->pos());
  const PolicyProblem* problem = problemAt(cursorForPosition(inside).position());
  if (problem == nullptr) {
    QToolTip::hideText();
    return true;
  }
  const QString told = problem->help.isEmpty() ? problem->message : tr("%1: %2").arg(problem->message, problem->help);
  QToolTip::showText(help->globalPos(), QStringLiteral("<p>%1</p>").arg(told.toHtmlEscaped()), this);
  return true;
}

void PolicyEditor::goTo(int line, int column) {
  const QTextBlock block = document()->findBlockByNumber(std::max(1, line) - 1);
  if (!block.isValid()) return;
  QTextCursor cursor(block);
  cursor.setPosition(block.position() + std::clamp(column - 1, 0, std::max(0, block.length() - 1)));
  setTextCursor(cursor);
  centerCursor();
  setFocus(Qt::OtherFocusReason);
}

}  // namespace ringfence::ui
