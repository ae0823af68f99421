#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/concepts.hpp>
#include <hotline/testing/check.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace hotline::testing::transport_conformance {

/// A client's end, whatever the model's is called.
class client_end {
 public:
  virtual ~client_end() = default;
  virtual void send(std::string_view) = 0;
  virtual void close() = 0;
  virtual void reset() = 0;
  virtual void stall(bool) = 0;
  virtual void window(std::size_t) = 0;
  [[nodiscard]] virtual const std::string& received() const = 0;
  [[nodiscard]] virtual bool closed_by_server() const = 0;
};

/// The calls that were seen of one connection.
struct connection_record {
  void* connection = nullptr;
  std::shared_ptr<client_end> peer;  // the client's end, for connections that `subject::open` made
  std::string data;
  std::size_t reads = 0;
  int writable = 0;
  int closed = 0;
  std::error_code reason;
  bool owed_writable = false;  // a write came short
  bool silenced = false;       // after shutdown and abort nothing may come but on_closed
};

/// A started transport whose receiver writes down what it receives and notices calls that may not be.
/// The tests see no model's type, so that they are compiled once.
class subject : public checker {
 public:
  using checker::checker;
  subject(const subject&) = delete;
  subject& operator=(const subject&) = delete;
  virtual ~subject() = default;

  std::deque<connection_record> seen;  // in the order of on_open
  int ticks = 0;
  void* expected_context = nullptr;  // the context of a connection at its on_open

  // Actions of a test in a callback, after it was written down.
  std::function<void(connection_record&)> when_open = [](auto&) {};
  std::function<void(connection_record&, std::span<char>)> when_data = [](auto&, std::span<char>) {};
  std::function<void(connection_record&)> when_writable = [](auto&) {};
  std::function<void(connection_record&)> when_closed = [](auto&) {};
  std::function<void()> when_tick = [] {};

  // The transport's functions, none of which may call back.

  virtual std::error_code start() = 0;
  virtual hotline::environment& env() = 0;

  std::size_t write(connection_record& r, std::span<const std::string_view> spans) {
    std::size_t size = 0;
    for (const auto& s : spans) size += s.size();
    const std::size_t taken = quietly([&] { return do_write(r.connection, spans); });
    HOTLINE_DETAIL_CHECK(*this, taken <= size);
    if (r.silenced) HOTLINE_DETAIL_CHECK(*this, taken == 0);
    if (taken < size) r.owed_writable = true;
    return taken;
  }
  std::size_t write(connection_record& r, std::string_view bytes) { return write(r, std::array{bytes}); }
  void pause(connection_record& r) {
    quietly([&] { do_pause(r.connection); });
  }
  void resume(connection_record& r) {
    quietly([&] { do_resume(r.connection); });
  }
  void shutdown(connection_record& r) {
    r.silenced = true;
    quietly([&] { do_shutdown(r.connection); });
  }
  void abort(connection_record& r) {
    r.silenced = true;
    quietly([&] { do_abort(r.connection); });
  }
  void post(std::function<void()> f) {
    quietly([&] { do_post([this, f = std::move(f)] { called(f); }); });
  }
  /// The transport's `post` and nothing around it, for other threads.
  virtual void do_post(std::function<void()>) = 0;
  void stop_accepting() {
    quietly([&] { do_stop_accepting(); });
  }
  void stop() {
    stopped_ = true;
    quietly([&] { do_stop(); });
  }

  // The loop and the clients, as the fixture has them.

  virtual bool step() = 0;
  virtual void settle() = 0;
  virtual bool finish() = 0;
  virtual std::shared_ptr<client_end> connect() = 0;

  [[nodiscard]] bool has_stopped() const noexcept { return stopped_; }

  /// Runs the loop until `done`; false: it never was.
  bool drive(const std::function<bool()>& done) {
    while (!done())
      if (!step()) return false;
    return true;
  }

  /// A connection, open at both ends.
  connection_record& open() {
    const std::size_t index = seen.size();
    auto peer = connect();
    HOTLINE_DETAIL_REQUIRE(*this, drive([&] { return seen.size() > index; }));
    seen[index].peer = std::move(peer);
    return seen[index];
  }

 protected:
  virtual std::size_t do_write(void* c, std::span<const std::string_view>) = 0;
  virtual void do_pause(void* c) = 0;
  virtual void do_resume(void* c) = 0;
  virtual void do_shutdown(void* c) = 0;
  virtual void do_abort(void* c) = 0;
  virtual void do_stop_accepting() = 0;
  virtual void do_stop() = 0;

  connection_record& heard_open(void* c) {
    seen.push_back({});
    seen.back().connection = c;
    return seen.back();
  }

  void heard(connection_record& r, const void* c) const {
    HOTLINE_DETAIL_CHECK(*this, r.connection == c);
    HOTLINE_DETAIL_CHECK(*this, r.closed == 0);
  }

  void called(const std::function<void()>& f) {
    HOTLINE_DETAIL_CHECK(*this, !stopped_);
    HOTLINE_DETAIL_CHECK(*this, !inside_callback_);
    HOTLINE_DETAIL_CHECK(*this, !inside_function_);
    inside_callback_ = true;
    f();
    inside_callback_ = false;
  }

