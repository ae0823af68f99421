// Qt's event loop: a QSocketNotifier wakes hotline, clients' commands call slots, and signals become events.
// Try it: open its address, say something, and press Ctrl-C.
#include <QCoreApplication>
#include <QObject>
#include <QSocketNotifier>
#include <QString>

#include "service.hpp"

#include <hotline/epoll.hpp>

#include <csignal>

#include <sys/signalfd.h>
#include <unistd.h>

namespace {

// The host's own object, which knows nothing of hotline: others may connect to it as well.
class blackboard : public QObject {
  Q_OBJECT

 public slots:
  void write(const QString& project, const QString& text) {
    lines_ += 1;
    emit written(project, text, lines_);
  }

 signals:
  void written(const QString& project, const QString& text, int lines);

 private:
  int lines_ = 0;
};

// Qt has no signals of the system. Before any thread is started, so that none of them takes these.
int descriptor_of_signals() {
  ::sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  return ::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = loops::port_of(argc, argv);
  if (!port) return 2;
  const int ends = descriptor_of_signals();
  QCoreApplication app(argc, argv);

  hotline::event_emitter events;
  auto manager = hotline::make_epoll_ws_manager(events, {.port = *port}, loops::limits());
  const loops::service service(
      manager, events, [&](auto task) { QMetaObject::invokeMethod(&app, std::move(task), Qt::QueuedConnection); });

  // A command is a call of a slot, and a signal is an event. `emit` is Qt's word here, so hotline's is `publish`.
  blackboard board;
  manager.on_command("say", [&](const hotline::request& q) -> hotline::command_result {
    const auto text = q.payload()["text"].as_string();
    if (!text) return hotline::command_error{"no_text", "text: expected string"};
    board.write(QString::fromStdString(q.project()), QString::fromUtf8(text->data(), qsizetype(text->size())));
    return {};
  });
  QObject::connect(&board, &blackboard::written, [&](const QString& project, const QString& text, int lines) {
    const auto seq = events.publish(project.toStdString(), "said", {{"text", text.toStdString()}, {"lines", lines}});
    if (!seq) qWarning("not published: %s", seq.error().message.c_str());
  });

  QSocketNotifier readable(manager.transport().fd(), QSocketNotifier::Read);
  QObject::connect(&readable, &QSocketNotifier::activated, [&] { manager.transport().run_ready(); });
  QSocketNotifier signalled(ends, QSocketNotifier::Read);
  QObject::connect(&signalled, &QSocketNotifier::activated, [&] {
    signalled.setEnabled(false);
    manager.stop([] { QCoreApplication::quit(); });
  });
  if (!loops::started(manager)) return 1;
  const int code = QCoreApplication::exec();
  ::close(ends);
  return code;
}

#include "qt.moc"
