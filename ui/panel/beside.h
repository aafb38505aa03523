// Work that may wait for a disk, done beside the window: in a thread that nobody waits for. What it found comes back in
// the receiver's thread, and not at all when the receiver is gone by then.
//
//   beside<QByteArray>(this, [path] { return readAll(path); }, [this](const QByteArray& text) { … });
#pragma once

#include <QObject>
#include <QTimer>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

namespace ringfence::ui {

template <typename T>
void beside(QObject* receiver, std::function<T()> work, std::function<void(const T&)> done) {
  struct State {
    std::optional<T> found;
    std::atomic<bool> isDone{false};
  };
  auto state = std::make_shared<State>();
  // Looked at in turns, so that the thread needs no object that might be gone.
  auto* turns = new QTimer(receiver);
  turns->setInterval(10);
  QObject::connect(turns, &QTimer::timeout, receiver, [state, turns, done = std::move(done)] {
    if (!state->isDone) return;
    turns->stop();
    turns->deleteLater();
    done(*state->found);
  });
  turns->start();
  std::thread([state, work = std::move(work)] {
    state->found = work();
    state->isDone = true;
  }).detach();
}

}  // namespace ringfence::ui
