// Connections that we begin: a socket that has connected becomes a connection as those of a transport.
#pragma once
#include <hotline/transport/posix_only.hpp>
#if HOTLINE_DETAIL_POSIX

#include <hotline/dialer.hpp>
#include <hotline/error.hpp>
#include <hotline/transport/dialing/dial_desk.hpp>
#include <hotline/transport/dialing/dial_layer.hpp>
#include <hotline/transport/dialing/outgoing_socket.hpp>
#include <hotline/transport/system_environment.hpp>
#include <hotline/transport/traffic/socket_traffic.hpp>
#include <hotline/types.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::detail {

/// The dials of one dialer, its timers, and the connections that came of them. An attempt is a connection that is not open: it
/// waits for room to write, which the system reports when it has connected or failed.
///
/// `Traffic` has what `socket_traffic` asks of it, and:
///
/// | expression                        | meaning |
/// |-----------------------------------|---------|
/// | `t.link(descriptor, family, peer, c)` | makes a connection of the socket, and takes the descriptor over; else returns why not |
/// | `t.set_alarm(when)`               | `run_timers` follows at `when`, or earlier; without memory for it nothing happens |
/// | `t.post(f)`                       | any thread: `f` is called on the loop unless it has stopped |
template <class Traffic, class Connection, class Layer>
class dialing_traffic : public socket_traffic<Traffic, Connection, Layer> {
  using base = socket_traffic<Traffic, Connection, Layer>;
  friend base;

 public:
  using connection = Connection;

  /// Before `start`, with the same receiver.
  void begin_dials(dialer_receiver<Connection>& r, name_resolver resolve) noexcept {
    dial_receiver_ = &r;
    desk_.start(std::move(resolve));
  }

  [[nodiscard]] dial_desk& desk() noexcept { return desk_; }
  [[nodiscard]] const Layer& layer_of(const connection& c) const noexcept { return c.layer_; }

  /// A timer that found no memory for its alarm has it at the next tick.
  void tick(bool judges) {
    base::tick(judges);
    if (!this->derived().is_stopped()) this->derived().set_alarm(desk_.next());
  }

 protected:
  using base::base;
  ~dialing_traffic() = default;

  void run_timers() { desk_.run_timers(); }

  /// No callback follows.
  void drop_all() noexcept {
    desk_.stop();
    if constexpr (Layer::shakes_hands)
      for (std::size_t left = this->roll_.size(); left > 0; --left) {
        connection& c = *this->roll_.pop();
        if (!c.opened_) c.layer_.drop(this->layers());
        this->roll_.add(c);
      }
    base::drop_all();
  }

  // Instead of those of `socket_traffic`, for a connection that is not open.

  void send_on(connection& c, std::error_code failed = {}) {
    if (!c.layer_.is_connecting) return base::send_on(c, failed);
    c.awaits_output_ = false;
    if (c.closing_) return;
    if (!failed) failed = outgoing_socket::outcome(c.descriptor());
    failed ? this->finish(c, failed) : desk_.connected(c.layer_);
  }

  void introduce(connection& c) {
    c.context_ = desk_.opened(c.layer_);
    base::introduce(c);
  }

  void report(connection& c, std::error_code why) {
    if (c.opened_) return base::report(c, why);
    if (this->derived().is_stopped()) return;
    this->roll_.strike(c);
    const auto held = this->derived().hold(c);
    if constexpr (Layer::shakes_hands)
      if (c.layer_.is_shaking_hands()) this->layers().refused(why);
    desk_.attempt_failed(c.layer_, why, c.layer_.detail());
  }

 private:
  class driver final : public dial_driver {
   public:
    explicit driver(dialing_traffic& traffic) noexcept : traffic_(traffic) {}

    [[nodiscard]] steady_time time() const override { return default_environment()->now(); }
    void wake_at(steady_time when) noexcept override { traffic_.derived().set_alarm(when); }
    [[nodiscard]] dial_attempt* begin(const dial_options& options, const std::string& address,
                                      std::error_code& failed) override {
      return traffic_.begin(options, address, failed);
    }
    void drop(dial_attempt& attempt) noexcept override {
      connection& c = connection_of(attempt);
      c.layer_.drop(traffic_.layers());
      traffic_.roll_.strike(c);
      traffic_.drop(c);
    }
    void greet(dial_attempt& attempt, const dial_options& options) override {
      traffic_.greet(connection_of(attempt), options);
    }
    [[nodiscard]] resolve_done on_resolved(dial_id which) override { return traffic_.on_resolved(which); }
    void dial_failed(const dial_failure& failure) override { traffic_.dial_receiver_->on_dial_failed(failure); }

   private:
    [[nodiscard]] static connection& connection_of(dial_attempt& attempt) noexcept {
      return *static_cast<connection*>(attempt.connection);
    }

    dialing_traffic& traffic_;
  };

  [[nodiscard]] dial_attempt* begin(const dial_options& options, const std::string& address, std::error_code& failed) {
    outgoing_socket socket;
    connection* c = nullptr;
    if ((failed = socket.begin(options, address))) return nullptr;
    if ((failed = this->derived().link(socket.descriptor(), socket.family(), socket.peer(), c))) return nullptr;
    this->roll_.add(*c);
    c->layer_.connection = c;
    try {
      this->await_output(*c);
    } catch (...) {
      this->roll_.strike(*c);
      this->drop(*c);
      throw;
    }
    return &c->layer_;
  }

  void greet(connection& c, const dial_options& options) {
    c.layer_.is_connecting = false;
    if (options.unix_path.empty()) native_socket::prepare(c.descriptor(), AF_INET, options.user_timeout);
    const layer_output out = c.layer_.greet(this->layers(), c.descriptor(), options);
    if (out.failed) return this->finish(c, out.failed);
    if constexpr (!Layer::shakes_hands) return introduce(c);
    if (out.busy) this->await_output(c);
    this->await_input(c);
  }

  /// Called from any thread, and when we are gone. Without memory the dial ends at its deadline.
  [[nodiscard]] resolve_done on_resolved(dial_id which) {
    return [weak = this->derived().weak_from_this(), which](std::error_code failed,
                                                            std::vector<std::string> addresses) noexcept {
      try {
        const auto self = weak.lock();
        if (!self) return;
        self->post([traffic = self.get(), which, failed, found = std::move(addresses)]() mutable {
          traffic->desk().resolved(which, failed, std::move(found));
        });
      } catch (...) {
      }
    };
  }

  driver driver_{*this};
  dial_desk desk_{driver_};
  dialer_receiver<Connection>* dial_receiver_ = nullptr;
};

}  // namespace hotline::detail
#endif
