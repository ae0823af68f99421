#include <hotline/transport/memory_dialer.hpp>

#include <catch2_any.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "dialer_conformance.hpp"
#include "late_peer.hpp"

using namespace std::chrono_literals;

namespace {

using dialer_conformance::place;

class memory_fixture {
 public:
  using dialer_type = hotline::memory_dialer;

  memory_fixture() {
    using manner = hotline::memory_place::manner;
    network_->place(address(place::accepts),
                    port()) = {.on_accept = [this](auto far) { expected_.arrive(std::move(far)); }};
    network_->place(address(place::silent), port()) = {.how = manner::silent};
    network_->place(address(place::refuses), port()) = {.how = manner::refuses, .delay = 5ms};
  }

  hotline::name_resolver resolve;

  dialer_type& dialer() { return dialer_; }
  [[nodiscard]] static std::string address(place which) { return "10.0.0." + std::to_string(static_cast<int>(which)); }
  [[nodiscard]] static std::uint16_t port() { return 6379; }
  [[nodiscard]] static hotline::dial_options accepting() {
    hotline::dial_options made;
    made.host = address(place::accepts);
    made.port = port();
    return made;
  }
  [[nodiscard]] auto accept() { return expected_.expect(); }

  bool step() {
    if (!dialer_.run_one()) dialer_.advance(1ms);
    return --patience_ > 0;
  }
  void settle() { dialer_.run(); }
  bool finish() {
    dialer_.run();
    return true;
  }

 private:
  late_peers<hotline::memory_peer> expected_;
  std::shared_ptr<hotline::memory_network> network_ = std::make_shared<hotline::memory_network>();
  dialer_type dialer_{
      network_,
      std::make_shared<hotline::manual_environment>(),
      {.resolve = [this](const std::string& name, hotline::resolve_done done) { resolve(name, std::move(done)); }}};
  int patience_ = 1'000'000;
};

}  // namespace

TEST_CASE("memory_dialer is a dialer", "[dialer]") { dialer_conformance::run<memory_fixture>(); }