  template <class Function>
  std::invoke_result_t<const Function&> quietly(const Function& f) {
    struct guard {
      explicit guard(bool& f) : flag(f), before(std::exchange(f, true)) {}
      guard(const guard&) = delete;
      guard& operator=(const guard&) = delete;
      ~guard() { flag = before; }
      bool& flag;
      bool before;
    } const inside(inside_function_);
    return f();
  }

 private:
  bool stopped_ = false;
  bool inside_callback_ = false;
  bool inside_function_ = false;
};

/// The subject that a fixture makes; <hotline/testing/transport_conformance.hpp> says what a fixture is. `Base` and `Receiver`
/// may be classes that derive from these, for models that have more to promise.
template <class Fixture, class Base = subject,
          class Receiver = hotline::transport_receiver<typename Fixture::transport_type::connection_type>>
class subject_of : public Base, public Receiver {
 public:
  using connection = typename Fixture::transport_type::connection_type;

  explicit subject_of(reporter report) : Base(std::move(report)) {
    HOTLINE_DETAIL_REQUIRE(*this, start() == std::error_code{});
  }
  ~subject_of() override {
    this->stop();
    HOTLINE_DETAIL_CHECK(*this, finish());
  }

  std::error_code start() override { return fixture.transport().start(*this); }
  hotline::environment& env() override { return fixture.transport().env(); }
  void do_post(std::function<void()> f) override { fixture.transport().post(std::move(f)); }
  bool step() override { return fixture.step(); }
  void settle() override { fixture.settle(); }
  bool finish() override { return fixture.finish(); }
  std::shared_ptr<client_end> connect() override { return std::make_shared<end_of>(fixture.connect()); }

  Fixture fixture;

 protected:
  using peer_pointer = decltype(std::declval<Fixture&>().connect());

  class end_of : public client_end {
   public:
    explicit end_of(peer_pointer peer) : peer_(std::move(peer)) {}
    void send(std::string_view bytes) override { peer_->send(bytes); }
    void close() override { peer_->close(); }
    void reset() override { peer_->reset(); }
    void stall(bool on) override { peer_->stall(on); }
    void window(std::size_t bytes) override { peer_->window(bytes); }
    [[nodiscard]] const std::string& received() const override { return peer_->received(); }
    [[nodiscard]] bool closed_by_server() const override { return peer_->closed_by_server(); }

   private:
    peer_pointer peer_;
  };

 private:
  static connection& real(void* c) { return *static_cast<connection*>(c); }

  std::size_t do_write(void* c, std::span<const std::string_view> spans) override {
    return fixture.transport().write(real(c), spans);
  }
  void do_pause(void* c) override { fixture.transport().pause_reading(real(c)); }
  void do_resume(void* c) override { fixture.transport().resume_reading(real(c)); }
  void do_shutdown(void* c) override { fixture.transport().shutdown(real(c)); }
  void do_abort(void* c) override { fixture.transport().abort(real(c)); }
  void do_stop_accepting() override {
    if constexpr (requires { fixture.transport().stop_accepting(); }) fixture.transport().stop_accepting();
  }
  void do_stop() override { fixture.transport().stop(); }

  void on_open(connection& c) override {
    HOTLINE_DETAIL_CHECK(*this, c.context() == this->expected_context);
    HOTLINE_DETAIL_CHECK(*this, !(std::string(c.remote_address()).empty()));
    connection_record& r = this->heard_open(&c);
    c.context() = &r;
    this->called([&] { this->when_open(r); });
  }
  void on_data(connection& c, std::span<char> bytes) override {
    connection_record& r = of(c);
    HOTLINE_DETAIL_CHECK(*this, !bytes.empty());
    HOTLINE_DETAIL_CHECK(*this, !r.silenced);
    r.data.append(bytes.data(), bytes.size());
    ++r.reads;
    this->called([&] { this->when_data(r, bytes); });
  }
  void on_writable(connection& c) override {
    connection_record& r = of(c);
    HOTLINE_DETAIL_CHECK(*this, std::exchange(r.owed_writable, false));
    HOTLINE_DETAIL_CHECK(*this, !r.silenced);
    ++r.writable;
    this->called([&] { this->when_writable(r); });
  }
  void on_closed(connection& c, std::error_code reason) override {
    connection_record& r = of(c);
    ++r.closed;
    r.reason = reason;
    this->called([&] { this->when_closed(r); });
  }
  void on_tick() override {
    ++this->ticks;
    this->called([&] { this->when_tick(); });
  }

  connection_record& of(connection& c) {
    auto& r = *static_cast<connection_record*>(c.context());
    this->heard(r, &c);
    return r;
  }
};

/// Makes a started transport with everything around it.
using factory = std::function<std::unique_ptr<subject>()>;

/// Returns `size` bytes in which no stretch repeats soon.
inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t x = 12345;
  for (char& c : bytes) c = static_cast<char>((x = x * 1664525U + 1013904223U) >> 24U);
  return bytes;
}

/// Writes until a write comes short. Returns the bytes that were taken.
inline std::string fill(subject& s, connection_record& r) {
  const std::string block = pattern(1024 * 1024);
  std::string taken;
  for (int i = 0; i < 64; ++i) {
    const std::size_t n = s.write(r, block);
    taken.append(block, 0, n);
    if (n < block.size()) return taken;
  }
  throw test_failure("64 MiB were taken for a peer that reads nothing");
}

}  // namespace hotline::testing::transport_conformance
#endif
