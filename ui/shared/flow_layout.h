// Widgets beside one another that go on in the next line where there is no room, as words do: rows of buttons that are
// as usable in a window of 360 pixels, twice as large, or in a language with long words.
//
//   auto* row = new FlowLayout;
//   row->addWidget(button);
//   column->addLayout(row);
#pragma once

#include <QLayout>
#include <memory>
#include <vector>

namespace ringfence::ui {

class FlowLayout final : public QLayout {
  Q_OBJECT

 public:
  explicit FlowLayout(QWidget* parent = nullptr);
  ~FlowLayout() override;

  void addItem(QLayoutItem* item) override;  // owns it
  int count() const override { return static_cast<int>(items_.size()); }
  QLayoutItem* itemAt(int index) const override;
  QLayoutItem* takeAt(int index) override;  // the caller owns it
  Qt::Orientations expandingDirections() const override { return {}; }
  bool hasHeightForWidth() const override { return true; }
  int heightForWidth(int width) const override;
  // The least width is that of the widest widget; the least height is that of the width that it has now.
  QSize minimumSize() const override;
  QSize sizeHint() const override;
  void setGeometry(const QRect& rectangle) override;

 private:
  std::vector<QRect> places(int width) const;
  int gap(Qt::Orientation direction) const;

  std::vector<std::unique_ptr<QLayoutItem>> items_;
};

}  // namespace ringfence::ui
