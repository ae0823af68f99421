#include "process.hpp"

#include "lines.hpp"

#include <asio/error_code.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

extern char** environ;

namespace dashboard {
namespace {

constexpr std::size_t read_bytes = 16 * 1024;        // one read
constexpr int reads_per_turn = 4;                    // then others have their turn
constexpr std::chrono::milliseconds poll_every{20};  // only where the kernel has no pidfd

hotline::failure failed(int error, const std::string& what) {
  const std::error_code code(error, std::generic_category());
  return {code, what + ": " + code.message()};
}

// A descriptor until somebody else takes it.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(other.release()) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct pipe_ends {
  descriptor read;
  descriptor write;
};

// Our end does not block; the child's does, or programs would lose output when we are slow.
int make_pipe(pipe_ends& ends) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return errno;
  ends.read = descriptor(fds[0]);
  ends.write = descriptor(fds[1]);
  if (::fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) return errno;
  return 0;
}

// The arguments of posix_spawn, released on every way out.
class spawn_setup {
 public:
  spawn_setup() {
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_init(&actions_);
  }
  spawn_setup(const spawn_setup&) = delete;
  spawn_setup& operator=(const spawn_setup&) = delete;
  ~spawn_setup() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  int spawn(pid_t& pid, const process_request& request, int out, int err) {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    int error = ::posix_spawnattr_setflags(&attributes_,
                                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (error == 0) error = ::posix_spawnattr_setpgroup(&attributes_, 0);
    if (error == 0) error = ::posix_spawnattr_setsigmask(&attributes_, &none);
    if (error == 0) error = ::posix_spawnattr_setsigdefault(&attributes_, &all);
    if (error == 0) error = ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&actions_, out, 1);
    if (error == 0) error = ::posix_spawn_file_actions_adddup2(&actions_, err, 2);
    // Asio's sockets are not close-on-exec: without this a child would hold the port and every client's socket open.
    if (error == 0) error = ::posix_spawn_file_actions_addclosefrom_np(&actions_, 3);
    if (error == 0 && !request.directory.empty())
      error = ::posix_spawn_file_actions_addchdir_np(&actions_, request.directory.c_str());
    if (error != 0) return error;

    std::vector<char*> argv = pointers(request.argv);
    std::vector<std::string> variables = environment(request);
    std::vector<char*> envp = pointers(variables);
    return ::posix_spawnp(&pid, argv[0], &actions_, &attributes_, argv.data(), envp.data());
  }

 private:
  // exec's signature predates const; it changes nothing.
  static std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> list;
    list.reserve(strings.size() + 1);
    for (const std::string& text : strings) list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
  }

  static std::vector<std::string> environment(const process_request& request) {
    std::vector<std::string> variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
      const std::string_view variable(*entry);
      const std::string_view name = variable.substr(0, variable.find('='));
      bool changed = false;
      for (const auto& [other, value] : request.environment) changed = changed || other == name;
      if (!changed) variables.emplace_back(variable);
    }
    for (const auto& [name, value] : request.environment)
      if (value) variables.push_back(name + "=" + *value);
    return variables;
  }

  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

std::string to_string(exit_status status) {
  if (status.signal == 0) return "exit code " + std::to_string(status.code);
  const char* name = ::strsignal(status.signal);
  return "ended by signal " + std::to_string(status.signal) + (name != nullptr ? " (" + std::string(name) + ")" : "");
}

// --------------------------------------------------------------------------------------------------------- run

// Every handler holds it, so what a callback destroys is the process, never the code that is calling.
class process::run : public std::enable_shared_from_this<process::run> {
 public:
  run(const asio::any_io_executor& loop, const process_request& request, process_listener listener)
      : outputs_{output(loop, output_stream::out), output(loop, output_stream::err)},
        exit_watch_(loop),
        exit_poll_(loop),
        kill_timer_(loop),
        grace_timer_(loop),
        patience_(request.patience),
        grace_(request.grace),
        listener_(std::move(listener)) {}

  hotline::failure spawn(const process_request& request) {
    std::array<pipe_ends, 2> pipes;
    for (pipe_ends& ends : pipes)
      if (const int error = make_pipe(ends)) return failed(error, "cannot make a pipe");
    if (const int error = spawn_setup().spawn(pid_, request, pipes[0].write.get(), pipes[1].write.get())) {
      struct stat where {};
      if (!request.directory.empty() && (::stat(request.directory.c_str(), &where) != 0 || !S_ISDIR(where.st_mode) ||
                                         ::access(request.directory.c_str(), X_OK) != 0))
        return failed(error, "cannot enter " + request.directory);
      return failed(error, "cannot run " + request.argv[0]);
    }
    running_ = true;
    for (std::size_t i = 0; i < outputs_.size(); ++i) outputs_[i].pipe.assign(pipes[i].read.release());
    return {};
  }

  void listen() {
    watch_exit();
    for (output& from : outputs_) read(from);
  }

