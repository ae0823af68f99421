// A loop of our own: an edge-triggered epoll set, which the host's loop sees as one descriptor.
#pragma once
#include <hotline/transport/linux_only.hpp>
#if HOTLINE_DETAIL_LINUX

#include <hotline/concepts.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/epoll/epoll_connection.hpp>
#include <hotline/transport/epoll/epoll_listeners.hpp>
#include <hotline/transport/epoll/epoll_set.hpp>
#include <hotline/transport/epoll/epoll_turns.hpp>
#include <hotline/transport/listen_options.hpp>
#include <hotline/transport/loop/loop_thread.hpp>
#include <hotline/transport/loop/posted_functions.hpp>
#include <hotline/transport/loop/tick_schedule.hpp>
#include <hotline/transport/socket/adopted_listeners.hpp>
#include <hotline/transport/socket/native_socket.hpp>
#include <hotline/transport/socket/owned_descriptor.hpp>
#include <hotline/transport/socket/peer_address.hpp>
#include <hotline/transport/system_environment.hpp>
#include <hotline/transport/traffic/arrival_queue.hpp>
#include <hotline/transport/traffic/socket_traffic.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hotline::detail {

/// All of one transport. `run` keeps it alive, so that the transport may be destroyed in a callback.
template <class Layer>
class epoll_traffic final : public std::enable_shared_from_this<epoll_traffic<Layer>>,
                            public traffic_over<epoll_traffic<Layer>, epoll_connection<Layer>, Layer> {
  using base = traffic_over<epoll_traffic, epoll_connection<Layer>, Layer>;
  friend socket_traffic<epoll_traffic, epoll_connection<Layer>, Layer>;
  friend dialing_traffic<epoll_traffic, epoll_connection<Layer>, Layer>;

 public:
  using connection = epoll_connection<Layer>;
  using receiver = transport_receiver<connection>;

  epoll_traffic(std::vector<listen_options> options, typename Layer::shared common)
      : base(options, std::move(common)), options_(std::move(options)), opened_(set_.open()) {}
  ~epoll_traffic() { stop(); }

  [[nodiscard]] bool is_stopped() const noexcept { return stopped_; }
  [[nodiscard]] int descriptor() const noexcept { return set_.descriptor(); }
  /// Why the constructor had no descriptors for it; empty if it had.
  [[nodiscard]] std::error_code opened() const noexcept { return opened_; }

  [[nodiscard]] std::error_code start(receiver& r) {
    if (stopped_) return errc::not_running;
    if (this->started_for() != nullptr) return errc::already_running;
    if (opened_) return opened_;
    std::size_t bytes = 1;
    for (const listen_options& o : options_) bytes = std::max(bytes, o.read_buffer_bytes);
    if (const std::error_code failed = this->layers().prepare(bytes)) return failed;
    if (const std::error_code failed = listeners_.open(options_, adopted_)) return failed;
    adopted_.forget();
    base::start(r);
    ticks_.began(now());
    set_timer();
    if (has_work()) set_.ring();
    return {};
  }

  void stop_accepting() noexcept {
    listeners_.close();
    base::stop_accepting();
  }

  void stop() noexcept {
    if (stopped_.exchange(true)) return;
    posted_.close();
    set_.stop_timer();
    listeners_.close();
    adopted_.close();
    this->drop_all();
    if (!running_) turns_.free_graves();
  }

  /// Handles up to `most` of what is ready, after a wait of at most `wait` milliseconds for the first (negative: without end),
  /// and returns whether more is left. Inside a callback it does nothing.
  bool run(std::size_t most, int wait) {
    if (running_) return false;
    if (stopped_) return set_.quieten(), false;
    const auto self = this->shared_from_this();
    thread_.note();
    std::array<::epoll_event, events_at_once> room;
    const auto events = std::span(room).first(std::min(std::max<std::size_t>(most, 1), room.size()));
    const std::size_t turns = std::min(turns_.waiting(), events.size());
    std::size_t n = set_.poll(events, has_work() ? 0 : wait);
    // The bell takes room of others, and would be rung for ever where there is room for one.
    while (n == events.size() && epoll_set::is_bell_alone(events)) n = set_.poll(events, 0);
    bool is_left = n == events.size();
    take_events(events.first(n), turns, is_left);
    return is_left && !stopped_;
  }

  /// Any thread.
  template <class Function>
  void post(Function&& function) {
    posted_.add(std::forward<Function>(function), [this] { set_.ring(); });
  }

  /// The thread that ran it last. Its questions are for any thread.
  [[nodiscard]] const loop_thread& thread() const noexcept { return thread_; }
  /// Any thread: whether another one ran it last, and has not ended since.
  [[nodiscard]] bool runs_elsewhere() const noexcept { return !stopped_ && thread_.is_another(); }

  /// Takes over `descriptor`, which is closed on failure. Without `peer` its address is the socket's.
  [[nodiscard]] std::error_code adopt(int descriptor, std::string_view already_read, const ::sockaddr* peer,
                                      ::socklen_t size) {
    owned_descriptor taken(descriptor);
    if (stopped_ || this->started_for() == nullptr) return errc::not_running;
    ::sockaddr_storage from{};
    const ::socklen_t from_size = native_socket::read_peer(descriptor, from);
    if (from_size == 0) return last_error();
    if (const std::error_code failed = native_socket::keep_from_blocking(descriptor)) return failed;
    const auto timeout = options_.empty() ? listen_options{}.user_timeout : options_.front().user_timeout;
    native_socket::prepare(descriptor, from.ss_family, timeout);
    connection* c = nullptr;
    const peer_address address = peer != nullptr ? peer_address(peer, size) : peer_address(&from, from_size);
    if (const std::error_code failed = link(taken, from.ss_family, address, c)) return failed;
    return base::adopt(*c, already_read);
  }

  [[nodiscard]] std::error_code adopt_listener(int descriptor, listen_options options) {
    if (stopped_) return errc::not_running;
    if (const std::error_code failed = listening_socket::check(descriptor)) return failed;
    options.descriptor = descriptor;
    options.listen = true;
    const std::size_t which = this->add_door(options);
    if (this->started_for() != nullptr) return listeners_.open(options, which);
    adopted_.add(std::move(options), which);
    return {};
  }

  [[nodiscard]] std::vector<int> release_listeners() {
    std::vector<int> descriptors = listeners_.release();
    adopted_.release(descriptors);
    return descriptors;
  }
  [[nodiscard]] std::chrono::nanoseconds lateness() const { return ticks_.lateness(now()); }
  [[nodiscard]] const epoll_listeners& listeners() const noexcept { return listeners_; }

 private:
  using step = typename connection::step;
  using listener = epoll_listeners::listener;

  static constexpr std::size_t events_at_once = 256;
  static constexpr std::uint32_t input_events = EPOLLIN | EPOLLPRI | EPOLLRDHUP;

  /// While the loop has its turn. A host's function may throw; the loop goes on with the next turn.
  class turn {
   public:
    /// `is_left`: whether the system has more. It is set at the end if there is work for another turn.
    turn(epoll_traffic& traffic, bool& is_left) noexcept : traffic_(traffic), is_left_(is_left) {
      traffic.running_ = true;
      traffic.posted_.begin_turn();
    }
    turn(const turn&) = delete;
    ~turn() {
      traffic_.running_ = false;
      traffic_.turns_.free_graves();
      const bool has_posted = traffic_.posted_.end_turn();
      is_left_ = is_left_ || has_posted || traffic_.has_turns();
      if (is_left_ && !traffic_.stopped_) traffic_.set_.ring();
    }

   private:
    epoll_traffic& traffic_;
    bool& is_left_;
  };

  void take_events(std::span<const ::epoll_event> events, std::size_t turns, bool& is_left) {
    const turn now_running(*this, is_left);
    for (const ::epoll_event& event : events) {
      if (stopped_) return;
      handle(epoll_set::read(event));
    }
    // After the sockets: a timer's function may throw, and the system reports each event once.
    if (std::exchange(is_time_, false) && !stopped_) take_time();
    run_turns(turns);
    report_ends();
    run_posted();
    listeners_.take_turns([this](listener& l) { accept(l); });
  }

  [[nodiscard]] static steady_time now() { return default_environment()->now(); }
  static void note_turn() noexcept {}  // once for all of a turn: `turn`

  // -------------------------------------------------------------------------------------------------- a turn

  void handle(const epoll_set::report& event) {
    switch (event.what) {
      case epoll_set::kind::connection: return handle(*static_cast<connection*>(event.object), event.events);
      case epoll_set::kind::listener: return accept(*static_cast<listener*>(event.object));
      case epoll_set::kind::timer: is_time_ = true; return;
      case epoll_set::kind::bell: return;
    }
  }

  void handle(connection& c, std::uint32_t events) {
    if (base::is_closing(c)) return;
    if ((events & EPOLLOUT) != 0 && base::awaits_output(c)) {
      if (c.is_local_) watch_output(c, false);
      base::protect(c, [&] { base::send_on(c); });
      if (base::is_closing(c)) return;
    }
    if ((events & ~std::uint32_t{EPOLLOUT}) == 0) return;
    c.readable_ = true;
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) c.hung_up_ = true;
    if ((events & EPOLLPRI) != 0) c.rereads_ = true;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) c.broken_ = true;
    read(c);
  }

  /// Does what `c`, which is readable, awaits.
  void read(connection& c) {
    if (c.next_ == step::header) {
      c.next_ = step::read;
      base::protect(c, [&] { base::take_header(c); });
    } else if (base::awaits_input(c)) {
      base::protect(c, [&] { base::take_input(c); });
    } else if (c.broken_ && base::awaits_error(c)) {
      base::take_error(c);
    }
  }

  /// One turn each for the first `count` of those that the system will not report again. A connection that gets another one
  /// waits for the next call.
  void run_turns(std::size_t count) {
    for (; count > 0 && !stopped_; --count) {
      connection* const c = turns_.pop_waiting();
      if (c == nullptr) return;
      if (c->next_ == step::open) {
        c->next_ = step::read;
        base::protect(*c, [&] { base::open(*c); });
      } else if (!base::is_closing(*c)) {
        read(*c);
      }
    }
  }

  /// Notifies the receiver of ends that came out of its own calls.
  void report_ends() {
    for (std::size_t left = turns_.ended(); left > 0 && !stopped_; --left)
      if (connection* const c = turns_.pop_ended()) base::report(*c, c->why_);
  }

  /// Those that were posted before the call.
  void run_posted() {
    for (std::size_t left = posted_.size(); left > 0 && !stopped_; --left)
      if (const auto function = posted_.take()) function();
  }

  [[nodiscard]] bool has_turns() const noexcept { return !turns_.empty() || listeners_.has_more(); }
  [[nodiscard]] bool has_work() const noexcept { return has_turns() || posted_.size() > 0; }

  /// In this turn or, outside of one, in the next.
  void take_turn(connection& c) noexcept {
    turns_.add(c);
    if (!running_) set_.ring();
  }

  // -------------------------------------------------------------------------------------------------- the time

  void set_timer() noexcept {
    steady_time due = listeners_.rests() ? std::min(ticks_.due(), listeners_.rest_ends()) : ticks_.due();
    if constexpr (Layer::dials) due = std::min(due, this->desk().next());
    set_.set_timer(due);
  }

  /// A timer is due at that time.
  void set_alarm(steady_time) noexcept { set_timer(); }

  void take_time() {
    const steady_time time = now();
    if (listeners_.rests() && time >= listeners_.rest_ends()) listeners_.end_rest([this](listener& l) { accept(l); });
    if constexpr (Layer::dials) this->run_timers();
    if (stopped_) return;
    if (time < ticks_.due()) return set_timer();
    base::tick(ticks_.judges(time));
    if (stopped_) return;
    const steady_time began = now();
    this->started_for()->on_tick();
    if (stopped_) return;
    ticks_.began(began);
    set_timer();
  }

  // ------------------------------------------------------------------------------------------------- listening

  void accept(listener& l) {
    const bool rests = listeners_.accept(
        l, &now, [this](const listener& by, int accepted, const peer_address& peer) { arrive(accepted, peer, by); });
    if (rests && !stopped_) set_timer();
  }

  void arrive(int accepted, const peer_address& peer, const listener& by) {
    owned_descriptor taken(accepted);
    try {
      auto debt = this->debt_at(by.which());
      connection* c = nullptr;
      if (link(taken, by.family(), peer, c)) return;
      base::arrive(*c, std::move(debt), by.which(), by.is_loopback());
    } catch (const std::bad_alloc&) {
      // No memory for one more: its socket was closed.
    }
  }

  /// Makes `c` of the descriptor, which is the caller's still on failure.
  [[nodiscard]] std::error_code link(owned_descriptor& descriptor, int family, const peer_address& peer,
                                     connection*& c) noexcept {
    c = new (std::nothrow) connection(descriptor.get(), peer, family != AF_INET && family != AF_INET6);
    if (c == nullptr) return std::make_error_code(std::errc::not_enough_memory);
    const std::error_code failed = set_.add(descriptor.get(), epoll_set::kind::connection, c, input_events);
    failed ? delete std::exchange(c, nullptr) : (void)descriptor.release();
    return failed;
  }

  // ------------------------------------------------------------------------------- as `socket_traffic` asks for it
  [[nodiscard]] static std::error_code ended_early() noexcept { return std::make_error_code(std::errc::broken_pipe); }
  void close(connection& c) noexcept {
    if (c.descriptor_ < 0) return;
    set_.remove(c.descriptor_);
    ::close(std::exchange(c.descriptor_, -1));
  }

  [[nodiscard]] typename epoll_turns<connection>::burial hold(connection& c) noexcept { return {turns_, c}; }
  /// A short read leaves nothing, but for bytes behind urgent data, or behind a descriptor that was passed.
  static void was_read(connection& c, bool drained) noexcept {
    if (drained && !c.hung_up_) c.readable_ = c.rereads_ && native_socket::is_readable(c.descriptor_);
  }

  void wait_header(connection& c) noexcept {
    c.next_ = step::header;
    if (c.readable_) take_turn(c);
  }
  void take_input_later(connection& c) noexcept { take_turn(c); }
  void wait_input(connection& c) noexcept {
    if (c.readable_) take_turn(c);
  }
  void wait_error(connection& c) noexcept {
    if (c.broken_) take_turn(c);
  }

  /// A TCP socket reports room after it had none, so it is watched for that from the first time on. A Unix socket reports
  /// after each write.
  void wait_output(connection& c) noexcept { watch_output(c, true); }

  void watch_output(connection& c, bool on) noexcept {
    if (c.watches_output_ == on) return;
    c.watches_output_ = on;
    set_.change(c.descriptor_, epoll_set::kind::connection, &c, input_events | (on ? std::uint32_t{EPOLLOUT} : 0U));
  }

  void open_later(connection& c) noexcept {
    c.next_ = step::open;
    take_turn(c);
  }
  [[nodiscard]] bool report_later(connection& c, std::error_code why) noexcept {
    c.why_ = why;
    turns_.add_ended(c);
    if (!running_) set_.ring();
    return true;
  }

  std::vector<listen_options> options_;
  adopted_listeners adopted_;
  epoll_set set_;
  const std::error_code opened_;
  epoll_listeners listeners_{set_};
  epoll_turns<connection> turns_;
  tick_schedule ticks_;
  loop_thread thread_;
  posted_functions posted_;
  std::atomic<bool> stopped_{false};  // written on the loop only
  bool running_ = false;
  bool is_time_ = false;  // the timer was among the events of this turn
};

}  // namespace hotline::detail
#endif
