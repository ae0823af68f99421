#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/dialer.hpp>
#include <hotline/testing/check.hpp>
#include <hotline/testing/transport_conformance/subject.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace hotline::testing::dialer_conformance {

using transport_conformance::client_end;
using transport_conformance::connection_record;

/// The behaviour of a place towards those who connect.
enum class place { accepts, refuses, silent };

/// A dial that came to nothing, as the receiver was notified of it.
struct seen_failure {
  dial_id id{};
  void* context = nullptr;
  dial_stage stage{};
  std::error_code why{};
};

/// A started dialer whose receiver writes down what it receives and notices calls that may not be.
class subject : public transport_conformance::subject {
 public:
  using transport_conformance::subject::subject;

  std::deque<seen_failure> failures{};  // in the order of on_dial_failed
  std::function<void(const seen_failure&)> when_failed = [](const auto&) {};

  // The dialer's functions, none of which may call back.

  result<dial_id> dial(const dial_options& options) {
    return quietly([&] { return do_dial(options); });
  }
  dial_id begin(const dial_options& options) {
    const auto begun = dial(options);
    HOTLINE_DETAIL_REQUIRE(*this, begun.has_value());
    return *begun;
  }
  bool cancel(dial_id which) {
    return quietly([&] { return do_cancel(which); });
  }
  timer_id after(std::chrono::nanoseconds time, std::function<void()> f) {
    return quietly([&] { return do_after(time, [this, f = std::move(f)] { called(f); }); });
  }
  bool cancel(timer_id which) {
    return quietly([&] { return do_cancel(which); });
  }

  // The world around it, as the fixture has it.

  /// Returns options to dial the address of that place.
  [[nodiscard]] dial_options to(place which) {
    dial_options made;
    made.host = address(which);
    made.port = port();
    return made;
  }
  /// Returns options to dial a name, which `resolve` finds.
  [[nodiscard]] dial_options to(std::string name) {
    dial_options made;
    made.host = std::move(name);
    made.port = port();
    return made;
  }
  [[nodiscard]] virtual std::string address(place which) = 0;
  [[nodiscard]] virtual std::uint16_t port() = 0;
  /// From here on the dialer's resolver is this one.
  virtual void resolve(name_resolver by) = 0;
  /// Names have these addresses from here on.
  void resolve_to(const std::vector<place>& places) {
    std::vector<std::string> addresses;
    for (const place p : places) addresses.push_back(address(p));
    resolve([addresses](const std::string&, const resolve_done& done) { done({}, addresses); });
  }
  /// Returns the far end of the next connection that is accepted.
  [[nodiscard]] virtual std::shared_ptr<client_end> accept() = 0;

 protected:
  virtual result<dial_id> do_dial(const dial_options& options) = 0;
  virtual bool do_cancel(dial_id which) = 0;
  virtual timer_id do_after(std::chrono::nanoseconds time, std::function<void()> f) = 0;
  virtual bool do_cancel(timer_id which) = 0;
};

/// The fixture of a dialer as one of a transport.
template <class Fixture>
class as_transport : public Fixture {
 public:
  using transport_type = typename Fixture::dialer_type;

  [[nodiscard]] transport_type& transport() { return this->dialer(); }
  [[nodiscard]] auto connect() { return this->accept(); }
};

/// The subject that a fixture makes; <hotline/testing/dialer_conformance.hpp> says what a fixture is.
template <class Fixture>
class subject_of
    : public transport_conformance::subject_of<as_transport<Fixture>, subject,
                                               dialer_receiver<typename Fixture::dialer_type::connection_type>> {
  using base = transport_conformance::subject_of<as_transport<Fixture>, subject,
                                                 dialer_receiver<typename Fixture::dialer_type::connection_type>>;

 public:
  using base::base;

  [[nodiscard]] std::string address(place which) override { return this->fixture.address(which); }
  [[nodiscard]] std::uint16_t port() override { return this->fixture.port(); }
  void resolve(name_resolver by) override { this->fixture.resolve = std::move(by); }
  [[nodiscard]] std::shared_ptr<client_end> accept() override { return base::connect(); }
  [[nodiscard]] std::shared_ptr<client_end> connect() override {
    auto theirs = std::make_shared<dialed_end>(this->fixture.accept(), *this);
    (void)this->dial(this->fixture.accepting());
    return theirs;
  }

 private:
  /// A dial that stopped before it was accepted has ended too.
  class dialed_end final : public base::end_of {
   public:
    dialed_end(typename base::peer_pointer peer, const subject& dialer)
        : base::end_of(peer), peer_(std::move(peer)), dialer_(dialer) {}

    [[nodiscard]] bool closed_by_server() const override {
      return peer_->has_arrived() ? peer_->closed_by_server() : dialer_.has_stopped();
    }

   private:
    typename base::peer_pointer peer_;
    const subject& dialer_;
  };

  result<dial_id> do_dial(const dial_options& options) override { return this->fixture.dialer().dial(options); }
  bool do_cancel(dial_id which) override { return this->fixture.dialer().cancel(which); }
  timer_id do_after(std::chrono::nanoseconds time, std::function<void()> f) override {
    return this->fixture.dialer().after(time, std::move(f));
  }
  bool do_cancel(timer_id which) override { return this->fixture.dialer().cancel(which); }

  void on_dial_failed(const dial_failure& failed) override {
    this->failures.push_back({failed.id, failed.context, failed.stage, failed.why});
    this->called([&] { this->when_failed(this->failures.back()); });
  }
};

/// Makes a started dialer with everything around it.
using factory = std::function<std::unique_ptr<subject>()>;

}  // namespace hotline::testing::dialer_conformance
#endif