  void cancel() {
    if (!running_ || cancelled_) return;
    cancelled_ = true;
    ::kill(-pid_, SIGTERM);
    ::kill(-pid_, SIGCONT);  // a stopped process would sleep over its SIGTERM
    kill_timer_.expires_after(patience_);
    kill_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error && self->running_) ::kill(-self->pid_, SIGKILL);
    });
    if (exited_) resume();
  }

  void pause() { paused_ = true; }

  void resume() {
    paused_ = false;
    if (!running_) return;
    if (exited_) start_grace();
    for (output& from : outputs_) read(from);
  }

  // The owner is gone. The listener stays until this object goes: it may be what is calling.
  void abandon() {
    if (!running_) return;
    end_group();
    close();
  }

  [[nodiscard]] bool cancelled() const noexcept { return cancelled_; }
  [[nodiscard]] pid_t id() const noexcept { return pid_; }

 private:
  struct output {
    output(const asio::any_io_executor& loop, output_stream name) : pipe(loop), from(name) {}
    asio::posix::stream_descriptor pipe;
    line_splitter lines{};
    output_stream from;
    bool waiting = false;
  };

  // Output is held back for listeners, but not once the process was cancelled and is gone: what is left in the pipe
  // is little, and its end is not worth waiting for.
  [[nodiscard]] bool held() const noexcept { return paused_ && !(cancelled_ && exited_); }

  void read(output& from) {
    if (!running_ || !from.pipe.is_open() || from.waiting || held()) return;
    from.waiting = true;
    from.pipe.async_wait(asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this(), &from](const asio::error_code& error) {
                           from.waiting = false;
                           if (!error) self->take(from);
                         });
  }

  void take(output& from) {
    std::array<char, read_bytes> bytes;
    for (int turn = 0; turn < reads_per_turn && running_ && !held(); ++turn) {
      const ssize_t taken = ::read(from.pipe.native_handle(), bytes.data(), bytes.size());
      if (taken < 0 && errno == EINTR) continue;
      if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (taken <= 0) {
        asio::error_code ignored;
        from.pipe.close(ignored);
        from.lines.finish();
        deliver(from);
        finish_if_over();
        return;
      }
      from.lines.push({bytes.data(), static_cast<std::size_t>(taken)});
      deliver(from);
    }
    read(from);
  }

  // A callback may destroy the process: then `running_` is false.
  void deliver(output& from) {
    while (running_) {
      const std::optional<std::string> line = from.lines.next();
      if (!line) return;
      if (listener_.on_line) listener_.on_line(*line, from.from);
    }
  }

  // A pidfd needs no SIGCHLD handler, which would be the whole host's. Old kernels have none: ask now and then.
  void watch_exit() {
    const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    if (fd < 0) {
      poll_exit();
      return;
    }
    exit_watch_.assign(fd);
    exit_watch_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](const asio::error_code& error) {
                             if (error || !self->running_) return;
                             if (!self->has_exited()) self->poll_exit();
                           });
  }

  void poll_exit() {
    exit_poll_.expires_after(poll_every);
    exit_poll_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (error || !self->running_) return;
      if (!self->has_exited()) self->poll_exit();
    });
  }

  // Looks, but leaves the zombie: as long as it is there, no other process has its id (and so the group's).
  bool has_exited() {
    siginfo_t info{};
    int answer = 0;
    do {
      answer = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    } while (answer != 0 && errno == EINTR);
    if (answer != 0) {
      status_.code = -1;  // the host has SIGCHLD ignored: the system threw the answer away
    } else if (info.si_pid == 0) {
      return false;
    } else if (info.si_code == CLD_EXITED) {
      status_.code = info.si_status;
    } else {
      status_.signal = info.si_status;
    }
    exited_ = true;
    if (!held()) start_grace();
    for (output& from : outputs_) read(from);
    finish_if_over();
    return true;
  }

  // Others may hold the pipes open, a daemon for ever.
  void start_grace() {
    grace_timer_.expires_after(grace_);
    grace_timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (error || !self->running_ || self->held()) return;
      for (output& from : self->outputs_) {
        from.lines.finish();
        self->deliver(from);
      }
      if (self->running_) self->finish();
    });
  }

  void finish_if_over() {
    if (running_ && exited_ && !outputs_[0].pipe.is_open() && !outputs_[1].pipe.is_open()) finish();
  }

  void finish() {
    end_group();
    close();
    if (listener_.on_exit) listener_.on_exit(status_);
  }

  void end_group() {
    running_ = false;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  void close() {
    asio::error_code ignored;
    for (output& from : outputs_) from.pipe.close(ignored);
    exit_watch_.close(ignored);
    exit_poll_.cancel();
    kill_timer_.cancel();
    grace_timer_.cancel();
  }

  std::array<output, 2> outputs_;
  asio::posix::stream_descriptor exit_watch_;
  asio::steady_timer exit_poll_;
  asio::steady_timer kill_timer_;
  asio::steady_timer grace_timer_;
  std::chrono::milliseconds patience_;
  std::chrono::milliseconds grace_;
  process_listener listener_;
  pid_t pid_ = -1;
  exit_status status_;
  bool running_ = false;  // it is ours to kill and to reap
  bool exited_ = false;
  bool cancelled_ = false;
  bool paused_ = false;
};

// ----------------------------------------------------------------------------------------------------- process

hotline::result<process> process::start(asio::any_io_executor loop, const process_request& request,
                                        process_listener listener) {
  if (request.argv.empty() || request.argv[0].empty()) return failed(EINVAL, "no program given");
  auto running = std::make_shared<run>(loop, request, std::move(listener));
  if (hotline::failure why = running->spawn(request); why.code) return why;
  running->listen();
  return process(std::move(running));
}

process& process::operator=(process&& other) noexcept {
  if (run_ != other.run_ && run_) run_->abandon();
  run_ = std::move(other.run_);
  return *this;
}

process::~process() {
  if (run_) run_->abandon();
}

void process::cancel() { run_->cancel(); }
bool process::cancelled() const noexcept { return run_->cancelled(); }
void process::pause_reading() { run_->pause(); }
void process::resume_reading() { run_->resume(); }
pid_t process::id() const noexcept { return run_->id(); }

}  // namespace dashboard
